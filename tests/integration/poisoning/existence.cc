// Hosts and readers ask about objects of a domain that is not theirs, half of
// them existing: the answers must be the same.
//
// usage: existence [--questions N] [--seed N]
//
// Asked are offers, puts and commits by another host of the vault and by hosts
// of another vault; fetches by a host and by a reader of another vault. Exit
// code 1 if any answer to a question about an existing object is one that is
// never given about another, or the other way round.

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <random>

#include "absl/strings/str_replace.h"
#include "common/crypto/random.h"
#include "common/snapshot/manifest.h"
#include "tests/integration/poisoning/poison_world.h"
#include "tests/support/deposit_call.h"

namespace nightsafe {
namespace {

// A stream is begun anew after so many questions: it has a deadline.
constexpr size_t kQuestionsAStream = 500;

class Asker {
 public:
  Asker(TestServer& server, const HostCredential& credential)
      : credential_(credential), connection_(server.Connect(credential)) {}

  v1::DepositReply Offer(const ObjectId& id) {
    v1::DepositRequest request;
    request.mutable_offer()->set_ids(std::string(id.text()));
    request.mutable_offer()->set_number(Next());
    return Say(request);
  }
  v1::DepositReply Put(const std::string& object) {
    v1::DepositRequest request;
    request.mutable_put()->add_objects(object);
    request.mutable_put()->set_number(Next());
    return Say(request);
  }
  // Of a snapshot whose root refers to `id`.
  v1::DepositReply Commit(const ObjectId& id) {
    Next();
    const DomainKeys keys(credential_.deposit_key.domain_secret);
    const auto root =
        Sealer(keys).Seal(ObjectKind::kNode, {id}, AsBytes("node")).value();
    Put(root.bytes);
    v1::format::ManifestClear clear;
    clear.set_set("files");
    clear.set_chain_counter(1);
    clear.set_method(v1::format::FILES);
    clear.set_consistency(v1::format::CRASH);
    clear.set_session(std::string(session_.text()));
    v1::DepositRequest request;
    request.mutable_commit()->set_manifest(
        SealManifest(credential_.deposit_key, clear, {}, root.ref).value());
    return Say(request);
  }
  const Connection& connection() const { return *connection_; }

 private:
  uint64_t Next() {
    if (call_ == nullptr || number_ % kQuestionsAStream == 0) {
      if (call_ != nullptr) call_->Finish();
      call_ = std::make_unique<DepositCall>(*connection_);
      session_ = RandomId<SessionId>();
      call_->Open(session_);
    }
    return ++number_;
  }
  v1::DepositReply Say(const v1::DepositRequest& request) {
    v1::DepositReply reply;
    if (!call_->Write(request) || !call_->Read(reply)) {
      std::fprintf(stderr, "the stream ended: %s\n",
                   call_->Finish().error_message().c_str());
      std::abort();
    }
    return reply;
  }

  const HostCredential& credential_;
  const std::unique_ptr<Connection> connection_;
  std::unique_ptr<DepositCall> call_;
  SessionId session_;
  uint64_t number_ = 0;
};

class Interrogation {
 public:
  Interrogation(size_t questions, uint64_t seed)
      : questions_(questions),
        random_(seed),
        world_(seed),
        other_keyring_(world_.server().AddVault("other")),
        own_(world_.server().EnrolHost("evil2")),
        foreign_(world_.server().EnrolHost("other", *other_keyring_, "mail1")),
        neighbour_(world_.server(), own_),
        stranger_(world_.server(), foreign_),
        putting_(world_.server().EnrolHost("other", *other_keyring_, "mail2")),
        putter_(world_.server(), putting_),
        reading_(world_.server().Connect(
            world_.server().EnrolReader("bob", {"other"}))) {
    existing_ = world_.ForeseeNight();
    const auto backup = world_.Backup();
    std::erase_if(existing_, [&](const Target& target) {
      return !world_.Fetch(target.id).ok();
    });
    domain_ = world_.server()
                  .server()
                  .data()
                  .registry()
                  .FindHost("main", "web1")
                  ->domain_number;
    // So that the asked ids and a manifest, too, are of the honest host.
    if (backup.ok()) {
      existing_.push_back(
          {ObjectId::FromValidBytes(AsBytes(backup->snapshot.text())), ""});
    }
  }

  bool Run() {
    // How many there are depends on where the secret of the domain cuts.
    if (existing_.size() < kFewest) {
      std::printf("only %zu existing objects to ask about\n", existing_.size());
      return false;
    }
    for (size_t i = 0; i < questions_; ++i) AskOne(i % kKinds);
    size_t told = 0;
    for (const auto& [kind, answers] : answers_) {
      size_t told_here = 0;
      for (const auto& [text, counts] : answers) {
        // Given about the ones and never about the others.
        if (counts[0] == 0 || counts[1] == 0) {
          told_here += counts[0] + counts[1];
          std::printf("  only about %s ones: %s\n",
                      counts[0] == 0 ? "existing" : "absent", text.c_str());
        }
      }
      std::printf("%-38s %6zu questions, %zu kinds of answer\n", kind,
                  asked_[kind], answers.size());
      told += told_here;
    }
    std::printf(
        "%zu questions, about %zu existing objects and as many that do "
        "not exist: %zu answered\n",
        questions_, existing_.size(), told);
    return told == 0;
  }

 private:
  static constexpr size_t kKinds = 9;
  static constexpr size_t kFewest = 4;

  void AskOne(size_t kind) {
    const bool exists = random_() % 2 == 0;
    const Target& one = existing_[random_() % existing_.size()];
    const ObjectId id = exists ? one.id : RandomId<ObjectId>();
    switch (kind) {
      case 0:
        return Note("offer, host of the same vault", exists, id,
                    Text(neighbour_.Offer(id)));
      case 1:
        return Note("offer, host of another vault", exists, id,
                    Text(stranger_.Offer(id)));
      case 2:
        return Note("commit above it, same vault", exists, id,
                    Text(neighbour_.Commit(id)));
      case 3:
        return Note("commit above it, another vault", exists, id,
                    Text(stranger_.Commit(id)));
      case 4:
        return Note("fetch by a host", exists, id,
                    Fetch(neighbour_.connection(), "main", domain_, id));
      case 5:
        return Note("fetch by a reader of another vault", exists, id,
                    Fetch(*reading_, "main", domain_, id));
      case 6:
        return Note("fetch from the reader's own vault", exists, id,
                    Fetch(*reading_, "other", domain_, id));
      case 7:
        return Note("fetch from a vault that is not", exists, id,
                    Fetch(*reading_, "nothere", domain_, id));
      default:
        return AskByPut(exists, one);
    }
  }

  // Which makes it exist in its own domain: so a host of its own asks.
  void AskByPut(bool exists, const Target& one) {
    std::string bytes = one.bytes;
    if (bytes.empty()) bytes = existing_.front().bytes;
    if (!exists) bytes.back() = static_cast<char>(random_());
    Note("put of the same bytes", exists, ObjectIdOf(AsBytes(bytes)),
         Text(putter_.Put(bytes)));
  }

  static std::string Text(v1::DepositReply reply) {
    if (reply.has_wanted()) reply.mutable_wanted()->set_number(0);
    if (reply.has_stored()) reply.mutable_stored()->set_upto(0);
    return reply.SerializeAsString();
  }

  static std::string Fetch(const Connection& connection,
                           const std::string& vault, uint32_t domain,
                           const ObjectId& id) {
    std::string text;
    const absl::Status status =
        RetrieveClient(connection)
            .FetchObjects(vault, domain, {id}, [&](RemoteObject object) {
              text += object.status.ToString() + object.bytes;
              return absl::OkStatus();
            });
    return text + status.ToString();
  }

  void Note(const char* kind, bool exists, const ObjectId& id,
            const std::string& answer) {
    const std::string text = absl::StrReplaceAll(
        answer, {{std::string(id.text()), "ID"}, {id.Hex(), "ID"}});
    ++answers_[kind][text][exists ? 1 : 0];
    ++asked_[kind];
  }

  const size_t questions_;
  std::mt19937_64 random_;
  PoisonWorld world_;
  const std::unique_ptr<Keyring> other_keyring_;
  const HostCredential own_, foreign_;
  Asker neighbour_, stranger_;
  const HostCredential putting_;
  Asker putter_;
  const std::unique_ptr<Connection> reading_;
  std::vector<Target> existing_;
  uint32_t domain_ = 0;
  // By kind of question and answer: about absent ones, about existing ones.
  std::map<const char*, std::map<std::string, std::array<size_t, 2>>> answers_;
  std::map<const char*, size_t> asked_;
};

}  // namespace
}  // namespace nightsafe

int main(int argc, char** argv) {
  size_t questions = 10'000;
  uint64_t seed = std::random_device()();
  for (int i = 1; i + 1 < argc; i += 2) {
    const uint64_t value = std::strtoull(argv[i + 1], nullptr, 10);
    if (std::strcmp(argv[i], "--questions") == 0) questions = value;
    if (std::strcmp(argv[i], "--seed") == 0) seed = value;
  }
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  return nightsafe::Interrogation(questions, seed).Run() ? 0 : 1;
}
