#include "server/vault/verdict.h"

namespace nightsafe {

Verdict VerdictOf(const absl::Status& status) {
  if (absl::IsDataLoss(status)) return Verdict::kWrong;
  return absl::IsNotFound(status) ? Verdict::kMissing : Verdict::kUnreadable;
}

absl::string_view VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kWrong:
      return "wrong";
    case Verdict::kMissing:
      return "missing";
    case Verdict::kUnreadable:
      return "unreadable";
    case Verdict::kUnindexed:
      return "unindexed";
    case Verdict::kFraming:
      return "framing";
  }
  return "";
}

}  // namespace nightsafe
