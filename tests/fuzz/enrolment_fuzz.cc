// First byte even: the rest is the text of an enrolment file. Odd: the rest is
// its message, with a right checksum.
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "client/credential/enrolment_file.h"
#include "common/base/check.h"
#include "common/crypto/blake3.h"
#include "google/protobuf/stubs/logging.h"

namespace nightsafe {
namespace {

using v1::format::Enrolment;

void DecodeBoth(absl::string_view text) {
  absl::StatusOr<Enrolment> decoded = DecodeEnrolment(text);
  if (!decoded.ok()) return;
  absl::StatusOr<Enrolment> again = DecodeEnrolment(EncodeEnrolment(*decoded));
  NS_CHECK(again.ok());
  NS_CHECK(again->SerializeAsString() == decoded->SerializeAsString());
}

std::string TextHolding(absl::string_view message) {
  const Hash32 hash = HashOf(AsBytes(message));
  return absl::StrCat("NIGHTSAFE-ENROLMENT-1:",
                      absl::WebSafeBase64Escape(
                          absl::StrCat(message, AsText(hash).substr(0, 4))));
}

}  // namespace
}  // namespace nightsafe

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  google::protobuf::SetLogHandler(nullptr);
  if (size == 0) return 0;
  const absl::string_view rest(reinterpret_cast<const char*>(data) + 1,
                               size - 1);
  nightsafe::DecodeBoth(data[0] % 2 == 0 ? std::string(rest)
                                         : nightsafe::TextHolding(rest));
  return 0;
}
