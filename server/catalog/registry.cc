#include "server/catalog/registry.h"

#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/kill_point.h"
#include "common/base/status.h"
#include "common/order/order.h"
#include "server/catalog/registry_state.h"

namespace nightsafe {
namespace {

using v1::format::ServerRecord;

constexpr size_t kServerIdRandomBytes = 8;

std::string JournalPath(absl::string_view dir) {
  return absl::StrCat(dir, "/journal");
}

// Replays one record of the journal.
absl::Status Replay(ByteView bytes, const JournalPosition& end,
                    Principals& principals) {
  ServerRecord record;
  absl::Status status =
      record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))
          ? principals.Apply(record)
          : absl::DataLossError("it is no server record");
  if (status.ok()) return status;
  return absl::DataLossError(absl::StrCat(
      "server journal, record ", end.sequence, ": ", status.message()));
}

absl::StatusOr<JournalIdentity> FindIdentity(FileSystem& fs,
                                             const std::string& path) {
  NS_ASSIGN_OR_RETURN(JournalIdentity identity, PeekJournalIdentity(fs, path));
  if (identity.kind == JournalKind::kServer) return identity;
  return absl::DataLossError(
      absl::StrCat(path, " is the journal of a vault, not of a server"));
}

absl::Status CheckOwner(const Principals& principals,
                        const JournalIdentity& identity) {
  if (principals.initialized() &&
      JournalOwnerOf(principals.server()) == identity.owner) {
    return absl::OkStatus();
  }
  return absl::DataLossError(absl::StrCat(
      "the server journal is that of server ", identity.owner.Hex(),
      ", its first record says ", principals.server().Hex()));
}

}  // namespace

absl::Status Registry::State::Change(std::span<const ServerRecord> records) {
  if (writer == nullptr) {
    return absl::FailedPreconditionError(
        "the registry is open for reading only");
  }
  Principals next = principals;
  std::vector<std::string> serialized;
  for (const ServerRecord& record : records) {
    NS_RETURN_IF_ERROR(next.Apply(record));
    serialized.push_back(record.SerializeAsString());
  }
  NS_KILL_POINT("registry.before-append");
  NS_RETURN_IF_ERROR(writer->Append(serialized));
  NS_KILL_POINT("registry.appended");
  principals = std::move(next);
  return absl::OkStatus();
}

Registry::Registry(std::unique_ptr<State> state) : state_(std::move(state)) {}
Registry::~Registry() = default;

absl::Status Registry::Init(FileSystem& fs, absl::string_view dir,
                            const ServerId& server,
                            const VerifyKey& first_admin_key,
                            const Clock& clock) {
  ServerRecord record = RecordNow(clock);
  ServerRecord::Init& init = *record.mutable_init();
  init.set_server_id(Raw(server));
  init.set_admin_public_key(Raw(first_admin_key));
  init.set_server_id_random(Raw(server).substr(0, kServerIdRandomBytes));
  NS_RETURN_IF_ERROR(Principals().Apply(record));
  const std::string bytes = record.SerializeAsString();
  return CreateJournal(
      fs, JournalPath(dir),
      {.kind = JournalKind::kServer, .owner = JournalOwnerOf(server)},
      kServerJournalOptions, std::span(&bytes, 1));
}

absl::StatusOr<std::unique_ptr<Registry>> Registry::Open(FileSystem& fs,
                                                         absl::string_view dir,
                                                         const Clock& clock) {
  const std::string path = JournalPath(dir);
  NS_ASSIGN_OR_RETURN(JournalIdentity identity, FindIdentity(fs, path));
  Principals principals;
  NS_ASSIGN_OR_RETURN(
      std::unique_ptr<JournalWriter> writer,
      JournalWriter::Open(
          fs, path, identity, kServerJournalOptions,
          [&principals](ByteView record, const JournalPosition& end) {
            return Replay(record, end, principals);
          }));
  NS_RETURN_IF_ERROR(CheckOwner(principals, identity));
  auto state = std::make_unique<State>(clock);
  {
    absl::MutexLock lock(&state->mutex);
    state->principals = std::move(principals);
    state->found_torn_tail = writer->found_torn_tail();
    state->writer = std::move(writer);
  }
  return std::unique_ptr<Registry>(new Registry(std::move(state)));
}

absl::StatusOr<std::unique_ptr<Registry>> Registry::OpenReadOnly(
    FileSystem& fs, absl::string_view dir, const Clock& clock) {
  const std::string path = JournalPath(dir);
  NS_ASSIGN_OR_RETURN(JournalIdentity identity, FindIdentity(fs, path));
  Principals principals;
  NS_RETURN_IF_ERROR(
      ReadJournal(fs, path, identity,
                  [&principals](ByteView record, const JournalPosition& end) {
                    return Replay(record, end, principals);
                  })
          .status());
  NS_RETURN_IF_ERROR(CheckOwner(principals, identity));
  auto state = std::make_unique<State>(clock);
  {
    absl::MutexLock lock(&state->mutex);
    state->principals = std::move(principals);
  }
  return std::unique_ptr<Registry>(new Registry(std::move(state)));
}

bool Registry::found_torn_tail() const {
  absl::MutexLock lock(&state_->mutex);
  return state_->found_torn_tail;
}

ServerId Registry::server_id() const {
  absl::MutexLock lock(&state_->mutex);
  return state_->principals.server();
}

VerifyKey Registry::first_admin_key() const {
  absl::MutexLock lock(&state_->mutex);
  return state_->principals.first_admin_key();
}

absl::Status Registry::AddVault(const VaultRegistration& vault) {
  ServerRecord record = RecordNow(state_->clock);
  ServerRecord::VaultAdded& added = *record.mutable_vault_added();
  added.set_name(vault.name);
  added.set_vault_id(Raw(vault.id));
  added.set_verify_key(Raw(vault.verify_key));
  added.set_opening_key_id(Raw(vault.opening_key_id));
  absl::MutexLock lock(&state_->mutex);
  return state_->Change(std::span(&record, 1));
}

absl::StatusOr<VaultRegistration> Registry::FindVault(
    absl::string_view name) const {
  absl::MutexLock lock(&state_->mutex);
  const VaultRegistration* vault = state_->principals.FindVault(name);
  if (vault != nullptr) return *vault;
  return absl::NotFoundError(absl::StrCat("there is no vault ", name));
}

std::vector<VaultRegistration> Registry::Vaults() const {
  absl::MutexLock lock(&state_->mutex);
  return state_->principals.vaults();
}

absl::StatusOr<HostRegistration> Registry::AddHost(absl::string_view vault,
                                                   absl::string_view host,
                                                   absl::string_view domain,
                                                   const TokenHash& token,
                                                   absl::Time token_expires) {
  absl::MutexLock lock(&state_->mutex);
  std::vector<ServerRecord> records;
  const HostRegistration* existing = state_->principals.FindHost(vault, host);
  if (existing == nullptr) {
    records.push_back(RecordNow(state_->clock));
    auto& added = *records.back().mutable_principal_added();
    added.set_role(v1::format::HOST_ROLE);
    added.set_name(std::string(host));
    added.set_vault(std::string(vault));
    added.set_writer(state_->principals.NextWriter());
    added.set_host_epoch(1);
    added.set_domain(std::string(domain.empty() ? host : domain));
    added.set_domain_epoch(1);
    added.set_domain_number(state_->principals.NextDomainNumber(vault));
  } else if (!domain.empty() && domain != existing->domain) {
    return absl::AlreadyExistsError(absl::StrCat("host ", host, " of vault ",
                                                 vault, " exists, in domain ",
                                                 existing->domain));
  }
  records.push_back(RecordNow(state_->clock));
  auto& issued = *records.back().mutable_token_issued();
  issued.set_token_hash(Raw(token));
  issued.set_role(v1::format::HOST_ROLE);
  issued.set_vault(std::string(vault));
  issued.set_name(std::string(host));
  issued.set_expires_unix_ns(absl::ToUnixNanos(token_expires));
  NS_RETURN_IF_ERROR(state_->Change(records));
  NS_KILL_POINT("host.added");
  return *state_->principals.FindHost(vault, host);
}

absl::Status Registry::AddReader(absl::string_view reader,
                                 const std::vector<std::string>& vaults,
                                 const TokenHash& token,
                                 absl::Time token_expires) {
  std::vector<ServerRecord> records(2, RecordNow(state_->clock));
  auto& added = *records[0].mutable_principal_added();
  added.set_role(v1::format::READER_ROLE);
  added.set_name(std::string(reader));
  for (const std::string& vault : vaults) added.add_vaults(vault);
  auto& issued = *records[1].mutable_token_issued();
  issued.set_token_hash(Raw(token));
  issued.set_role(v1::format::READER_ROLE);
  issued.set_name(std::string(reader));
  issued.set_expires_unix_ns(absl::ToUnixNanos(token_expires));
  absl::MutexLock lock(&state_->mutex);
  return state_->Change(records);
}

absl::Status Registry::Submit(const v1::format::SignedOrder& signed_order) {
  absl::MutexLock lock(&state_->mutex);
  NS_ASSIGN_OR_RETURN(const v1::format::Order order,
                      state_->principals.Verify(signed_order));
  if (state_->principals.HasSeen(order.nonce())) return absl::OkStatus();
  NS_RETURN_IF_ERROR(Principals::CheckAge(order, state_->clock.Now()));
  ServerRecord record = RecordNow(state_->clock);
  if (order.has_add_admin()) {
    return absl::InvalidArgumentError(
        "an order that adds an admin comes with a certificate request: use "
        "`nightsafe-admin admin add`");
  }
  if (order.has_add_admin_key()) {
    *record.mutable_admin_key_added()->mutable_order() = signed_order;
  } else if (order.has_revoke_host() || order.has_revoke_reader() ||
             order.has_revoke_admin()) {
    *record.mutable_revoked()->mutable_order() = signed_order;
  } else {
    *record.mutable_ordered()->mutable_order() = signed_order;
  }
  NS_RETURN_IF_ERROR(state_->Change(std::span(&record, 1)));
  NS_KILL_POINT("order.recorded");
  return absl::OkStatus();
}

absl::StatusOr<HostRegistration> Registry::FindHost(
    absl::string_view vault, absl::string_view host) const {
  absl::MutexLock lock(&state_->mutex);
  const HostRegistration* found = state_->principals.FindHost(vault, host);
  if (found != nullptr) return *found;
  return absl::NotFoundError(
      absl::StrCat("there is no host ", host, " of vault ", vault));
}

absl::StatusOr<ReaderRegistration> Registry::FindReader(
    absl::string_view reader) const {
  absl::MutexLock lock(&state_->mutex);
  const ReaderRegistration* found = state_->principals.FindReader(reader);
  if (found != nullptr) return *found;
  return absl::NotFoundError(absl::StrCat("there is no reader ", reader));
}

absl::StatusOr<AdminRegistration> Registry::FindAdmin(
    absl::string_view admin) const {
  absl::MutexLock lock(&state_->mutex);
  const AdminRegistration* found = state_->principals.FindAdmin(admin);
  if (found != nullptr) return *found;
  return absl::NotFoundError(absl::StrCat("there is no admin ", admin));
}

std::vector<HostRegistration> Registry::Hosts() const {
  absl::MutexLock lock(&state_->mutex);
  return state_->principals.Hosts();
}

std::vector<ReaderRegistration> Registry::Readers() const {
  absl::MutexLock lock(&state_->mutex);
  return state_->principals.Readers();
}

std::vector<AdminRegistration> Registry::Admins() const {
  absl::MutexLock lock(&state_->mutex);
  return state_->principals.Admins();
}

std::vector<TokenInfo> Registry::Tokens() const {
  absl::MutexLock lock(&state_->mutex);
  return state_->principals.Tokens();
}

std::vector<v1::format::SignedOrder> Registry::AdminKeyOrders() const {
  absl::MutexLock lock(&state_->mutex);
  return state_->principals.admin_key_orders();
}

uint64_t Registry::revocations() const {
  absl::MutexLock lock(&state_->mutex);
  return state_->principals.revocations();
}

}  // namespace nightsafe
