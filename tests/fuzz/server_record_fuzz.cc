// The input is a list of records of the server's journal, replayed behind an
// init record: orders in it are signed here, so that what they say decides. A
// refused record changes nothing; an accepted one does the same again.
#include <cstddef>
#include <cstdint>
#include <string>

#include "common/base/check.h"
#include "common/base/names.h"
#include "common/order/order.h"
#include "google/protobuf/stubs/logging.h"
#include "server/catalog/principals.h"
#include "tests/fuzz/fuzz_input.h"

namespace nightsafe {
namespace {

using v1::format::ServerRecord;
using v1::format::SignedOrder;

SigningKey AdminKey() {
  const std::string seed(32, 1);
  return SigningKey::FromSeed(*Secret32::FromBytes(AsBytes(seed)));
}

// That of the worked example in common/order/FORMAT.md: made with AdminKey.
ServerId Server() {
  return *ServerId::FromHex("090909090909090977301b1bc989cca821c36b4d6c72f45a");
}

ServerRecord InitRecord(const SigningKey& admin) {
  ServerRecord record;
  record.mutable_init()->set_server_id(std::string(Server().text()));
  record.mutable_init()->set_admin_public_key(
      std::string(admin.verify_key().text()));
  return record;
}

// Signs the order that stands in it, if any: for this server, with a nonce.
void SignIn(const SigningKey& admin, ServerRecord& record) {
  SignedOrder* place = nullptr;
  if (record.has_revoked()) {
    place = record.mutable_revoked()->mutable_order();
  } else if (record.has_admin_key_added()) {
    place = record.mutable_admin_key_added()->mutable_order();
  } else if (record.has_admin_added()) {
    place = record.mutable_admin_added()->mutable_order();
  }
  v1::format::Order order;
  if (place == nullptr || !order.ParseFromString(place->order())) return;
  order.set_server_id(std::string(Server().text()));
  std::string nonce = order.nonce();
  nonce.resize(16);
  order.set_nonce(nonce);
  *place = SignOrder(admin, order);
}

// All that can be asked of it, as text.
std::string Told(const Principals& principals) {
  std::string told = std::string(principals.server().text());
  for (const VaultRegistration& vault : principals.vaults()) {
    told += vault.name + vault.id.Hex() + vault.verify_key.Hex();
    NS_CHECK(ValidateName("vault", vault.name).ok());
    NS_CHECK(principals.FindVault(vault.name) != nullptr);
  }
  for (const HostRegistration& host : principals.Hosts()) {
    told += host.vault + "/" + host.name + std::to_string(host.writer) +
            (host.enrolled ? "E" : "-") + (host.revoked ? "R" : "-") +
            host.fingerprint.Hex();
    NS_CHECK(ValidateName("host", host.name).ok());
    NS_CHECK(principals.FindVault(host.vault) != nullptr);
    NS_CHECK(host.domain_number != 0);
  }
  for (const ReaderRegistration& reader : principals.Readers()) {
    told += reader.name + (reader.enrolled ? "E" : "-") +
            (reader.revoked ? "R" : "-") + reader.fingerprint.Hex();
    for (const std::string& vault : reader.vaults) told += vault;
  }
  for (const AdminRegistration& admin : principals.Admins()) {
    told += admin.name + (admin.revoked ? "R" : "-") + admin.fingerprint.Hex();
    NS_CHECK(ValidateName("admin", admin.name).ok());
  }
  return told + std::to_string(principals.revocations()) + "," +
         std::to_string(principals.NextWriter());
}

void Replay(FuzzInput& input, const SigningKey& admin) {
  Principals principals;
  if (!input.Flag()) NS_CHECK(principals.Apply(InitRecord(admin)).ok());
  while (!input.done()) {
    const bool sign = input.Flag();
    ServerRecord record;
    if (!record.ParseFromString(input.Text(2))) continue;
    if (sign) SignIn(admin, record);
    const std::string before = Told(principals);
    Principals next = principals;
    const absl::Status applied = next.Apply(record);
    if (!applied.ok()) NS_CHECK(Told(next) == before);
    ServerRecord copy;
    NS_CHECK(copy.ParseFromString(record.SerializeAsString()));
    NS_CHECK(principals.Apply(copy) == applied);
    NS_CHECK(Told(principals) == Told(next));
  }
}

}  // namespace
}  // namespace nightsafe

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nightsafe;
  google::protobuf::SetLogHandler(nullptr);
  static const SigningKey admin = AdminKey();
  FuzzInput input(data, size);
  Replay(input, admin);
  return 0;
}
