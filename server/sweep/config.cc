#include "server/sweep/config.h"

#include <yaml-cpp/yaml.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

constexpr int64_t kMaxDelayHours = 24 * 366;

absl::Status Set(const std::string& key, const std::string& value,
                 SweepConfig& config) {
  if (key == "data" || key == "state") {
    if (value.empty() || value[0] != '/') {
      return absl::InvalidArgumentError("an absolute path is needed");
    }
    (key == "data" ? config.data : config.state) = value;
    return absl::OkStatus();
  }
  if (key == "server_id") {
    const auto id = ServerId::FromHex(value);
    if (!id.ok() || id->IsZero()) {
      return absl::InvalidArgumentError(
          absl::StrCat(2 * ServerId::kSize,
                       " hex digits are needed, as on the recovery "
                       "sheet"));
    }
    config.server = *id;
    return absl::OkStatus();
  }
  if (key == "delay_hours") {
    int64_t hours = 0;
    if (!absl::SimpleAtoi(value, &hours) || hours < 0 ||
        hours > kMaxDelayHours) {
      return absl::InvalidArgumentError(
          absl::StrCat("a number from 0 to ", kMaxDelayHours, " is needed"));
    }
    config.delay = absl::Hours(hours);
    return absl::OkStatus();
  }
  if (key == "accepted_forged_records") {
    if (absl::SimpleAtoi(value, &config.accepted_forged_records)) {
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError("a number is needed");
  }
  return absl::InvalidArgumentError("unknown key");
}

absl::Status CheckGiven(const SweepConfig& config) {
  const char* missing = config.data.empty()      ? "data"
                        : config.state.empty()   ? "state"
                        : config.server.IsZero() ? "server_id"
                                                 : nullptr;
  if (missing == nullptr) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("key \"", missing, "\" is missing"));
}

}  // namespace

absl::StatusOr<SweepConfig> ParseSweepConfig(absl::string_view yaml) {
  SweepConfig config;
  try {
    const YAML::Node root = YAML::Load(std::string(yaml));
    if (!root.IsMap()) {
      return absl::InvalidArgumentError("not a YAML map of keys and values");
    }
    for (const auto& item : root) {
      const std::string key = item.first.as<std::string>();
      const std::string value =
          item.second.IsScalar() ? item.second.Scalar() : "";
      NS_RETURN_IF_ERROR(
          Annotate(Set(key, value, config),
                   absl::StrCat("key \"", key, "\", value \"", value, "\"")));
    }
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(error.what());
  }
  NS_RETURN_IF_ERROR(CheckGiven(config));
  return config;
}

}  // namespace nightsafe
