#include "common/crypto/key_text.h"

#include <cstdint>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "common/crypto/secret.h"

namespace nightsafe {
namespace {

constexpr absl::string_view kBegin = "-----BEGIN NIGHTSAFE ";
constexpr absl::string_view kEnd = "-----END NIGHTSAFE ";
constexpr absl::string_view kDashes = "-----";
constexpr size_t kLineLength = 64;
// Base64 takes 4 for 3, and a line end each 64.
constexpr size_t kMaxTextBytes = 2 * kMaxKeyFileBytes;

absl::Status NotAKeyFile(absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("not a Nightsafe key file: ", why));
}

// Length of the UTF-8 sequence that `text` begins with; 0 if it is none.
// Refuses overlong forms, surrogates and code points above U+10FFFF.
size_t SequenceLength(absl::string_view text) {
  const auto lead = static_cast<uint8_t>(text[0]);
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((static_cast<uint8_t>(text[i]) & 0xc0) != 0x80) return 0;
  }
  const auto second = static_cast<uint8_t>(text[1]);
  const bool bad =
      (lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) ||
      (lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f);
  return bad ? 0 : length;
}

}  // namespace

std::string EncodeKeyText(absl::string_view noun, ByteView bytes) {
  std::string base64 = absl::Base64Escape(AsText(bytes));
  std::string text;
  text.reserve(base64.size() + base64.size() / kLineLength + 2 * noun.size() +
               80);
  absl::StrAppend(&text, kBegin, noun, kDashes, "\n");
  for (size_t at = 0; at < base64.size(); at += kLineLength) {
    absl::StrAppend(&text, absl::string_view(base64).substr(at, kLineLength),
                    "\n");
  }
  absl::StrAppend(&text, kEnd, noun, kDashes, "\n");
  EraseString(base64);
  return text;
}

absl::StatusOr<KeyText> DecodeKeyText(absl::string_view text) {
  if (text.size() > kMaxTextBytes) {
    return NotAKeyFile(
        absl::StrCat("it has ", text.size(), " bytes, limit ", kMaxTextBytes));
  }
  std::string canonical =
      absl::StrReplaceAll(absl::StripAsciiWhitespace(text), {{"\r\n", "\n"}});
  canonical.push_back('\n');
  absl::string_view rest = canonical;
  const size_t noun_end = rest.find("-----\n");
  if (!absl::ConsumePrefix(&rest, kBegin) || noun_end == rest.npos ||
      noun_end < kBegin.size()) {
    EraseString(canonical);
    return NotAKeyFile("it does not begin with -----BEGIN NIGHTSAFE");
  }
  KeyText decoded;
  decoded.noun = std::string(rest.substr(0, noun_end - kBegin.size()));
  rest.remove_prefix(decoded.noun.size() + kDashes.size() + 1);
  rest = rest.substr(0, rest.find(kEnd));
  const bool is_base64 = absl::Base64Unescape(rest, &decoded.bytes);
  // Base64 has many texts for the same bytes; only ours is taken, so that every
  // change of the text is seen.
  std::string again;
  if (is_base64) again = EncodeKeyText(decoded.noun, AsBytes(decoded.bytes));
  const bool same = is_base64 && again == canonical;
  EraseString(again);
  EraseString(canonical);
  if (!same) {
    EraseString(decoded.bytes);
    return NotAKeyFile("a line is missing, added or changed");
  }
  return decoded;
}

absl::Status CheckKeyLabel(absl::string_view label) {
  if (label.size() > kMaxKeyLabelBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "key label of ", label.size(), " bytes, limit ", kMaxKeyLabelBytes));
  }
  while (!label.empty()) {
    const size_t length = SequenceLength(label);
    if (length == 0 ||
        absl::ascii_iscntrl(static_cast<unsigned char>(label[0]))) {
      return absl::InvalidArgumentError(
          "key label with control characters or not in UTF-8");
    }
    label.remove_prefix(length);
  }
  return absl::OkStatus();
}

}  // namespace nightsafe
