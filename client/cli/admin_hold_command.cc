// nightsafe-admin lock, hold, release

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/admin/orders.h"
#include "client/cli/admin_commands.h"
#include "client/terminal/text.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

using v1::format::Order;

struct HoldOptions {
  std::string vault = "main";
  std::string name;  // HOST[/SET]; empty: the vault
  std::string until;
  std::string reason;
  std::string admin_key;
  uint64_t sequence = 0;
};

absl::StatusOr<absl::Time> ParseUntil(const std::string& text) {
  absl::Time until;
  std::string error;
  if (absl::ParseTime("%Y-%m-%d", text, absl::LocalTimeZone(), &until,
                      &error) ||
      absl::ParseTime("%Y-%m-%dT%H:%M", text, absl::LocalTimeZone(), &until,
                      &error)) {
    if (until > absl::Now()) return until;
    return absl::InvalidArgumentError(
        absl::StrCat("--until ", text, " has passed"));
  }
  const auto span = ParseSpan(text);
  if (span.ok()) return absl::Now() + *span;
  return absl::InvalidArgumentError(absl::StrCat(
      "--until \"", text,
      "\" is neither a date such as 2027-01-31 nor a span such as 90d"));
}

// Sends an order whose action `fill` makes, and says what it did.
template <typename Fill>
absl::StatusOr<ExitCode> Send(const AdminOptions& admin,
                              const HoldOptions& options,
                              absl::string_view done, Fill fill) {
  NS_ASSIGN_OR_RETURN(OrderScope scope, ParseOrderScope(options.name));
  NS_ASSIGN_OR_RETURN(std::unique_ptr<ServerLink> link, admin.Connect());
  NS_ASSIGN_OR_RETURN(Order order,
                      BeginOrder(link->client(), options.vault, absl::Now()));
  NS_RETURN_IF_ERROR(fill(link->client(), scope, order));
  NS_ASSIGN_OR_RETURN(SigningKey key, admin.LoadAdminKey(options.admin_key));
  NS_RETURN_IF_ERROR(SendOrder(link->client(), key, order));
  std::fprintf(stderr, "%s: %s\n", scope.Text(options.vault).c_str(),
               std::string(done).c_str());
  return kExitOk;
}

absl::StatusOr<ExitCode> Lock(const AdminOptions& admin,
                              const HoldOptions& options) {
  NS_ASSIGN_OR_RETURN(absl::Time until, ParseUntil(options.until));
  return Send(
      admin, options, absl::StrCat("nothing goes before ", ShowTime(until)),
      [&](const AdminClient&, const OrderScope& scope, Order& order) {
        order.mutable_lock()->set_host(scope.host);
        order.mutable_lock()->set_set(scope.set);
        order.mutable_lock()->set_until_unix_ns(absl::ToUnixNanos(until));
        return absl::OkStatus();
      });
}

absl::StatusOr<ExitCode> Hold(const AdminOptions& admin,
                              const HoldOptions& options) {
  return Send(admin, options,
              "nothing goes until `nightsafe-admin release` of the same name",
              [&](const AdminClient&, const OrderScope& scope, Order& order) {
                order.mutable_hold()->set_host(scope.host);
                order.mutable_hold()->set_set(scope.set);
                order.mutable_hold()->set_reason(options.reason);
                return absl::OkStatus();
              });
}

absl::StatusOr<ExitCode> Release(const AdminOptions& admin,
                                 const HoldOptions& options) {
  return Send(
      admin, options, "released, and what looked suspicious is accepted",
      [&](const AdminClient& client, const OrderScope& scope, Order& order) {
        uint64_t sequence = options.sequence;
        if (sequence == 0) {
          v1::GetPoliciesRequest request;
          request.set_vault(options.vault);
          NS_ASSIGN_OR_RETURN(v1::GetPoliciesReply reply,
                              client.GetPolicies(request));
          sequence = reply.last_sequence();
        }
        order.mutable_release()->set_host(scope.host);
        order.mutable_release()->set_set(scope.set);
        order.mutable_release()->set_sequence(sequence);
        order.mutable_release()->set_reason(options.reason);
        return absl::OkStatus();
      });
}

std::shared_ptr<HoldOptions> AddOptions(CLI::App* command) {
  auto options = std::make_shared<HoldOptions>();
  command->add_option("HOST[/SET]", options->name, "default: the whole vault");
  command->add_option("--vault", options->vault)->capture_default_str();
  command->add_option("--admin-key", options->admin_key,
                      "default: admin.key of the admin directory");
  return options;
}

}  // namespace

void AddHoldCommands(Program& program, AdminOptions& admin) {
  CLI::App* command = program.AddCommand(
      "lock",
      "Let nothing of a vault, host or set expire or be purged before a date. "
      "A lock can be extended, never shortened");
  auto lock = AddOptions(command);
  command->add_option("--until", lock->until, "2027-01-31 or 90d")->required();
  program.OnRun(command, [&admin, lock] { return Lock(admin, *lock); });

  command = program.AddCommand(
      "hold", "Let nothing expire or be purged until it is released");
  auto hold = AddOptions(command);
  command->add_option("--reason", hold->reason, "kept in the journal");
  program.OnRun(command, [&admin, hold] { return Hold(admin, *hold); });

  command = program.AddCommand(
      "release",
      "End a hold of exactly that name, and accept what looked suspicious "
      "there so far");
  auto release = AddOptions(command);
  command->add_option("--upto", release->sequence,
                      "accept snapshots up to this sequence number only");
  command->add_option("--reason", release->reason, "kept in the journal");
  program.OnRun(command,
                [&admin, release] { return Release(admin, *release); });
}

}  // namespace nightsafe
