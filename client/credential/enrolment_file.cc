#include "client/credential/enrolment_file.h"

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "common/base/ids.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/crypto/blake3.h"

namespace nightsafe {
namespace {

using v1::format::Enrolment;

constexpr absl::string_view kPrefix = "NIGHTSAFE-ENROLMENT-1:";
constexpr size_t kChecksumBytes = 4;
constexpr size_t kTokenBytes = 32;

std::string Checksum(absl::string_view bytes) {
  const Hash32 hash = HashOf(AsBytes(bytes));
  return std::string(AsText(hash).substr(0, kChecksumBytes));
}

absl::Status CheckFields(const Enrolment& enrolment) {
  if (enrolment.version() != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("the enrolment file has version ", enrolment.version(),
                     ", this program knows 1: upgrade it"));
  }
  NS_RETURN_IF_ERROR(ValidateName("host or reader", enrolment.name()));
  for (const std::string& vault : enrolment.vaults()) {
    NS_RETURN_IF_ERROR(ValidateName("vault", vault));
  }
  const bool host = enrolment.role() == Enrolment::HOST;
  const bool lengths = enrolment.token().size() == kTokenBytes &&
                       enrolment.server_id().size() == ServerId::kSize &&
                       enrolment.vaults_size() == enrolment.vault_ids_size() &&
                       !enrolment.ca_certificate_der().empty();
  if (!lengths || (host && (enrolment.vaults_size() != 1 ||
                            !enrolment.has_deposit_key()))) {
    return absl::InvalidArgumentError("the enrolment file lacks a part");
  }
  if (!host && enrolment.role() != Enrolment::READER) {
    return absl::InvalidArgumentError("the enrolment file names no role");
  }
  return absl::OkStatus();
}

}  // namespace

std::string EncodeEnrolment(const Enrolment& enrolment) {
  const std::string bytes = enrolment.SerializeAsString();
  return absl::StrCat(kPrefix,
                      absl::WebSafeBase64Escape(bytes + Checksum(bytes)), "\n");
}

absl::StatusOr<Enrolment> DecodeEnrolment(absl::string_view text) {
  if (text.size() > kMaxEnrolmentBytes) {
    return absl::InvalidArgumentError("too long for an enrolment file");
  }
  std::string line;
  for (char c : text) {
    if (!absl::ascii_isspace(static_cast<unsigned char>(c))) line.push_back(c);
  }
  if (line.rfind(std::string(kPrefix), 0) != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "not an enrolment file: it begins with ", kPrefix,
        " and is made by `nightsafe-admin host add` or `reader add`"));
  }
  std::string bytes;
  if (!absl::WebSafeBase64Unescape(
          absl::string_view(line).substr(kPrefix.size()), &bytes) ||
      bytes.size() <= kChecksumBytes) {
    return absl::InvalidArgumentError("the enrolment file is cut or damaged");
  }
  const std::string sum = bytes.substr(bytes.size() - kChecksumBytes);
  bytes.resize(bytes.size() - kChecksumBytes);
  Enrolment enrolment;
  if (sum != Checksum(bytes) || !enrolment.ParseFromString(bytes)) {
    return absl::InvalidArgumentError("the enrolment file is cut or damaged");
  }
  NS_RETURN_IF_ERROR(CheckFields(enrolment));
  return enrolment;
}

}  // namespace nightsafe
