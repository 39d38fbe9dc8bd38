#include "client/terminal/text.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_format.h"

namespace nightsafe {
namespace {

// Length of the well-formed UTF-8 sequence at the front of `text`, or 0.
size_t Utf8Length(absl::string_view text) {
  const auto byte = [&](size_t i) {
    return static_cast<unsigned char>(text[i]);
  };
  const unsigned char lead = byte(0);
  const size_t length = lead < 0x80                   ? 1
                        : lead >= 0xc2 && lead < 0xe0 ? 2
                        : lead >= 0xe0 && lead < 0xf0 ? 3
                        : lead >= 0xf0 && lead < 0xf5 ? 4
                                                      : 0;
  if (length == 0 || length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  if (lead == 0xe0 && byte(1) < 0xa0) return 0;
  if (lead == 0xed && byte(1) > 0x9f) return 0;
  if (lead == 0xf0 && byte(1) < 0x90) return 0;
  if (lead == 0xf4 && byte(1) > 0x8f) return 0;
  return length;
}

// C1 controls, and the marks that reorder text.
bool ActsOnTerminal(absl::string_view sequence) {
  if (sequence.size() == 1) {
    return static_cast<unsigned char>(sequence[0]) < 0x20 ||
           sequence[0] == 0x7f;
  }
  if (sequence.size() == 2) {
    return sequence[0] == '\xc2' &&
           static_cast<unsigned char>(sequence[1]) < 0xa0;
  }
  return sequence.substr(0, 2) == "\xe2\x80" ||
         sequence.substr(0, 2) == "\xe2\x81";
}

}  // namespace

std::string ShowBytes(uint64_t bytes) {
  if (bytes < 1024) return absl::StrFormat("%d B", bytes);
  constexpr std::array kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  while (value >= 1023.95 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return absl::StrFormat("%.1f %s", value, kUnits[unit]);
}

std::string ShowDuration(absl::Duration duration) {
  const int64_t seconds = std::max<int64_t>(0, absl::ToInt64Seconds(duration));
  if (seconds < 60) return absl::StrFormat("%d s", seconds);
  const int64_t minutes = seconds / 60;
  if (minutes < 60) return absl::StrFormat("%d min", minutes);
  if (minutes < 24 * 60) {
    return absl::StrFormat("%d h %d min", minutes / 60, minutes % 60);
  }
  return absl::StrFormat("%d d %d h", minutes / 1440, minutes / 60 % 24);
}

std::string ShowTime(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", time, absl::LocalTimeZone());
}

std::string ShowName(absl::string_view name) {
  std::string shown;
  while (!name.empty()) {
    const size_t length = Utf8Length(name);
    const absl::string_view sequence =
        name.substr(0, std::max<size_t>(length, 1));
    if (length == 0 || ActsOnTerminal(sequence)) {
      for (char c : sequence) {
        absl::StrAppendFormat(&shown, "\\x%02x", static_cast<unsigned char>(c));
      }
    } else {
      shown.append(sequence.data(), sequence.size());
    }
    name.remove_prefix(sequence.size());
  }
  return shown;
}

std::string ShowTable(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  std::string out;
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      out += row[i];
      if (i + 1 < row.size()) out.append(widths[i] + 2 - row[i].size(), ' ');
    }
    out += '\n';
  }
  return out;
}

}  // namespace nightsafe
