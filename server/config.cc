#include "server/config.h"

#include <yaml-cpp/yaml.h>

#include <functional>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/status.h"
#include "server/pack/format.h"

namespace nightsafe {
namespace {

using Setter = std::function<absl::Status(const std::string&, ServerConfig&)>;

Setter Text(std::string ServerConfig::*field) {
  return [field](const std::string& value, ServerConfig& config) {
    config.*field = value;
    return absl::OkStatus();
  };
}

Setter Bytes(uint64_t ServerConfig::*field) {
  return [field](const std::string& value, ServerConfig& config) {
    if (absl::SimpleAtoi(value, &(config.*field))) return absl::OkStatus();
    return absl::InvalidArgumentError("a number of bytes is needed");
  };
}

Setter Count(uint64_t ServerConfig::*field) {
  return [field](const std::string& value, ServerConfig& config) {
    if (absl::SimpleAtoi(value, &(config.*field))) return absl::OkStatus();
    return absl::InvalidArgumentError("a number is needed");
  };
}

Setter Seconds(absl::Duration ServerConfig::*field) {
  return [field](const std::string& value, ServerConfig& config) {
    int64_t seconds = 0;
    if (!absl::SimpleAtoi(value, &seconds)) {
      return absl::InvalidArgumentError("a number of seconds is needed");
    }
    config.*field = absl::Seconds(seconds);
    return absl::OkStatus();
  };
}

Setter Whole(int ServerConfig::*field) {
  return [field](const std::string& value, ServerConfig& config) {
    if (absl::SimpleAtoi(value, &(config.*field))) return absl::OkStatus();
    return absl::InvalidArgumentError("a number is needed");
  };
}

absl::Status SetShare(const std::string& value, ServerConfig& config) {
  if (absl::SimpleAtod(value, &config.reserve_share)) return absl::OkStatus();
  return absl::InvalidArgumentError("a number from 0 to 0.9 is needed");
}

absl::Status SetScrubInterval(const std::string& value, ServerConfig& config) {
  double days = 0;
  if (!absl::SimpleAtod(value, &days) || !(days >= 0 && days <= 3650)) {
    return absl::InvalidArgumentError("a number of days is needed, 0 to 3650");
  }
  config.scrub_interval = absl::Hours(24 * days);
  return absl::OkStatus();
}
absl::Status SetScrubRate(const std::string& value, ServerConfig& config) {
  if (absl::SimpleAtoi(value, &config.scrub_bytes_per_second)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError("a number of bytes is needed");
}

const std::map<std::string, Setter>& Setters() {
  static const auto* const setters = new std::map<std::string, Setter>{
      {"listen", Text(&ServerConfig::listen)},
      {"enrol_listen", Text(&ServerConfig::enrol_listen)},
      {"metrics_listen", Text(&ServerConfig::metrics_listen)},
      {"admin_socket", Text(&ServerConfig::admin_socket)},
      {"admin_listen", Text(&ServerConfig::admin_listen)},
      {"address", Text(&ServerConfig::address)},
      {"enrol_address", Text(&ServerConfig::enrol_address)},
      {"reserve_bytes", Bytes(&ServerConfig::reserve_bytes)},
      {"reserve_share", SetShare},
      {"pack_bytes", Bytes(&ServerConfig::pack_bytes)},
      {"idle_timeout_seconds", Seconds(&ServerConfig::idle_timeout)},
      {"session_expiry_seconds", Seconds(&ServerConfig::session_expiry)},
      {"max_threads", Whole(&ServerConfig::max_threads)},
      {"host_quota_bytes", Bytes(&ServerConfig::host_quota_bytes)},
      {"host_quota_objects", Count(&ServerConfig::host_quota_objects)},
      {"snapshots_per_day", Count(&ServerConfig::snapshots_per_day)},
      {"commits_per_day", Count(&ServerConfig::commits_per_day)},
      {"manifest_bytes_per_day", Bytes(&ServerConfig::manifest_bytes_per_day)},
      {"sets_per_host", Count(&ServerConfig::sets_per_host)},
      {"sessions_per_host", Whole(&ServerConfig::sessions_per_host)},
      {"scrub_interval_days", SetScrubInterval},
      {"scrub_bytes_per_second", SetScrubRate},
  };
  return *setters;
}

absl::Status Set(const std::string& key, const YAML::Node& value,
                 ServerConfig& config) {
  const auto setter = Setters().find(key);
  if (setter == Setters().end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("unknown key \"", key, "\""));
  }
  if (!value.IsScalar() && !value.IsNull()) {
    return absl::InvalidArgumentError(
        absl::StrCat("key \"", key, "\" takes one value, not a list or map"));
  }
  const std::string text = value.IsNull() ? "" : value.Scalar();
  return Annotate(setter->second(text, config),
                  absl::StrCat("key \"", key, "\", value \"", text, "\""));
}

absl::Status CheckAddress(absl::string_view key, absl::string_view value,
                          bool may_be_empty) {
  if (value.empty() && may_be_empty) return absl::OkStatus();
  return Annotate(ParseHostPort(value).status(), absl::StrCat("\"", key, "\""));
}

std::string Quoted(absl::string_view text) {
  return absl::StrCat("\"", text, "\"");
}

// As a double-quoted scalar of YAML.
std::string Scalar(absl::string_view text) {
  std::string scalar = "\"";
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      absl::StrAppendFormat(&scalar, "\\x%02x", byte);
    } else {
      if (c == '"' || c == '\\') scalar.push_back('\\');
      scalar.push_back(c);
    }
  }
  scalar.push_back('"');
  return scalar;
}

// With as many digits as it takes to read the same again.
std::string Digits(double value) {
  std::string text = absl::StrCat(value);
  double read = 0;
  if (absl::SimpleAtod(text, &read) && read == value) return text;
  return absl::StrFormat("%.17g", value);
}

}  // namespace

absl::StatusOr<HostPort> ParseHostPort(absl::string_view address) {
  const auto error = [&] {
    return absl::InvalidArgumentError(absl::StrCat(
        Quoted(address), " is not host:port (or [IPv6 address]:port)"));
  };
  const size_t colon = address.rfind(':');
  if (colon == absl::string_view::npos) return error();
  HostPort result;
  absl::string_view host = address.substr(0, colon);
  if (absl::StartsWith(host, "[") && absl::EndsWith(host, "]")) {
    host = host.substr(1, host.size() - 2);
  } else if (absl::StrContains(host, ':')) {
    return error();
  }
  if (host.empty() || host.size() > 253 ||
      host.find_first_of("\"\\/ \t\n") != absl::string_view::npos ||
      !absl::SimpleAtoi(address.substr(colon + 1), &result.port) ||
      result.port < 0 || result.port > 65535) {
    return error();
  }
  result.host = std::string(host);
  return result;
}

std::string FormatHostPort(absl::string_view host, int port) {
  if (absl::StrContains(host, ':')) {
    return absl::StrCat("[", host, "]:", port);
  }
  return absl::StrCat(host, ":", port);
}

absl::Status CheckConfig(const ServerConfig& config) {
  NS_RETURN_IF_ERROR(CheckAddress("listen", config.listen, false));
  NS_RETURN_IF_ERROR(CheckAddress("enrol_listen", config.enrol_listen, false));
  NS_RETURN_IF_ERROR(
      CheckAddress("metrics_listen", config.metrics_listen, true));
  NS_RETURN_IF_ERROR(CheckAddress("admin_listen", config.admin_listen, true));
  NS_RETURN_IF_ERROR(CheckAddress("address", config.address, true));
  NS_RETURN_IF_ERROR(CheckAddress("enrol_address", config.enrol_address, true));
  if (!(config.reserve_share >= 0 && config.reserve_share <= 0.9)) {
    return absl::InvalidArgumentError(absl::StrCat("\"reserve_share\" is ",
                                                   config.reserve_share,
                                                   ", allowed are 0 to 0.9"));
  }
  if (config.pack_bytes < kMinConfiguredPackBytes ||
      config.pack_bytes > kMaxPackBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"pack_bytes\" is ", config.pack_bytes, ", allowed are ",
                     kMinConfiguredPackBytes, " to ", kMaxPackBytes));
  }
  if (config.idle_timeout < absl::Seconds(1)) {
    return absl::InvalidArgumentError(
        "\"idle_timeout_seconds\" must be at least 1");
  }
  if (config.session_expiry < absl::Seconds(1)) {
    return absl::InvalidArgumentError(
        "\"session_expiry_seconds\" must be at least 1");
  }
  if (config.max_threads < 16 || config.max_threads > 10'000) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"max_threads\" is ", config.max_threads,
                     ", allowed are 16 to 10000"));
  }
  if (config.sessions_per_host < 1 || config.sessions_per_host > 1000) {
    return absl::InvalidArgumentError(absl::StrCat("\"sessions_per_host\" is ",
                                                   config.sessions_per_host,
                                                   ", allowed are 1 to 1000"));
  }
  if (config.snapshots_per_day > UINT32_MAX) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"snapshots_per_day\" is ", config.snapshots_per_day,
                     ", allowed are 0 to ", UINT32_MAX));
  }
  return absl::OkStatus();
}

absl::StatusOr<ServerConfig> ParseConfig(absl::string_view yaml) {
  ServerConfig config;
  YAML::Node root;
  try {
    root = YAML::Load(std::string(yaml));
    if (root.IsNull()) return config;
    if (!root.IsMap()) {
      return absl::InvalidArgumentError("not a YAML map of keys and values");
    }
    for (const auto& item : root) {
      NS_RETURN_IF_ERROR(
          Set(item.first.as<std::string>(), item.second, config));
    }
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(error.what());
  }
  NS_RETURN_IF_ERROR(CheckConfig(config));
  return config;
}

std::string FormatConfig(const ServerConfig& config) {
  return absl::StrCat(
      "# Settings of nightsafed; read when it starts.\n\n"
      "# Where hosts and readers connect (TLS with client certificates).\n",
      "listen: ", Scalar(config.listen),
      "\n# Where new machines enrol (TLS, one-time token).\n"
      "enrol_listen: ",
      Scalar(config.enrol_listen),
      "\n# What enrolment files name; empty: this machine's name and the ports"
      "\n# above.\naddress: ",
      Scalar(config.address), "\nenrol_address: ", Scalar(config.enrol_address),
      "\n# Prometheus metrics, plain HTTP: keep it on loopback. Empty: none.\n"
      "metrics_listen: ",
      Scalar(config.metrics_listen),
      "\n# Socket for nightsafe-admin; whoever may enter its directory is"
      "\n# admin. Empty: admin/admin.sock in the data directory.\n"
      "admin_socket: ",
      Scalar(config.admin_socket),
      "\n# Where admins with a certificate (`nightsafe-admin admin add`) "
      "connect,"
      "\n# for example [::]:7482. Empty: nowhere, only through the socket.\n"
      "admin_listen: ",
      Scalar(config.admin_listen),
      "\n# New data is refused while less than this is free: bytes, and share"
      "\n# of the file system; the larger counts.\nreserve_bytes: ",
      config.reserve_bytes, "\nreserve_share: ", Digits(config.reserve_share),
      "\n# Size at which a pack of data is finished.\npack_bytes: ",
      config.pack_bytes,
      "\n# A backup that sends nothing for this long is ended; it may go on"
      "\n# later.\nidle_timeout_seconds: ",
      absl::ToInt64Seconds(config.idle_timeout),
      "\n# What a backup sent that was not gone on with for this long, and did"
      "\n# not end, may be collected.\nsession_expiry_seconds: ",
      absl::ToInt64Seconds(config.session_expiry),
      "\n# Threads of each listener.\nmax_threads: ", config.max_threads,
      "\n# What one host may store, where no policy says otherwise, and "
      "snapshots"
      "\n# of one set and day. Past that new data is refused and nothing else"
      "\n# changes. 0: without a limit.\nhost_quota_bytes: ",
      config.host_quota_bytes,
      "\nhost_quota_objects: ", config.host_quota_objects,
      "\nsnapshots_per_day: ", config.snapshots_per_day,
      "\n# Of one host in all its sets, also those whose snapshots have names:"
      "\n# snapshots and bytes of their manifests of one day, sets. 0: without "
      "a"
      "\n# limit.\ncommits_per_day: ",
      config.commits_per_day,
      "\nmanifest_bytes_per_day: ", config.manifest_bytes_per_day,
      "\nsets_per_host: ", config.sets_per_host,
      "\n# Backups of one host at a time.\nsessions_per_host: ",
      config.sessions_per_host,
      "\n# Everything stored is read and checked this often, at this rate, with"
      "\n# low priority. Days 0: only when asked. Bytes 0: without a limit."
      "\nscrub_interval_days: ",
      Digits(absl::ToDoubleHours(config.scrub_interval) / 24),
      "\nscrub_bytes_per_second: ", config.scrub_bytes_per_second, "\n");
}

}  // namespace nightsafe
