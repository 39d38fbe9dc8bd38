#include "common/base/kill_point.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"

namespace nightsafe {
namespace {

constexpr char kVariable[] = "NIGHTSAFE_KILL_POINT";

bool IsName(absl::string_view text) {
  const size_t dot = text.find('.');
  if (dot == 0 || dot == absl::string_view::npos || dot + 1 == text.size()) {
    return false;
  }
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (i == dot || c == '-' || absl::ascii_isdigit(c) ||
        absl::ascii_islower(c)) {
      continue;
    }
    return false;
  }
  return true;
}

std::optional<KillPoint> Armed() {
  const char* const text = std::getenv(kVariable);
  if (text == nullptr) return std::nullopt;
  std::optional<KillPoint> point = ParseKillPoint(text);
  if (point) return point;
  std::fprintf(stderr, "%s: \"%s\" is not NAME:N with N from 1\n", kVariable,
               text);
  std::_Exit(2);
}

// Made at the first hit, so in no order of initialisation.
const std::optional<KillPoint>& TheArmed() {
  static const std::optional<KillPoint> point = Armed();
  return point;
}

}  // namespace

const bool kKillPointsArmed = TheArmed().has_value();

std::optional<KillPoint> ParseKillPoint(absl::string_view text) {
  const size_t colon = text.rfind(':');
  KillPoint point;
  if (colon == absl::string_view::npos || !IsName(text.substr(0, colon)) ||
      !absl::SimpleAtoi(text.substr(colon + 1), &point.hit) || point.hit == 0) {
    return std::nullopt;
  }
  point.name = std::string(text.substr(0, colon));
  return point;
}

void HitKillPoint(absl::string_view name) {
  static std::atomic<uint64_t> hits{0};
  const std::optional<KillPoint>& armed = TheArmed();
  if (!armed || armed->name != name) return;
  if (hits.fetch_add(1) + 1 != armed->hit) return;
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();
}

}  // namespace nightsafe
