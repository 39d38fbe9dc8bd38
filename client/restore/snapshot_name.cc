#include "client/restore/snapshot_name.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/tree/path_key.h"

namespace nightsafe {
namespace {

constexpr absl::string_view kForm = "HOST[/SET][@latest|@DATE|@ID][:/PATH]";

struct DateForm {
  absl::string_view format;
  absl::string_view pattern;  // '0' stands for a digit
  absl::Duration span;        // how much time the date names; 0: a civil day
};

constexpr std::array<DateForm, 3> kDateForms = {{
    {"%Y-%m-%d", "0000-00-00", absl::ZeroDuration()},
    {"%Y-%m-%dT%H:%M", "0000-00-00T00:00", absl::Minutes(1)},
    {"%Y-%m-%dT%H:%M:%S", "0000-00-00T00:00:00", absl::Seconds(1)},
}};

bool HasForm(absl::string_view text, absl::string_view pattern) {
  return text.size() == pattern.size() &&
         std::equal(
             text.begin(), text.end(), pattern.begin(), [](char c, char p) {
               return p == '0'
                          ? absl::ascii_isdigit(static_cast<unsigned char>(c))
                          : c == p;
             });
}

absl::Time EndOfDay(absl::Time start, absl::TimeZone zone) {
  return absl::FromCivil(absl::ToCivilDay(start, zone) + 1, zone);
}

absl::StatusOr<absl::Time> ParseDate(absl::string_view text,
                                     absl::TimeZone zone) {
  absl::string_view digits = text;
  if (absl::EndsWith(digits, "Z")) {
    digits.remove_suffix(1);
    zone = absl::UTCTimeZone();
  }
  for (const DateForm& form : kDateForms) {
    if (!HasForm(digits, form.pattern)) continue;
    absl::Time start;
    std::string reason;
    if (!absl::ParseTime(form.format, digits, zone, &start, &reason)) break;
    return form.span == absl::ZeroDuration() ? EndOfDay(start, zone)
                                             : start + form.span;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", text, "\" is no date; write 2026-11-23 or 2026-11-23T14:00"));
}

bool IsHex(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isxdigit(static_cast<unsigned char>(c));
  });
}

absl::Status ParseChoice(absl::string_view text, absl::TimeZone zone,
                         SnapshotName& name) {
  if (text == "latest") return absl::OkStatus();
  if (IsHex(text) && !text.empty()) {
    if (text.size() < kMinIdPrefixDigits || text.size() > 64) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", text, "\" has ", text.size(),
                       " hex digits; a snapshot id needs ", kMinIdPrefixDigits,
                       " to 64 of them"));
    }
    name.choice = SnapshotName::Choice::kId;
    name.id_prefix = absl::AsciiStrToLower(text);
    return absl::OkStatus();
  }
  if (text.empty() ||
      !absl::ascii_isdigit(static_cast<unsigned char>(text.front()))) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"@", text, "\" is neither @latest nor a date nor a snapshot id"));
  }
  name.choice = SnapshotName::Choice::kBefore;
  NS_ASSIGN_OR_RETURN(name.before, ParseDate(text, zone));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SetFilter> ParseSetFilter(absl::string_view text) {
  SetFilter filter;
  size_t slash = text.find('/');
  filter.host = std::string(text.substr(0, slash));
  NS_RETURN_IF_ERROR(ValidateName("host", filter.host));
  if (slash != absl::string_view::npos) {
    filter.set = std::string(text.substr(slash + 1));
    NS_RETURN_IF_ERROR(ValidateName("set", filter.set));
  }
  return filter;
}

absl::StatusOr<SnapshotName> ParseSnapshotName(absl::string_view text,
                                               absl::TimeZone zone) {
  SnapshotName name;
  // Neither a host, a set nor a date has ":/" in it.
  size_t path = text.find(":/");
  if (path != absl::string_view::npos) {
    NS_ASSIGN_OR_RETURN(PathKey key, ParsePath(text.substr(path + 1)));
    name.path = JoinPath(key.directory, key.name);
    text = text.substr(0, path);
  }
  size_t at = text.find('@');
  if (at != absl::string_view::npos) {
    NS_RETURN_IF_ERROR(ParseChoice(text.substr(at + 1), zone, name));
    text = text.substr(0, at);
  }
  if (absl::StrContains(text, ':')) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", text, "\": a path must be absolute; the form is ", kForm));
  }
  if (text.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("no host is named; the form is ", kForm));
  }
  NS_ASSIGN_OR_RETURN(SetFilter filter, ParseSetFilter(text));
  name.host = std::move(filter.host);
  name.set = std::move(filter.set);
  return name;
}

}  // namespace nightsafe
