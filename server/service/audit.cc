#include "server/service/audit.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/retention/policy.h"

namespace nightsafe {
namespace {

using v1::AuditRecord;
using v1::format::Order;
using v1::format::ServerRecord;
using v1::format::SignedOrder;
using v1::format::VaultRecord;

constexpr int kRecordsPerReply = 500;
constexpr int kMaxListedIds = 3;

std::string ShortHex(absl::string_view bytes) {
  return HexEncode(AsBytes(bytes)).substr(0, 12);
}

template <typename Ids>
std::string ListIds(const Ids& ids) {
  std::string text = absl::StrCat(ids.size(), " snapshots: ");
  for (int i = 0; i < std::min(ids.size(), kMaxListedIds); ++i) {
    absl::StrAppend(&text, i > 0 ? ", " : "", ShortHex(ids.Get(i)));
  }
  return ids.size() > kMaxListedIds ? absl::StrCat(text, " …") : text;
}

std::string ScopeText(const std::string& host, const std::string& set) {
  if (host.empty()) return "whole vault";
  return set.empty() ? host : absl::StrCat(host, "/", set);
}

std::string Day(int64_t unix_ns) {
  return absl::FormatTime("%Y-%m-%d %H:%M UTC", absl::FromUnixNanos(unix_ns),
                          absl::UTCTimeZone());
}

std::string PolicyText(const v1::format::Policy& policy) {
  std::vector<std::string> rules;
  for (PolicyRule rule : AllPolicyRules()) {
    if (HasRule(policy, rule)) {
      rules.push_back(
          absl::StrCat(RuleName(rule), "=", RuleValue(policy, rule)));
    }
  }
  return rules.empty() ? "inherits everything" : absl::StrJoin(rules, " ");
}

AuditRecord Of(absl::string_view kind, absl::string_view host,
               absl::string_view text) {
  AuditRecord record;
  record.set_kind(std::string(kind));
  record.set_host(std::string(host));
  record.set_text(std::string(text));
  return record;
}

std::string WithReason(absl::string_view text, absl::string_view reason) {
  return reason.empty() ? std::string(text)
                        : absl::StrCat(text, " (", reason, ")");
}

AuditRecord DescribeAction(const Order& order) {
  switch (order.action_case()) {
    case Order::kRevokeHost:
      return Of("revoke host", order.revoke_host().host(),
                order.revoke_host().reason());
    case Order::kRevokeReader:
      return Of("revoke reader", "",
                WithReason(order.revoke_reader().reader(),
                           order.revoke_reader().reason()));
    case Order::kAddAdmin:
      return Of(
          "add admin", "",
          absl::StrCat(order.add_admin().name(), ", key ",
                       ShortHex(order.add_admin().public_key_fingerprint())));
    case Order::kRevokeAdmin:
      return Of("revoke admin", "",
                WithReason(order.revoke_admin().admin(),
                           order.revoke_admin().reason()));
    case Order::kAddAdminKey:
      return Of("add admin key", "",
                absl::StrCat(ShortHex(order.add_admin_key().public_key()), " ",
                             order.add_admin_key().label()));
    case Order::kSetPolicy: {
      const auto& set = order.set_policy();
      return Of("set policy", set.host(),
                absl::StrCat(ScopeText(set.host(), set.set()), ": ",
                             PolicyText(set.policy())));
    }
    case Order::kExpire:
      return Of("expire", "",
                WithReason(absl::StrCat(ListIds(order.expire().snapshots()),
                                        order.expire().override_checks()
                                            ? ", checks overridden"
                                            : ""),
                           order.expire().reason()));
    case Order::kUndelete:
      return Of("undelete", "", ListIds(order.undelete().snapshots()));
    case Order::kLock:
      return Of("lock", order.lock().host(),
                absl::StrCat(ScopeText(order.lock().host(), order.lock().set()),
                             " until ", Day(order.lock().until_unix_ns())));
    case Order::kHold:
      return Of("hold", order.hold().host(),
                WithReason(ScopeText(order.hold().host(), order.hold().set()),
                           order.hold().reason()));
    case Order::kRelease:
      return Of("release", order.release().host(),
                WithReason(absl::StrCat(ScopeText(order.release().host(),
                                                  order.release().set()),
                                        " up to snapshot ",
                                        order.release().sequence()),
                           order.release().reason()));
    case Order::kRemoveHost:
      return Of("remove host", order.remove_host().host(),
                order.remove_host().reason());
    case Order::kRekeyHost:
      return Of(
          "rekey host", order.rekey_host().host(),
          WithReason(order.rekey_host().stolen() ? "key stolen" : "key lost",
                     order.rekey_host().reason()));
    case Order::kReplaceHost:
      return Of("replace host", order.replace_host().host(), "");
    case Order::kRevokeToken:
      return Of("revoke token", "",
                ShortHex(order.revoke_token().token_hash()));
    case Order::kStoreKeyring:
      return Of(
          "store keyring", "",
          WithReason(ShortHex(order.store_keyring().sealed_keyring_hash()),
                     order.store_keyring().reason()));
    case Order::kRecoveryKeyProven:
      return Of("recovery key proven", "",
                ShortHex(order.recovery_key_proven().recovery_key_id()));
    case Order::ACTION_NOT_SET:
      break;
  }
  return Of("order", "", "of a kind this server does not know");
}

AuditRecord DescribeOrder(const SignedOrder& signed_order) {
  Order order;
  AuditRecord record = order.ParseFromString(signed_order.order())
                           ? DescribeAction(order)
                           : Of("order", "", "does not parse");
  record.set_admin_key_id(HexEncode(AsBytes(signed_order.admin_key_id())));
  return record;
}

std::string PackText(absl::string_view pack, uint64_t length) {
  return absl::StrCat(ShortHex(pack), ", ", length, " bytes");
}

AuditRecord DescribeCommit(const VaultRecord::Commit& commit) {
  return Of(
      "commit", commit.host(),
      absl::StrCat(commit.host(), "/", commit.set(), " snapshot ",
                   commit.sequence(), ", ", commit.new_bytes(), " bytes new"));
}

AuditRecord DescribeChange(const VaultRecord& record) {
  switch (record.change_case()) {
    case VaultRecord::kInit:
      return Of("init", "", record.init().name());
    case VaultRecord::kKeyring:
      return Of("keyring", "", "");
    case VaultRecord::kCommit:
      return DescribeCommit(record.commit());
    case VaultRecord::kPackSealed:
      return Of(
          "pack sealed", "",
          PackText(record.pack_sealed().pack(), record.pack_sealed().length()));
    case VaultRecord::kPackDead:
      return Of("pack dead", "",
                WithReason(ShortHex(record.pack_dead().pack()),
                           record.pack_dead().reason()));
    case VaultRecord::kPackLost:
      return Of("pack lost", "",
                WithReason(ShortHex(record.pack_lost().pack()),
                           record.pack_lost().reason()));
    case VaultRecord::kGeneration:
      return Of("generation", "",
                WithReason(absl::StrCat(record.generation().number()),
                           record.generation().reason()));
    case VaultRecord::kQuarantined:
      return Of("quarantine", "",
                WithReason(ShortHex(record.quarantined().object_id()),
                           record.quarantined().reason()));
    case VaultRecord::kHealed:
      return Of("healed", "", ShortHex(record.healed().object_id()));
    case VaultRecord::kScrubbed:
      return Of("scrub", "",
                absl::StrCat(record.scrubbed().objects(), " objects, ",
                             record.scrubbed().wrong(), " wrong"));
    case VaultRecord::kOrdered:
      return DescribeOrder(record.ordered().order());
    case VaultRecord::kTombstoned:
      return Of("prune by policy", "",
                ListIds(record.tombstoned().snapshots()));
    case VaultRecord::kPurged:
      return Of("purge", "", ListIds(record.purged().snapshots()));
    case VaultRecord::kPackRemoved:
      return Of("pack removed", "",
                PackText(record.pack_removed().pack(),
                         record.pack_removed().length()));
    case VaultRecord::kCollected:
      return Of("collect", "",
                absl::StrCat(
                    record.collected().condemned_bytes(), " bytes condemned, ",
                    record.collected().removed_packs(), " packs removed"));
    default:
      break;
  }
  return Of("unknown", "", "of a kind this server does not know");
}

AuditRecord DescribeChange(const ServerRecord& record) {
  switch (record.change_case()) {
    case ServerRecord::kInit:
      return Of("init", "", HexEncode(AsBytes(record.init().server_id())));
    case ServerRecord::kVaultAdded:
      return Of("vault added", "", record.vault_added().name());
    case ServerRecord::kPrincipalAdded: {
      const auto& added = record.principal_added();
      if (added.role() == v1::format::HOST_ROLE) {
        return Of("host added", added.name(), added.vault());
      }
      return Of("reader added", "", added.name());
    }
    case ServerRecord::kTokenIssued:
      return Of("token issued", record.token_issued().name(),
                absl::StrCat("valid until ",
                             Day(record.token_issued().expires_unix_ns())));
    case ServerRecord::kTokenUsed:
      return Of("token used", "",
                ShortHex(record.token_used().public_key_fingerprint()));
    case ServerRecord::kRevoked:
      return DescribeOrder(record.revoked().order());
    case ServerRecord::kAdminKeyAdded:
      return DescribeOrder(record.admin_key_added().order());
    case ServerRecord::kOrdered:
      return DescribeOrder(record.ordered().order());
    case ServerRecord::kAdminAdded:
      return DescribeOrder(record.admin_added().order());
    case ServerRecord::kRenewed:
      return Of(
          "certificate renewed", record.renewed().name(),
          absl::StrCat("until ", Day(record.renewed().not_after_unix_ns())));
    default:
      break;
  }
  return Of("unknown", "", "of a kind this server does not know");
}

bool Wanted(const AuditRecord& record, const v1::AuditRequest& request) {
  if (!request.host().empty() && record.host() != request.host()) return false;
  if (record.time_unix_ns() < request.since_unix_ns()) return false;
  return request.kinds().empty() ||
         std::find(request.kinds().begin(), request.kinds().end(),
                   record.kind()) != request.kinds().end();
}

// Of those that are named: what a vault found wrong with a record.
absl::StatusOr<std::map<uint64_t, std::string>> RefusedRecords(
    DataDirectory& data, const std::string& vault) {
  std::map<uint64_t, std::string> refused;
  if (vault.empty()) return refused;
  NS_ASSIGN_OR_RETURN(Vault * found, data.FindVault(vault));
  for (const ForgedRecord& record : found->health().forged) {
    refused[record.number] = record.reason;
  }
  return refused;
}

template <typename Record>
absl::StatusOr<AuditRecord> Parse(ByteView bytes) {
  Record record;
  if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::DataLossError("a record of the journal does not parse");
  }
  return Describe(record);
}

}  // namespace

AuditRecord Describe(const ServerRecord& record) {
  AuditRecord result = DescribeChange(record);
  result.set_time_unix_ns(record.time_unix_ns());
  return result;
}

AuditRecord Describe(const VaultRecord& record) {
  AuditRecord result = DescribeChange(record);
  result.set_time_unix_ns(record.time_unix_ns());
  return result;
}

absl::Status AuditJournal(
    DataDirectory& data, const v1::AuditRequest& request,
    const std::function<absl::Status(const v1::AuditReply&)>& write) {
  const auto refused = RefusedRecords(data, request.vault());
  if (!refused.ok()) return refused.status();
  v1::AuditReply reply;
  uint64_t number = 0;
  const auto take = [&](ByteView bytes, const JournalPosition&) {
    ++number;
    absl::StatusOr<AuditRecord> record = request.vault().empty()
                                             ? Parse<ServerRecord>(bytes)
                                             : Parse<VaultRecord>(bytes);
    if (!record.ok()) return record.status();
    record->set_number(number);
    const auto why = refused->find(number);
    if (why != refused->end()) record->set_refused(why->second);
    if (!Wanted(*record, request)) return absl::OkStatus();
    *reply.add_records() = *std::move(record);
    if (reply.records_size() < kRecordsPerReply) return absl::OkStatus();
    const absl::Status written = write(reply);
    reply.clear_records();
    return written;
  };
  NS_ASSIGN_OR_RETURN(JournalContents contents,
                      data.ReadJournalOf(request.vault(), take));
  reply.set_done(true);
  reply.set_total_records(number);
  reply.set_chain(std::string(AsText(contents.chain)));
  return write(reply);
}

}  // namespace nightsafe
