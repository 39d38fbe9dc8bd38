// Any bytes as a name on a terminal and as the label of a key: nothing shown
// acts on a terminal, and a label shows as it is.
#include <cstddef>
#include <cstdint>
#include <string>

#include "client/terminal/text.h"
#include "common/base/check.h"
#include "common/crypto/key_text.h"

namespace nightsafe {
namespace {

// Strict UTF-8 by the table of RFC 3629, in another way than the code under
// test: decode, then encode anew.
bool IsUtf8(const std::string& text) {
  std::string again;
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const size_t length = lead < 0x80   ? 1
                          : lead < 0xe0 ? 2
                          : lead < 0xf0 ? 3
                                        : 4;
    if ((lead >= 0x80 && lead < 0xc0) || i + length > text.size()) return false;
    uint32_t point = length == 1 ? lead : lead & (0x7fu >> length);
    for (size_t j = 1; j < length; ++j) {
      point = point << 6 | (static_cast<unsigned char>(text[i + j]) & 0x3f);
    }
    if (point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return false;
    i += length;
    if (point < 0x80) {
      again += static_cast<char>(point);
      continue;
    }
    const size_t size = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    const uint32_t mark = size == 2 ? 0xc0 : size == 3 ? 0xe0 : 0xf0;
    again += static_cast<char>(mark | point >> (6 * (size - 1)));
    for (size_t left = size - 1; left > 0; --left) {
      again += static_cast<char>(0x80 | (point >> (6 * (left - 1)) & 0x3f));
    }
  }
  return again == text;
}

bool HasControl(const std::string& text) {
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) return true;
  }
  return false;
}

}  // namespace
}  // namespace nightsafe

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nightsafe;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const std::string shown = ShowName(text);
  NS_CHECK(IsUtf8(shown) && !HasControl(shown));
  NS_CHECK(ShowName(shown) == shown);
  // C1 controls, and marks that turn the direction of text.
  NS_CHECK(shown.find("\xc2\x9b") == shown.npos);
  NS_CHECK(shown.find("\xe2\x80\xae") == shown.npos);
  const bool label =
      text.size() <= kMaxKeyLabelBytes && IsUtf8(text) && !HasControl(text);
  NS_CHECK(CheckKeyLabel(text).ok() == label);
  return 0;
}
