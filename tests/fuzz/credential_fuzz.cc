// Any bytes as the credential file of a host or reader: it is one, or damaged,
// and what is loaded is whole.
#include <cstddef>
#include <cstdint>

#include "client/credential/credential.h"
#include "common/base/check.h"
#include "common/base/names.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/memory_file_system.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nightsafe;
  FuzzInput input(data, size);
  MemoryFileSystem fs;
  const std::string text = input.RestText();
  fs.Add("host/credential.json", text);
  fs.Add("host/key.pem", "key");
  const absl::StatusOr<Credential> credential = LoadCredential(fs, "host");
  if (!credential.ok()) {
    NS_CHECK(absl::IsDataLoss(credential.status()));
    return 0;
  }
  NS_CHECK(ValidateName("peer", credential->name).ok());
  NS_CHECK(credential->role == CredentialRole::kReader ||
           credential->vaults.size() == 1);
  for (const VaultName& vault : credential->vaults) {
    NS_CHECK(ValidateName("vault", vault.name).ok());
  }
  NS_CHECK(credential->private_key_pem == "key");
  NS_CHECK(credential->certificate_pem.empty());
  // Without escapes all that was taken stands there as it is.
  if (text.find('\\') != text.npos) return 0;
  const bool host = credential->role == CredentialRole::kHost;
  for (const std::string& taken :
       {credential->name, credential->server_address, credential->enrol_address,
        credential->ca_certificate_pem,
        std::string(host ? "\"host\"" : "\"reader\"")}) {
    NS_CHECK(text.find(taken) != text.npos);
  }
  return 0;
}
