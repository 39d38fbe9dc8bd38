// When a certificate is renewed, and how the new one takes its place.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/credential/credential.h"
#include "common/base/bytes.h"
#include "common/io/file_system.h"
#include "common/pki/pki.h"

namespace nightsafe {

// From then on less than 11/12 of its life is left: monthly, for a year's.
absl::Time RenewalTime(const CertificateView& certificate);

// The renewed certificate of a key, as PEM; empty: it does not outlive
// `old_pem`. DATA_LOSS: it is not for this key and name, or not signed by that
// CA.
absl::StatusOr<std::string> CheckRenewed(absl::string_view old_pem,
                                         absl::string_view private_key_pem,
                                         absl::string_view ca_pem,
                                         ByteView certificate_der);

// Puts a renewed certificate in place of the credential's, here and in its
// directory, where a crash leaves the old or the new one; both are valid. False
// if it does not outlive the old one, which then stays. DATA_LOSS: it is not
// for this key and name, or not signed by the server's CA.
absl::StatusOr<bool> TakeRenewedCertificate(FileSystem& fs,
                                            absl::string_view directory,
                                            ByteView certificate_der,
                                            Credential& credential);

}  // namespace nightsafe
