// Certificates as nobody should issue them: each part is the caller's choice.
#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/pki/pki.h"

namespace nightsafe {

struct AlternativeName {
  enum Kind { kUri, kDns, kMail };
  Kind kind;
  std::string value;  // any bytes
};

// As set here, what our CA gives to a client.
struct CertificateForm {
  std::string key_pem;  // the subject's
  Issuer issuer;        // empty: signed by its own key
  std::string common_name;
  std::vector<AlternativeName> names;
  bool names_twice = false;  // the whole extension
  absl::Time not_before = absl::Now() - absl::Hours(1);
  absl::Time not_after = absl::Now() + absl::Hours(24);
  // In OpenSSL's words; empty: without this extension.
  std::string basic_constraints = "critical,CA:FALSE";
  std::string key_usage = "critical,digitalSignature";
  std::string extended_key_usage = "clientAuth";
};

// Ends the program if OpenSSL cannot make it.
std::string ForgeCertificatePem(const CertificateForm& form);

}  // namespace nightsafe
