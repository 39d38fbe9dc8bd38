// Keys in files, protected by a passphrase (Argon2id) or not. FORMAT.md has the
// layout; the text form is PEM-like so that a person sees what it is.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/crypto/keyring.h"
#include "common/crypto/sealed_box.h"
#include "common/crypto/signature.h"
#include "nightsafe/v1/format/keys.pb.h"

namespace nightsafe {

// Cost of the passphrase's hash. The default is the product's; tests may take
// less. Decoders refuse more than 1 GiB or 16 passes before they spend it.
struct PassphraseCost {
  uint64_t memory_bytes = 256 << 20;
  uint32_t passes = 3;
};

// With an empty passphrase the file is not protected (deposit keys on a host,
// which root can read anyway). INVALID_ARGUMENT for a label of more than 200
// bytes, not in UTF-8 or with control characters, and for a cost out of bounds.
absl::StatusOr<std::string> EncodeRecoveryKeyFile(
    const BoxKey& key, absl::string_view label, absl::string_view passphrase,
    const PassphraseCost& cost = {});
absl::StatusOr<std::string> EncodeReadKeyFile(const ReadKey& key,
                                              absl::string_view label,
                                              absl::string_view passphrase,
                                              const PassphraseCost& cost = {});
absl::StatusOr<std::string> EncodeEnrolKeyFile(const EnrolKey& key,
                                               absl::string_view label,
                                               absl::string_view passphrase,
                                               const PassphraseCost& cost = {});
absl::StatusOr<std::string> EncodeDepositKeyFile(
    const DepositKey& key, absl::string_view label,
    absl::string_view passphrase, const PassphraseCost& cost = {});
absl::StatusOr<std::string> EncodeAdminKeyFile(const SigningKey& key,
                                               absl::string_view label,
                                               absl::string_view passphrase,
                                               const PassphraseCost& cost = {});

// What can be said of a key file without its passphrase.
struct KeyFileSummary {
  v1::format::KeyFile::Kind kind;
  std::string label;
  bool is_protected = false;
  std::string public_key;  // raw; RECOVERY and ADMIN
  std::string vault_id;    // raw; READ, ENROL, DEPOSIT
};
absl::StatusOr<KeyFileSummary> DescribeKeyFile(absl::string_view text);

// INVALID_ARGUMENT: not a key file, or one of another kind (says which).
// PERMISSION_DENIED: wrong passphrase (or a changed file: they look the same).
// DATA_LOSS: a file without passphrase is damaged. RESOURCE_EXHAUSTED: not
// enough memory for the passphrase's hash. A passphrase for a file without one
// is ignored.
absl::StatusOr<BoxKey> DecodeRecoveryKeyFile(absl::string_view text,
                                             absl::string_view passphrase);
absl::StatusOr<ReadKey> DecodeReadKeyFile(absl::string_view text,
                                          absl::string_view passphrase);
absl::StatusOr<EnrolKey> DecodeEnrolKeyFile(absl::string_view text,
                                            absl::string_view passphrase);
absl::StatusOr<DepositKey> DecodeDepositKeyFile(absl::string_view text,
                                                absl::string_view passphrase);
absl::StatusOr<SigningKey> DecodeAdminKeyFile(absl::string_view text,
                                              absl::string_view passphrase);

}  // namespace nightsafe
