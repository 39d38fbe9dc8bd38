// Early return for absl::Status and absl::StatusOr.
#pragma once

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

#define NS_CONCAT_(a, b) a##b
#define NS_CONCAT(a, b) NS_CONCAT_(a, b)

#define NS_RETURN_IF_ERROR(expr)                                               \
  do {                                                                         \
    if (absl::Status ns_status_ = (expr); !ns_status_.ok()) return ns_status_; \
  } while (false)

#define NS_ASSIGN_OR_RETURN(lhs, expr) \
  NS_ASSIGN_OR_RETURN_(NS_CONCAT(ns_statusor_, __LINE__), lhs, expr)
#define NS_ASSIGN_OR_RETURN_(var, lhs, expr)     \
  auto var = (expr);                             \
  if (!var.ok()) return std::move(var).status(); \
  lhs = std::move(var).value()

namespace nightsafe {

// `status` with "context: " put before its message; OK stays OK. To be used
// once, at the layer that knows the name of the thing.
inline absl::Status Annotate(const absl::Status& status,
                             absl::string_view context) {
  if (status.ok()) return status;
  return absl::Status(status.code(),
                      absl::StrCat(context, ": ", status.message()));
}

}  // namespace nightsafe
