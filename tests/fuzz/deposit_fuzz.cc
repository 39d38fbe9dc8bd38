// The input is a deposit stream as a hostile host may send it: messages as they
// are, or put together from a real tree of objects with bytes changed, against
// a real vault. A model knows which objects are stored; offers, missing ids and
// what a commit leaves readable must agree with it.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/order/order.h"
#include "google/protobuf/stubs/logging.h"
#include "server/service/convert.h"
#include "server/service/deposit_stream.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/vault_fixture.h"

namespace nightsafe {
namespace {

using v1::DepositReply;
using v1::DepositRequest;

constexpr int kInputsPerWorld = 2000;
constexpr size_t kMaxMessages = 32;

// A server's data with one vault and one host. What inputs stored stays for
// later ones, until a new world is made.
struct World {
  World() {
    const SigningKey admin = SigningKey::Generate();
    const ServerId server = MakeServerId(admin.verify_key());
    const std::string path = directory.Path("data");
    NS_CHECK(
        DataDirectory::Init(*fs, path, server, admin.verify_key(), clock).ok());
    DataOptions options;
    options.reserve_bytes = 0;
    options.reserve_share = 0;
    StartupReport report;
    data = DataDirectory::Open(*fs, path, clock, options, report).value();
    NS_CHECK(data->AddVault(keys.registration(), AsBytes("keyring")).ok());
    NS_CHECK(data->registry()
                 .AddHost("home", "web1", "", TokenHash{},
                          clock.Now() + absl::Hours(1))
                 .ok());
  }

  TestClock clock;
  TemporaryDirectory directory;
  std::unique_ptr<FileSystem> fs = NewPosixFileSystem();
  const TestVault keys;
  const TestHost host = keys.MakeHost("web1", 1);
  const TestTree tree = host.MakeTree(6, 40, 1);
  std::unique_ptr<DataDirectory> data;
  Admission admission{[](Vault&, absl::string_view, absl::string_view,
                         absl::Time) { return HostLimits{}; },
                      clock};
  Counters counters;
  std::set<ObjectId> stored;
  std::map<SessionId, std::string> manifests;
  int inputs = 0;
};

class Run {
 public:
  Run(World& world, FuzzInput& input)
      : world_(world),
        input_(input),
        stream_(
            *world.data, {"home", "web1"},
            [](const SessionId&) { return absl::OkStatus(); }, world.admission,
            world.counters) {}

  void All() {
    for (size_t i = 0; i < kMaxMessages && !input_.done(); ++i) {
      if (!One()) return;
    }
  }

 private:
  // False: the stream ended.
  bool One() {
    switch (input_.Below(5)) {
      case 0: {
        DepositRequest request;
        if (!request.ParseFromString(input_.Text(2))) return true;
        return Send(request);
      }
      case 1:
        return Send(OpenRequest());
      case 2:
        return Send(OfferRequest());
      case 3:
        return Send(PutRequest());
      default:
        return Send(CommitRequest());
    }
  }

  DepositRequest OpenRequest() {
    DepositRequest request;
    auto& open = *request.mutable_open();
    open.set_protocol(1);
    open.set_set("files");
    session_.bytes[0] = static_cast<std::byte>(input_.Number());
    open.set_session(std::string(session_.text()));
    return request;
  }
  DepositRequest OfferRequest() {
    DepositRequest request;
    auto& offer = *request.mutable_offer();
    offer.set_number(++number_);
    for (size_t left = 1 + input_.Below(8); left > 0; --left) {
      ObjectId id = Object().ref.id;
      if (input_.Below(4) == 0) id.bytes[9] ^= std::byte{1};
      AppendBytes(id.view(), *offer.mutable_ids());
    }
    return request;
  }
  DepositRequest PutRequest() {
    DepositRequest request;
    auto& put = *request.mutable_put();
    put.set_number(++number_);
    for (size_t left = 1 + input_.Below(8); left > 0; --left) {
      put.add_objects(Changed(Object().bytes));
    }
    return request;
  }
  // All objects of the tree first, if the input says so.
  DepositRequest CommitRequest() {
    DepositRequest request;
    if (input_.Flag()) PutTree();
    std::string& manifest = world_.manifests[session_];
    if (manifest.empty()) {
      const bool keyed = input_.Below(4) == 0;
      manifest = world_.host.MakeManifest(world_.tree.root, session_,
                                          keyed ? "wal" : "",
                                          keyed ? input_.Text() : "");
    }
    request.mutable_commit()->set_manifest(Changed(manifest));
    return request;
  }
  void PutTree() {
    DepositRequest request;
    request.mutable_put()->set_number(++number_);
    for (const SealedObject& object : world_.tree.objects) {
      request.mutable_put()->add_objects(object.bytes);
    }
    Send(request);
  }

  const SealedObject& Object() {
    return world_.tree.objects[input_.Below(world_.tree.objects.size())];
  }
  std::string Changed(std::string bytes) {
    if (input_.Below(4) != 0) return bytes;
    const size_t at = input_.Number(2) % bytes.size();
    bytes[at] =
        static_cast<char>(bytes[at] ^ static_cast<char>(input_.Number()));
    if (input_.Flag()) bytes.resize(at);
    return bytes;
  }

  bool Send(const DepositRequest& request) {
    const absl::StatusOr<DepositReply> reply = stream_.Handle(request);
    if (request.has_put()) NotePuts(request.put(), reply.status());
    if (!reply.ok()) {
      NS_CHECK(absl::IsInvalidArgument(reply.status()) ||
               absl::IsFailedPrecondition(reply.status()) ||
               absl::IsPermissionDenied(reply.status()));
      return false;
    }
    switch (reply->message_case()) {
      case DepositReply::kOpened:
        NS_CHECK(request.has_open());
        break;
      case DepositReply::kWanted:
        CheckWanted(request.offer(), reply->wanted());
        break;
      case DepositReply::kStored:
        NS_CHECK(reply->stored().upto() == request.put().number());
        break;
      case DepositReply::kCommitted:
        CheckCommitted(request.commit(), reply->committed());
        break;
      case DepositReply::kIncomplete:
        CheckIncomplete(reply->incomplete());
        break;
      default:
        NS_CHECK(reply->has_same() || reply->has_conflict());
    }
    return true;
  }

  // Those before the first refused one are stored.
  void NotePuts(const DepositRequest::Put& put, const absl::Status& status) {
    std::vector<ObjectId> ids;
    for (const std::string& object : put.objects()) {
      const auto view = ParseObject(AsBytes(object));
      if (!view.ok() || view->kind == ObjectKind::kManifest) {
        NS_CHECK(!status.ok());
        break;
      }
      ids.push_back(ObjectIdOf(AsBytes(object)));
    }
    if (status.ok()) {
      world_.stored.insert(ids.begin(), ids.end());
    } else {
      // Whether it came so far depends on the stream; the vault knows.
      NoteFound(ids);
    }
  }
  void NoteFound(const std::vector<ObjectId>& ids) {
    NS_CHECK(HomeVault()
                 .Fetch(1, ids,
                        [&](const FetchedObject& object) {
                          if (object.status.ok()) {
                            world_.stored.insert(object.id);
                          }
                          return absl::OkStatus();
                        })
                 .ok());
  }

  void CheckWanted(const DepositRequest::Offer& offer,
                   const DepositReply::Wanted& wanted) {
    NS_CHECK(wanted.number() == offer.number());
    const auto ids = ToObjectIds(offer.ids(), kMaxOfferIds);
    NS_CHECK(ids.ok() && wanted.bitmap().size() == (ids->size() + 7) / 8);
    for (size_t i = 0; i < ids->size(); ++i) {
      const auto byte = static_cast<uint8_t>(wanted.bitmap()[i / 8]);
      NS_CHECK(((byte >> i % 8 & 1) == 0) == world_.stored.contains((*ids)[i]));
    }
  }

  void CheckCommitted(const DepositRequest::Commit& commit,
                      const DepositReply::Committed& committed) {
    const ObjectId manifest = ObjectIdOf(AsBytes(commit.manifest()));
    NS_CHECK(committed.snapshot() == manifest.text());
    std::vector<ObjectId> ids = {manifest};
    for (const SealedObject& object : world_.tree.objects) {
      ids.push_back(object.ref.id);
    }
    NS_CHECK(HomeVault()
                 .Fetch(1, ids,
                        [](const FetchedObject& object) {
                          NS_CHECK(object.status.ok());
                          return absl::OkStatus();
                        })
                 .ok());
    NS_CHECK(HomeVault().Snapshots({}).at(committed.sequence() - 1).id.text() ==
             committed.snapshot());
  }
  void CheckIncomplete(const DepositReply::Incomplete& incomplete) {
    const auto ids = ToObjectIds(incomplete.missing(), kMaxMissingIds);
    NS_CHECK(ids.ok());
    for (const ObjectId& id : *ids) NS_CHECK(!world_.stored.contains(id));
  }

  Vault& HomeVault() { return *world_.data->FindVault("home").value(); }

  World& world_;
  FuzzInput& input_;
  DepositStream stream_;
  SessionId session_;
  uint64_t number_ = 0;
};

}  // namespace
}  // namespace nightsafe

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nightsafe;
  google::protobuf::SetLogHandler(nullptr);
  // Not empty first: RocksDB's own statics must outlive it.
  static std::unique_ptr<World> world = std::make_unique<World>();
  if (++world->inputs == kInputsPerWorld) {
    world.reset();
    world = std::make_unique<World>();
  }
  FuzzInput input(data, size);
  Run(*world, input).All();
  return 0;
}
