#include "tests/integration/poisoning/tricks.h"

#include <algorithm>

#include "common/crypto/random.h"
#include "common/snapshot/manifest.h"
#include "tests/support/domain_fixture.h"

namespace nightsafe {
namespace {

using Random = std::mt19937_64;

constexpr size_t kSuiteAt = 2;
constexpr size_t kKindAt = 3;

// One stream with an open session.
class Stream {
 public:
  explicit Stream(const Intruder& intruder, const std::string& set = "evil")
      : call_(intruder.connection), session_(RandomId<SessionId>()) {
    open_ = call_.Open(session_, set);
  }
  const SessionId& session() const { return session_; }

  void Say(const v1::DepositRequest& request) {
    v1::DepositReply reply;
    open_ = open_ && call_.Write(request) && call_.Read(reply);
  }
  void Put(const std::vector<std::string>& objects) {
    v1::DepositRequest request;
    request.mutable_put()->set_number(++puts_);
    for (const std::string& object : objects) {
      request.mutable_put()->add_objects(object);
    }
    Say(request);
  }
  void Offer(const std::vector<ObjectId>& ids) {
    v1::DepositRequest request;
    request.mutable_offer()->set_number(++offers_);
    for (const ObjectId& id : ids) {
      request.mutable_offer()->mutable_ids()->append(std::string(id.text()));
    }
    Say(request);
  }
  void Commit(const std::string& manifest) {
    v1::DepositRequest request;
    request.mutable_commit()->set_manifest(manifest);
    Say(request);
  }
  // The connection breaks behind half a stream.
  void WriteOnly(const v1::DepositRequest& request) {
    open_ = false;
    call_.Write(request);
  }
  ~Stream() {
    if (open_) call_.Finish();
  }

 private:
  DepositCall call_;
  const SessionId session_;
  bool open_ = false;
  uint64_t puts_ = 0;
  uint64_t offers_ = 0;
};

size_t Below(Random& random, size_t limit) { return random() % limit; }

std::string Truncated(const Target& target, Random& random) {
  return target.bytes.substr(0, Below(random, target.bytes.size()));
}

std::string WithByte(std::string bytes, size_t at, Random& random) {
  bytes[at] = static_cast<char>(bytes[at] ^ (1 + Below(random, 255)));
  return bytes;
}

// A node that refers to `id` alone.
SealedObject NodeAbove(const Intruder& intruder, const ObjectId& id) {
  const DomainKeys keys(intruder.credential.deposit_key.domain_secret);
  return Sealer(keys).Seal(ObjectKind::kNode, {id}, AsBytes("node")).value();
}

std::string ManifestOf(const Intruder& intruder, const SessionId& session,
                       const ObjectRef& root, const std::string& set) {
  v1::format::ManifestClear clear;
  clear.set_set(set);
  clear.set_chain_counter(1);
  clear.set_method(v1::format::FILES);
  clear.set_consistency(v1::format::CRASH);
  clear.set_session(std::string(session.text()));
  return SealManifest(intruder.credential.deposit_key, clear, {}, root).value();
}

void OtherBody(const Intruder& intruder, const Target& target, const Target&,
               Random& random) {
  Stream(intruder).Put({WrongBody(target, random)});
}
void Cut(const Intruder& intruder, const Target& target, const Target&,
         Random& random) {
  Stream(intruder).Put({Truncated(target, random)});
}
void Longer(const Intruder& intruder, const Target& target, const Target&,
            Random& random) {
  Stream(intruder).Put(
      {target.bytes + PseudoRandomBytes(1 + Below(random, 100), random())});
}
void OtherKind(const Intruder& intruder, const Target& target, const Target&,
               Random& random) {
  std::string bytes = target.bytes;
  const char kind = bytes[kKindAt];
  while (bytes[kKindAt] == kind) {
    bytes[kKindAt] = static_cast<char>(Below(random, 4));
  }
  Stream(intruder).Put({bytes});
}
void OtherSuite(const Intruder& intruder, const Target& target, const Target&,
                Random& random) {
  Stream(intruder).Put({WithByte(target.bytes, kSuiteAt, random)});
}
void OtherRefs(const Intruder& intruder, const Target& target, const Target&,
               Random& random) {
  const ObjectView view = ParseObject(AsBytes(target.bytes)).value();
  std::vector<ObjectId> refs;
  for (size_t i = 0; i < view.ref_count(); ++i) refs.push_back(view.ref(i));
  const auto place = Below(random, refs.size() + 1);
  if (place < refs.size()) {
    refs[place] = RandomId<ObjectId>();
  } else {
    refs.push_back(RandomId<ObjectId>());
  }
  std::sort(refs.begin(), refs.end());
  std::string bytes = EncodeObjectHeader(ObjectKind::kNode, refs);
  bytes += std::string(AsText(view.body));
  Stream(intruder).Put({bytes});
}
// The same plaintext or another, under the domain's keys or others.
void OtherCiphertext(const Intruder& intruder, const Target& target,
                     const Target&, Random& random) {
  const DomainKeys shared(intruder.credential.deposit_key.domain_secret);
  const DomainKeys foreign = TestDomainKeys();
  Sealer sealer(random() % 2 == 0 ? shared : foreign,
                1 + static_cast<int>(random() % 9));
  const std::string plain = random() % 2 == 0
                                ? CompressibleText(target.bytes.size() % 90'000)
                                : PseudoRandomBytes(1000, random());
  Stream(intruder).Put(
      {sealer.Seal(ObjectKind::kData, {}, AsBytes(plain)).value().bytes});
}
void OfferAlone(const Intruder& intruder, const Target& target,
                const Target& other, Random&) {
  Stream(intruder).Offer({target.id, other.id});
}
void OfferAndSwap(const Intruder& intruder, const Target& target,
                  const Target& other, Random& random) {
  Stream stream(intruder);
  stream.Offer({target.id, other.id});
  stream.Put({WrongBody(other, random), WrongBody(target, random)});
}
void HalfRight(const Intruder& intruder, const Target& target,
               const Target& other, Random& random) {
  Stream(intruder).Put({WrongBody(target, random), other.bytes,
                        Truncated(target, random), target.bytes});
}
// No field of a put names an id, a kind or a domain: these are unknown ones.
void UnknownFields(const Intruder& intruder, const Target& target,
                   const Target&, Random& random) {
  v1::DepositRequest request;
  auto& put = *request.mutable_put();
  put.set_number(1);
  put.add_objects(random() % 2 == 0 ? WrongBody(target, random) : target.bytes);
  auto& unknown = *put.GetReflection()->MutableUnknownFields(&put);
  unknown.AddLengthDelimited(3)->assign(std::string(target.id.text()));
  unknown.AddVarint(4, 1);  // a domain number
  unknown.AddLengthDelimited(5)->assign("web1");
  Stream(intruder).Say(request);
}
// Its true bytes: in another domain they must count for nothing, in its own
// they do no harm.
void TrueBytes(const Intruder& intruder, const Target& target, const Target&,
               Random&) {
  Stream(intruder).Put({target.bytes});
}
void RootAboveIt(const Intruder& intruder, const Target& target, const Target&,
                 Random&) {
  Stream stream(intruder);
  const SealedObject root = NodeAbove(intruder, target.id);
  stream.Put({root.bytes});
  stream.Commit(ManifestOf(intruder, stream.session(), root.ref, "evil"));
}
// By a key that the vault certified for the domain, but not for this host.
void InTheOthersName(const Intruder& intruder, const Target& target,
                     const Target& other, Random& random) {
  Stream stream(intruder);
  const SealedObject root = NodeAbove(intruder, target.id);
  stream.Put({WrongBody(target, random), other.bytes, root.bytes});
  stream.Commit(ManifestOf(intruder, stream.session(), root.ref, "files"));
}
void BrokenOff(const Intruder& intruder, const Target& target, const Target&,
               Random& random) {
  v1::DepositRequest request;
  request.mutable_put()->set_number(1);
  request.mutable_put()->add_objects(WrongBody(target, random));
  Stream(intruder).WriteOnly(request);
}
void AsManifest(const Intruder& intruder, const Target& target, const Target&,
                Random&) {
  Stream stream(intruder);
  stream.Put({ManifestOf(intruder, stream.session(),
                         NodeAbove(intruder, target.id).ref, "evil")});
}

}  // namespace

std::string WrongBody(const Target& target, Random& random) {
  const size_t header =
      ParseObject(AsBytes(target.bytes)).value().header.size();
  return WithByte(target.bytes,
                  header + Below(random, target.bytes.size() - header), random);
}

void OfferAndPutOther(const Intruder& intruder, const Target& target,
                      const Target&, Random& random) {
  Stream stream(intruder);
  stream.Offer({target.id});
  stream.Put({WrongBody(target, random)});
}

const std::vector<Trick>& Tricks() {
  static const auto* const tricks = new std::vector<Trick>{
      {"other bytes in the body", OtherBody},
      {"cut short", Cut},
      {"bytes behind its end", Longer},
      {"another kind", OtherKind},
      {"another suite", OtherSuite},
      {"other references", OtherRefs},
      {"another ciphertext", OtherCiphertext},
      {"offered, then other bytes", OfferAndPutOther},
      {"offered, never put", OfferAlone},
      {"two offered, put in each other's place", OfferAndSwap},
      {"wrong, right and cut in one put", HalfRight},
      {"id and domain in unknown fields", UnknownFields},
      {"its true bytes, first", TrueBytes},
      {"committed below a root that lacks it", RootAboveIt},
      {"a manifest in the other's set", InTheOthersName},
      {"broken off", BrokenOff},
      {"a manifest as an object", AsManifest},
  };
  return *tricks;
}

}  // namespace nightsafe
