#include "tests/crash/simulation/simulation.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "common/base/status.h"
#include "common/crypto/random.h"
#include "common/order/order.h"
#include "tests/crash/simulation/seeded_random.h"

namespace nightsafe {
namespace {

constexpr size_t kOperations = 45;
constexpr size_t kMaxSessions = 4;
constexpr size_t kMaxVaults = 3;

}  // namespace

Simulation::Simulation(const SimulationOptions& options, Figures& figures)
    : options_(options), figures_(figures), random_(options.seed) {
  store_options_.reserve_bytes = 0;
  store_options_.reserve_share = 0;
  store_options_.data_pack_bytes = (4 << 10) + random_() % (20 << 10);
  store_options_.node_pack_bytes = (2 << 10) + random_() % (8 << 10);
  store_options_.max_waiting = 5 + random_() % 60;
}

Simulation::~Simulation() = default;

std::vector<Simulation::Operation> Simulation::MakeList() {
  constexpr std::pair<Kind, unsigned> kWeights[] = {
      {Kind::kDeposit, 12}, {Kind::kOpen, 14},   {Kind::kPut, 24},
      {Kind::kCommit, 16},  {Kind::kDrop, 2},    {Kind::kScrub, 2},
      {Kind::kCompact, 5},  {Kind::kOrder, 2},   {Kind::kAddHost, 3},
      {Kind::kAddVault, 1}, {Kind::kRestart, 3}, {Kind::kKill, 2},
      {Kind::kPowerCut, 4}, {Kind::kRebuild, 1}, {Kind::kExpire, 4},
      {Kind::kCollect, 6},  {Kind::kSweep, 2},
  };
  unsigned total = 0;
  for (const auto& [kind, weight] : kWeights) total += weight;
  std::vector<Operation> list;
  while (list.size() < kOperations) {
    uint64_t left = random_() % total;
    for (const auto& [kind, weight] : kWeights) {
      if (left < weight) {
        list.push_back({kind, random_()});
        break;
      }
      left -= weight;
    }
  }
  return list;
}

absl::Status Simulation::Run() {
  const SeededRandom product(MixSeed(options_.seed, 1));
  ++figures_.runs;
  NS_RETURN_IF_ERROR(SetUp());
  for (const Operation& operation : MakeList()) {
    if (figures_.states >= options_.max_states) break;
    ++figures_.operations;
    absl::Status status = Do(operation);
    if (violation_.ok()) violation_ = status;
    if (!violation_.ok()) break;
  }
  watching_ = false;
  sessions_.clear();
  figures_.calls += calls_;
  figures_.committed += ledger_.acknowledged.size();
  return violation_;
}

absl::StatusOr<CrashState> Simulation::MakeBase(uint64_t seed,
                                                StoreOptions& store_options) {
  Figures figures;
  Simulation simulation({.seed = seed}, figures);
  NS_RETURN_IF_ERROR(simulation.SetUp());
  simulation.watching_ = false;
  store_options = simulation.store_options_;
  for (const Kind kind :
       {Kind::kDeposit, Kind::kDeposit, Kind::kExpire, Kind::kRestart,
        Kind::kDeposit, Kind::kDeposit, Kind::kOpen, Kind::kPut, Kind::kPut}) {
    const uint64_t number = kind == Kind::kExpire ? 0 : simulation.random_();
    NS_RETURN_IF_ERROR(simulation.Do({kind, number}));
  }
  return CrashState{.disk = simulation.server_->disk().AfterKill(),
                    .ledger = simulation.ledger_,
                    .agents = simulation.agents_,
                    .crashes = 1};
}

absl::Status Simulation::SetUp() {
  auto disk = std::make_unique<SimDisk>(random_());
  NS_RETURN_IF_ERROR(disk->MakeDirectory(kSimData, 0750));
  NS_RETURN_IF_ERROR(disk->SyncDirectory("/"));
  disk->SyncNamesWithData("/index/");
  server_ = std::make_unique<SimServer>(std::move(disk), store_options_);
  reaper_ = {
      .admin = std::make_shared<const SigningKey>(SigningKey::Generate()),
      .clock = &server_->clock()};
  const VerifyKey admin = reaper_.admin->verify_key();
  NS_RETURN_IF_ERROR(server_->Init(MakeServerId(admin), admin));
  NS_RETURN_IF_ERROR(server_->Start());
  NS_RETURN_IF_ERROR(AddVault());
  for (uint64_t i = 0; i < 2; ++i) NS_RETURN_IF_ERROR(AddHost(i));
  NS_RETURN_IF_ERROR(AllowExpiry(server_->data(), reaper_, "vault1"));
  if (options_.defect) server_->disk().Plant(*options_.defect);
  Watch();
  watching_ = true;
  return absl::OkStatus();
}

absl::Status Simulation::AddVault() {
  if (vaults_.size() == kMaxVaults) return absl::OkStatus();
  auto vault =
      std::make_unique<TestVault>(absl::StrCat("vault", vaults_.size() + 1));
  ledger_.adding = vault->registration();
  NS_RETURN_IF_ERROR(
      server_->data().AddVault(vault->registration(), AsBytes("keyring")));
  ledger_.vaults.push_back(vault->registration().name);
  ledger_.adding = {};
  vaults_.push_back(std::move(vault));
  return absl::OkStatus();
}

absl::Status Simulation::AddHost(uint64_t number) {
  const TestVault& vault = *vaults_[number % vaults_.size()];
  const std::string name = absl::StrCat("host", ++hosts_);
  NS_ASSIGN_OR_RETURN(
      HostRegistration host,
      server_->data().registry().AddHost(vault.registration().name, name, "",
                                         RandomId<TokenHash>(),
                                         absl::FromUnixSeconds(2'000'000'000)));
  ledger_.hosts.push_back(host);
  auto key = std::make_shared<DepositKey>(
      MintDepositKey(vault.keyring().DeriveEnrolKey(), name, host.host_epoch,
                     host.domain, host.domain_epoch));
  auto forest = std::make_shared<Forest>(key->domain_secret);
  for (const char* set : {"files", "mail"}) {
    agents_.emplace_back(host, set, forest, key);
  }
  return absl::OkStatus();
}

bool Simulation::IsBusy(size_t agent) const {
  return std::any_of(
      sessions_.begin(), sessions_.end(),
      [&](const Session& session) { return session.agent == agent; });
}

absl::Status Simulation::OpenSession(uint64_t number) {
  const size_t index = number % agents_.size();
  if (IsBusy(index) || sessions_.size() == kMaxSessions) {
    return absl::OkStatus();
  }
  Agent& agent = agents_[index];
  Session session{.agent = index, .attempt = agent.Next(random_)};
  NS_ASSIGN_OR_RETURN(Vault * vault,
                      server_->data().FindVault(agent.host().vault));
  NS_ASSIGN_OR_RETURN(
      session.deposit,
      vault->OpenSession(agent.host(), agent.set(), session.attempt->session));
  NS_ASSIGN_OR_RETURN(session.wanted,
                      AskWanted(*session.deposit, *session.attempt));
  sessions_.push_back(std::move(session));
  return absl::OkStatus();
}

absl::Status Simulation::PutSome(uint64_t number) {
  if (sessions_.empty()) return absl::OkStatus();
  Session& session = sessions_[number % sessions_.size()];
  const size_t end =
      std::min<size_t>(session.wanted.size(), session.put + 1 + number % 7);
  for (; session.put < end; ++session.put) {
    const std::string& bytes = session.wanted[session.put]->bytes;
    NS_RETURN_IF_ERROR(session.deposit->Put(AsBytes(bytes)));
    ledger_.put_bytes += bytes.size();
  }
  return absl::OkStatus();
}

absl::Status Simulation::CommitSession(uint64_t number) {
  if (sessions_.empty()) return absl::OkStatus();
  const size_t index = number % sessions_.size();
  Session session = std::move(sessions_[index]);
  sessions_.erase(sessions_.begin() + static_cast<ptrdiff_t>(index));
  // What is not put yet comes after the answer Incomplete.
  return Commit(*session.deposit, agents_[session.agent], session.attempt,
                ledger_);
}

absl::Status Simulation::Restart(Kind kind) {
  sessions_.clear();
  if (kind == Kind::kRestart || kind == Kind::kRebuild) {
    NS_RETURN_IF_ERROR(server_->Stop());
  } else {
    server_->Kill();
    ++crashes_;
  }
  if (kind == Kind::kRebuild) {
    ++figures_.rebuilds;
    NS_RETURN_IF_ERROR(server_->Rebuild());
  }
  if (kind == Kind::kPowerCut) {
    server_->Replace(server_->disk().AfterPowerCut(random_));
  }
  Watch();
  NS_RETURN_IF_ERROR(Annotate(server_->Start(), "the server does not start"));
  if (!server_->report().losses.empty()) {
    return absl::InternalError(server_->report().losses.front());
  }
  return VerifyLedger(server_->data(), ledger_);
}

absl::Status Simulation::Do(const Operation& operation) {
  switch (operation.kind) {
    case Kind::kDeposit: {
      const size_t index = operation.number % agents_.size();
      if (IsBusy(index)) return absl::OkStatus();
      Agent& agent = agents_[index];
      return Deposit(server_->data(), agent, agent.Next(random_), ledger_);
    }
    case Kind::kOpen:
      return OpenSession(operation.number);
    case Kind::kPut:
      return PutSome(operation.number);
    case Kind::kCommit:
      return CommitSession(operation.number);
    case Kind::kDrop:
      if (!sessions_.empty()) sessions_.pop_back();
      return absl::OkStatus();
    case Kind::kScrub:
      ++figures_.scrubs;
      return ScrubAll(server_->data());
    case Kind::kExpire:
      return ExpireSome(server_->data(), reaper_, "vault1",
                        operation.number % 5, ledger_);
    case Kind::kCollect:
      ++figures_.collections;
      return CollectAll(server_->data());
    case Kind::kSweep:
      return SweepAll(server_->disk(), server_->data());
    case Kind::kCompact:
      server_->RunBackground();
      return absl::OkStatus();
    case Kind::kOrder:
      return GiveEmptyOrder(server_->data(), reaper_, "vault1");
    case Kind::kAddHost:
      return AddHost(operation.number);
    case Kind::kAddVault:
      return AddVault();
    case Kind::kRestart:
    case Kind::kKill:
    case Kind::kPowerCut:
    case Kind::kRebuild:
      return Restart(operation.kind);
  }
  return absl::InternalError("no such operation");
}

void Simulation::Watch() {
  server_->disk().Observe(
      [this](FileOperation operation, absl::string_view path) {
        if (operation != FileOperation::kRead) AtCall(operation, path);
        return absl::OkStatus();
      });
}

void Simulation::AtCall(FileOperation operation, absl::string_view path) {
  if (!watching_) return;
  ++calls_;
  trace_ = MixSeed(trace_, static_cast<uint64_t>(operation), path.size());
  if (!violation_.ok() || figures_.states >= options_.max_states) return;
  if (options_.only_call && *options_.only_call != calls_) return;
  DrawStates();
}

void Simulation::DrawStates() {
  for (uint64_t draw = 0; draw < options_.draws_per_call; ++draw) {
    const uint64_t seed = MixSeed(options_.seed, calls_, draw);
    const SeededRandom product(seed);
    std::mt19937_64 random(seed);
    CrashState state{.disk = DrawCrash(server_->disk(), random, figures_),
                     .ledger = ledger_,
                     .agents = agents_,
                     .crashes = crashes_ + 1};
    const absl::Status status =
        CheckState(std::move(state), store_options_, random, figures_);
    if (status.ok()) continue;
    violation_ = absl::Status(
        status.code(), absl::StrCat(status.message(), " [call ", calls_, "]"));
    return;
  }
}

}  // namespace nightsafe
