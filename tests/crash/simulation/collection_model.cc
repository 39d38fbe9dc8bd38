#include "tests/crash/simulation/collection_model.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "common/base/check.h"
#include "common/base/status.h"
#include "common/crypto/random.h"
#include "common/order/order.h"
#include "common/snapshot/manifest.h"
#include "tests/crash/simulation/ledger.h"
#include "tests/crash/simulation/seeded_random.h"

namespace nightsafe {
namespace {

constexpr size_t kMaxSessions = 3;
constexpr size_t kMaxSnapshots = 8;
constexpr int kMaxRounds = 12;
constexpr int kMaxDepth = 2;

absl::Status Broken(absl::string_view what) {
  return absl::InternalError(std::string(what));
}

}  // namespace

CollectionModel::CollectionModel(const CollectionModelOptions& options,
                                 CollectionFigures& figures)
    : options_(options), figures_(figures), random_(options.seed) {
  store_options_.reserve_bytes = 0;
  store_options_.reserve_share = 0;
  store_options_.data_pack_bytes = (1 << 10) + random_() % (6 << 10);
  store_options_.node_pack_bytes = (1 << 10) + random_() % (3 << 10);
  store_options_.max_waiting = 3 + random_() % 30;
  store_options_.defect = options.defect;
  // Sessions that touch more than is remembered.
  if (options.defect == CollectionDefect::kForgetOverflow ||
      (options.defect == CollectionDefect::kNone && options.seed % 4 == 0)) {
    store_options_.max_touches = 2 + MixSeed(options.seed, 8) % 10;
  }
  store_options_.between_steps = [this] { Between(); };
}

CollectionModel::~CollectionModel() {
  collection_.reset();
  sessions_.clear();
}

absl::Status CollectionModel::Run() {
  const SeededRandom product(MixSeed(options_.seed, 7));
  NS_RETURN_IF_ERROR(SetUp());
  const uint64_t end = figures_.steps + options_.steps;
  while (figures_.steps < end) {
    ++figures_.steps;
    NS_RETURN_IF_ERROR(StepOnce());
    NS_RETURN_IF_ERROR(violation_);
    RemoveDone();
    if (random_() % 16 == 0) NS_RETURN_IF_ERROR(CheckAll());
  }
  return CheckAll();
}

absl::Status CollectionModel::SetUp() {
  auto disk = std::make_unique<SimDisk>(random_());
  NS_RETURN_IF_ERROR(disk->MakeDirectory(kSimData, 0750));
  NS_RETURN_IF_ERROR(disk->SyncDirectory("/"));
  disk->SyncNamesWithData("/index/");
  server_ = std::make_unique<SimServer>(std::move(disk), store_options_);
  admin_ = std::make_unique<SigningKey>(SigningKey::Generate());
  NS_RETURN_IF_ERROR(
      server_->Init(MakeServerId(admin_->verify_key()), admin_->verify_key()));
  NS_RETURN_IF_ERROR(server_->Start());
  keys_ = std::make_unique<TestVault>("home");
  NS_RETURN_IF_ERROR(
      server_->data().AddVault(keys_->registration(), AsBytes("keyring")));
  NS_ASSIGN_OR_RETURN(vault_, server_->data().FindVault("home"));
  NS_RETURN_IF_ERROR(AddWriters());
  return SetPolicy();
}

absl::Status CollectionModel::AddWriters() {
  for (const char* name : {"web", "db"}) {
    NS_ASSIGN_OR_RETURN(HostRegistration host,
                        server_->data().registry().AddHost(
                            "home", name, "", RandomId<TokenHash>(),
                            absl::FromUnixSeconds(2e9)));
    auto key = std::make_shared<DepositKey>(
        MintDepositKey(keys_->keyring().DeriveEnrolKey(), name, host.host_epoch,
                       host.domain, host.domain_epoch));
    // Few trees of few parts: what is condemned is often needed again.
    Forest forest(key->domain_secret);
    std::vector<std::vector<uint32_t>> parts(5);
    for (auto& part : parts) {
      for (int i = 0; i < 4; ++i) {
        part.push_back(static_cast<uint32_t>(random_() % 9));
      }
    }
    std::vector<Forest::Tree> trees;
    for (int i = 0; i < 5; ++i) {
      std::vector<uint32_t> leaves;
      const size_t count = 1 + random_() % 3;
      for (size_t part = 0; part < count; ++part) {
        const auto& chosen = parts[random_() % parts.size()];
        leaves.insert(leaves.end(), chosen.begin(), chosen.end());
      }
      trees.push_back(forest.Make(leaves));
    }
    for (const char* set : {"files", "mail"}) {
      writers_.push_back(
          {.host = host, .set = set, .key = key, .trees = trees});
    }
  }
  return absl::OkStatus();
}

// Nothing is too young to expire, nor to be purged.
absl::Status CollectionModel::SetPolicy() {
  v1::format::Order order;
  v1::format::Policy& policy = *order.mutable_set_policy()->mutable_policy();
  policy.set_min_age_s(0);
  policy.set_trash_s(0);
  NS_RETURN_IF_ERROR(Give(order));
  order.mutable_undelete();  // lowered values count when the old ones passed
  for (int day = 0; day < 40; ++day) {
    server_->clock().Set(server_->clock().Now() + absl::Hours(24));
    NS_RETURN_IF_ERROR(Give(order));
  }
  return absl::OkStatus();
}

absl::Status CollectionModel::Give(v1::format::Order order) {
  order.set_server_id(
      std::string(server_->data().registry().server_id().text()));
  order.set_vault("home");
  order.set_nonce(std::string(RandomId<SessionId>().text()));
  order.set_issued_unix_ns(absl::ToUnixNanos(server_->clock().Now()));
  return vault_->Obey(SignOrder(*admin_, order));
}

absl::Status CollectionModel::StepOnce() {
  const uint64_t dice = random_() % 1000;
  if (dice < 110) return OpenSession();
  if (dice < 560) return UseSession();
  if (dice < 580) return DropSession();
  if (dice < 640) return ExpireSome();
  if (dice < 655) return UndeleteSome();
  if (dice < 710) return Purge();
  if (dice < 718) return Spoil();
  if (dice < 730) return Sweep();
  if (depth_ == 0 && dice < 750) return Restart();
  return Collect();
}

void CollectionModel::Between() {
  if (depth_ >= kMaxDepth || !violation_.ok()) return;
  if (random_() % 3 != 0) return;
  ++depth_;
  // Often enough for a whole collection.
  const uint64_t count = random_() % 4 == 0 ? 40 : 1 + random_() % 4;
  for (uint64_t i = 0; i < count && violation_.ok(); ++i) {
    ++figures_.steps;
    ++figures_.within;
    violation_ = count == 40 && random_() % 2 == 0 ? Collect() : StepOnce();
  }
  --depth_;
}

AttemptPtr CollectionModel::MakeAttempt(const Writer& writer) {
  const Forest::Tree& tree = writer.trees[random_() % writer.trees.size()];
  auto attempt = std::make_shared<Attempt>();
  attempt->vault = "home";
  attempt->host = writer.host.name;
  attempt->set = writer.set;
  attempt->domain_number = writer.host.domain_number;
  attempt->session = RandomId<SessionId>();
  attempt->objects = tree.objects;
  v1::format::ManifestClear clear;
  clear.set_set(writer.set);
  clear.set_chain_counter(writer.counter + 1);
  if (writer.counter > 0) {
    clear.set_previous_manifest(std::string(writer.head.text()));
  }
  clear.set_method(v1::format::FILES);
  clear.set_consistency(v1::format::CRASH);
  clear.set_started_unix_ns(1);
  clear.set_finished_unix_ns(2);
  clear.set_session(std::string(attempt->session.text()));
  v1::format::ManifestSealed sealed;
  sealed.set_agent_version("model");
  auto manifest = SealManifest(*writer.key, clear, sealed, tree.root);
  NS_CHECK(manifest.ok());
  attempt->manifest = *std::move(manifest);
  attempt->snapshot = ParseManifest(AsBytes(attempt->manifest))->id;
  return attempt;
}

absl::Status CollectionModel::OpenSession() {
  if (sessions_.size() >= kMaxSessions + static_cast<size_t>(depth_)) {
    return absl::OkStatus();
  }
  auto session = std::make_unique<Session>();
  session->writer = random_() % writers_.size();
  for (const auto& other : sessions_) {
    if (other->writer == session->writer) return absl::OkStatus();
  }
  const Writer& writer = writers_[session->writer];
  session->attempt = MakeAttempt(writer);
  // A stale index: it believes that all is there and offers nothing.
  session->asked = random_() % 2 == 0;
  NS_ASSIGN_OR_RETURN(
      session->deposit,
      vault_->OpenSession(writer.host, writer.set, session->attempt->session));
  sessions_.push_back(std::move(session));
  return absl::OkStatus();
}

CollectionModel::Session* CollectionModel::Pick() {
  if (sessions_.empty()) return nullptr;
  Session* session = sessions_[random_() % sessions_.size()].get();
  return session->in_use ? nullptr : session;
}

void CollectionModel::RemoveDone() {
  std::erase_if(sessions_, [](const auto& session) {
    return session->attempt == nullptr && !session->in_use;
  });
}

absl::Status CollectionModel::UseSession() {
  Session* session = Pick();
  if (session == nullptr || session->attempt == nullptr) {
    return absl::OkStatus();
  }
  if (session->deposit == nullptr) {
    const Writer& writer = writers_[session->writer];
    NS_ASSIGN_OR_RETURN(session->deposit,
                        vault_->OpenSession(writer.host, writer.set,
                                            session->attempt->session));
    return absl::OkStatus();
  }
  if (!session->asked) return Ask(*session);
  if (!session->todo.empty()) return PutOne(*session);
  session->in_use = true;
  const absl::Status status = Commit(*session);
  session->in_use = false;
  return status;
}

absl::Status CollectionModel::Ask(Session& session) {
  session.asked = true;
  NS_ASSIGN_OR_RETURN(session.todo,
                      AskWanted(*session.deposit, *session.attempt));
  std::set<ObjectId> wanted;
  for (const SharedObject& object : session.todo) wanted.insert(object->ref.id);
  for (const SharedObject& object : session.attempt->objects) {
    if (!wanted.contains(object->ref.id)) session.relied.insert(object->ref.id);
  }
  std::shuffle(session.todo.begin(), session.todo.end(), random_);
  if (random_() % 4 == 0) session.todo.resize(session.todo.size() / 2);
  return absl::OkStatus();
}

absl::Status CollectionModel::PutOne(Session& session) {
  const SharedObject object = session.todo.back();
  session.todo.pop_back();
  NS_RETURN_IF_ERROR(session.deposit->Put(AsBytes(object->bytes)));
  session.relied.insert(object->ref.id);
  return absl::OkStatus();
}

absl::Status CollectionModel::Commit(Session& session) {
  const AttemptPtr attempt = session.attempt;
  absl::StatusOr<CommitOutcome> outcome =
      session.deposit->Commit(AsBytes(attempt->manifest));
  NS_RETURN_IF_ERROR(violation_);
  if (absl::IsUnavailable(outcome.status()) &&
      absl::StrContains(outcome.status().message(), "changed under")) {
    return absl::OkStatus();
  }
  NS_RETURN_IF_ERROR(outcome.status());
  if (const Incomplete* incomplete = std::get_if<Incomplete>(&*outcome)) {
    ++figures_.incomplete;
    if (++session.rounds > kMaxRounds) return Broken("a commit never ends");
    for (const SharedObject& object : attempt->objects) {
      if (std::count(incomplete->missing.begin(), incomplete->missing.end(),
                     object->ref.id) == 0) {
        continue;
      }
      if (session.relied.contains(object->ref.id)) {
        return Broken("I2: a session relied on what is missing");
      }
      session.todo.push_back(object);
    }
    return absl::OkStatus();
  }
  if (!std::holds_alternative<Committed>(*outcome)) {
    return Broken("another answer than Committed");
  }
  ++figures_.commits;
  Writer& writer = writers_[session.writer];
  writer.head = attempt->snapshot;
  ++writer.counter;
  snapshots_[attempt->snapshot] = {.attempt = attempt};
  session.attempt = nullptr;
  session.deposit.reset();
  session.relied.clear();
  return Annotate(CheckAll(), "after a commit");
}

absl::Status CollectionModel::ExpireSome() {
  if (snapshots_.empty()) return absl::OkStatus();
  auto it = snapshots_.begin();
  std::advance(it, static_cast<ptrdiff_t>(random_() % snapshots_.size()));
  if (it->second.expired) return absl::OkStatus();
  v1::format::Order order;
  order.mutable_expire()->add_snapshots(std::string(it->first.text()));
  order.mutable_expire()->set_override_checks(true);
  order.mutable_expire()->set_reason("model");
  const SnapshotId id = it->first;
  NS_RETURN_IF_ERROR(Annotate(Give(order), "an expiry"));
  snapshots_.at(id).expired = true;
  ++figures_.expired;
  return absl::OkStatus();
}

absl::Status CollectionModel::UndeleteSome() {
  for (auto& [id, snapshot] : snapshots_) {
    if (!snapshot.expired) continue;
    v1::format::Order order;
    order.mutable_undelete()->add_snapshots(std::string(id.text()));
    NS_RETURN_IF_ERROR(Annotate(Give(order), "an undeletion"));
    snapshot.expired = false;
    ++figures_.undeleted;
    return Annotate(CheckAll(), "after an undeletion");
  }
  return absl::OkStatus();
}

// Of what is expired, all: the trash time is nothing.
absl::Status CollectionModel::Purge() {
  if (snapshots_.size() < kMaxSnapshots && random_() % 2 == 0) {
    return absl::OkStatus();
  }
  NS_RETURN_IF_ERROR(vault_->PurgeDue().status());
  std::erase_if(snapshots_, [&](const auto& item) {
    const bool purged = vault_->Read([&](const VaultState& state) {
      return state.retention().Find(item.first)->life == SnapshotLife::kPurged;
    });
    figures_.purged += purged;
    return purged;
  });
  return absl::OkStatus();
}

absl::Status CollectionModel::Collect() {
  if (collecting_) return absl::OkStatus();
  if (collection_ == nullptr) {
    if (random_() % 4 != 0) return absl::OkStatus();
    collection_ = vault_->BeginCollection(
        {.override_share = true,
         .max_live_share = 0.3 + 0.1 * static_cast<double>(random_() % 7),
         .nodes_per_step = 1});
  }
  collecting_ = true;
  const uint64_t removed = collection_->progress().removed_packs;
  const absl::StatusOr<bool> done = collection_->Step();
  collecting_ = false;
  const bool touched_too_much =
      absl::IsFailedPrecondition(done.status()) &&
      absl::StrContains(done.status().message(), "a session relies on more");
  if (absl::IsAborted(done.status()) || touched_too_much) {
    ++(touched_too_much ? figures_.overflown : figures_.aborted);
    collection_.reset();
    return absl::OkStatus();
  }
  NS_RETURN_IF_ERROR(Annotate(done.status(), "a collection"));
  const CollectProgress progress = collection_->progress();
  figures_.removed += progress.removed_packs - removed;
  if (*done) {
    ++figures_.collections;
    figures_.condemned += collection_->result().figures.condemned_objects();
    collection_.reset();
  }
  if (progress.removed_packs > removed && random_() % 2 == 0) {
    NS_RETURN_IF_ERROR(Sweep());
  }
  if (progress.phase == CollectPhase::kMarking) return absl::OkStatus();
  return Annotate(CheckAll(), "after a step of a collection");
}

}  // namespace nightsafe
