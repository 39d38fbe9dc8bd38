// How figures and names are shown to a person.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace nightsafe {

// "1.4 GiB", "512 B".
std::string ShowBytes(uint64_t bytes);
// "3 h 12 min", "45 s", "12 d 4 h".
std::string ShowDuration(absl::Duration duration);
// "2026-11-23 14:05:09" in local time.
std::string ShowTime(absl::Time time);
// Control characters and bytes that are not UTF-8 as \xNN, so that a name
// cannot act on a terminal.
std::string ShowName(absl::string_view name);

// Left-aligned columns, two blanks apart; the first row is the heading.
std::string ShowTable(const std::vector<std::vector<std::string>>& rows);

}  // namespace nightsafe
