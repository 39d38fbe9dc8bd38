// nightsafe-admin token list | revoke

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/time/clock.h"
#include "client/admin/grant.h"
#include "client/cli/admin_commands.h"
#include "client/terminal/text.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

constexpr size_t kShownDigits = 12;
constexpr size_t kMinDigits = 6;

struct TokenOptions {
  std::string hash;
  std::string admin_key;
  bool json = false;
};

std::string HashOf(const v1::TokenRecord& token) {
  return HexEncode(AsBytes(token.token_hash()));
}

std::string State(const v1::TokenRecord& token) {
  if (token.used()) return "used";
  return absl::FromUnixNanos(token.expires_unix_ns()) <= absl::Now() ? "expired"
                                                                     : "open";
}

absl::StatusOr<ExitCode> List(const AdminOptions& admin,
                              const TokenOptions& options) {
  NS_ASSIGN_OR_RETURN(std::unique_ptr<ServerLink> link, admin.Connect());
  NS_ASSIGN_OR_RETURN(std::vector<v1::TokenRecord> tokens,
                      link->client().ListTokens());
  nlohmann::json list = nlohmann::json::array();
  std::vector<std::vector<std::string>> rows = {
      {"TOKEN", "FOR", "VAULT", "STATE", "VALID UNTIL"}};
  for (const v1::TokenRecord& token : tokens) {
    list.push_back({{"token_hash", HashOf(token)},
                    {"role", token.vault().empty() ? "reader" : "host"},
                    {"name", token.name()},
                    {"vault", token.vault()},
                    {"state", State(token)},
                    {"expires_unix_ns", token.expires_unix_ns()}});
    rows.push_back({HashOf(token).substr(0, kShownDigits),
                    absl::StrCat(token.vault().empty() ? "reader " : "host ",
                                 token.name()),
                    token.vault().empty() ? "-" : token.vault(), State(token),
                    ShowTime(absl::FromUnixNanos(token.expires_unix_ns()))});
  }
  std::fputs(
      options.json ? (list.dump(2) + "\n").c_str() : ShowTable(rows).c_str(),
      stdout);
  return kExitOk;
}

absl::StatusOr<ExitCode> Revoke(const AdminOptions& admin,
                                const TokenOptions& options) {
  if (options.hash.size() < kMinDigits) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", options.hash, "\" has ", options.hash.size(),
                     " digits; ", kMinDigits, " at least name a token"));
  }
  NS_ASSIGN_OR_RETURN(SigningKey key, admin.LoadAdminKey(options.admin_key));
  NS_ASSIGN_OR_RETURN(std::unique_ptr<ServerLink> link, admin.Connect());
  NS_ASSIGN_OR_RETURN(std::vector<v1::TokenRecord> tokens,
                      link->client().ListTokens());
  std::erase_if(tokens, [&](const v1::TokenRecord& token) {
    return !absl::StartsWith(HashOf(token), options.hash);
  });
  if (tokens.size() != 1) {
    return absl::NotFoundError(
        absl::StrCat(tokens.size(), " tokens begin with ", options.hash,
                     "; `nightsafe-admin token list` shows them"));
  }
  NS_RETURN_IF_ERROR(RevokeToken(link->client(), key,
                                 tokens.front().token_hash(), absl::Now()));
  std::fprintf(stderr, "the token of %s is revoked\n",
               tokens.front().name().c_str());
  return kExitOk;
}

}  // namespace

void AddTokenCommands(Program& program, AdminOptions& admin) {
  CLI::App* token =
      program.AddCommand("token", "One-time tokens in enrolment files");
  token->require_subcommand(1);

  auto list = std::make_shared<TokenOptions>();
  CLI::App* command = program.AddCommand(
      "list", "Tokens that were issued, and whether they were used", token);
  command->add_flag("--json", list->json);
  program.OnRun(command, [&admin, list] { return List(admin, *list); });

  auto revoke = std::make_shared<TokenOptions>();
  command = program.AddCommand(
      "revoke", "Make an enrolment file useless that was not used yet", token);
  command
      ->add_option("TOKEN", revoke->hash, "first digits, as `token list` shows")
      ->required();
  command->add_option("--admin-key", revoke->admin_key,
                      "default: admin.key of the admin directory");
  program.OnRun(command, [&admin, revoke] { return Revoke(admin, *revoke); });
}

}  // namespace nightsafe
