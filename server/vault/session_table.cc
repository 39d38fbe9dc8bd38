#include "server/vault/session_table.h"

#include <algorithm>

namespace nightsafe {

std::shared_ptr<SessionState> SessionTable::Enter(absl::string_view host,
                                                  const SessionId& session,
                                                  uint32_t domain_number) {
  absl::MutexLock lock(&mutex_);
  Slot& slot = slots_[{std::string(host), session}];
  // After `host rekey` the host may be in another domain.
  if (slot.state == nullptr ||
      slot.state->touches->domain_number() != domain_number) {
    slot.state = std::make_shared<SessionState>();
    slot.state->touches = touches_.Open(domain_number);
  }
  ++slot.streams;
  return slot.state;
}

void SessionTable::Leave(absl::string_view host, const SessionId& session) {
  absl::MutexLock lock(&mutex_);
  const auto it = slots_.find({std::string(host), session});
  if (it == slots_.end()) return;
  Slot& slot = it->second;
  slot.left = clock_.Now();
  if (--slot.streams > 0) return;
  if (slot.ended ||
      (slot.state->touches->empty() && slot.state->stored_objects == 0)) {
    slots_.erase(it);
    return;
  }
  LimitIdle(host);
}

// A host can leave as many sessions as it likes, and each keeps in memory what
// it touched, also by a commit that was Incomplete. To drop one takes nothing
// away from a snapshot: if the agent comes back and commits in that session,
// the check looks for every object again, touches it, and answers Incomplete
// for what was collected meanwhile. It is what a restart does to all of them.
void SessionTable::LimitIdle(absl::string_view host) {
  std::vector<decltype(slots_)::iterator> idle;
  for (auto it = slots_.lower_bound({std::string(host), SessionId{}});
       it != slots_.end() && it->first.first == host; ++it) {
    if (it->second.streams == 0) idle.push_back(it);
  }
  std::sort(idle.begin(), idle.end(), [](const auto& a, const auto& b) {
    return a->second.left > b->second.left;
  });
  size_t touched = 0;
  for (size_t i = 0; i < idle.size(); ++i) {
    touched += idle[i]->second.state->touches->size();
    if (i > 0 && (i >= max_idle_ || touched > touches_.max_touches())) {
      slots_.erase(idle[i]);
    }
  }
}

void SessionTable::End(absl::string_view host, const SessionId& session) {
  absl::MutexLock lock(&mutex_);
  const auto it = slots_.find({std::string(host), session});
  if (it != slots_.end()) it->second.ended = true;
}

std::vector<IdleSession> SessionTable::Idle() const {
  std::vector<IdleSession> idle;
  absl::MutexLock lock(&mutex_);
  for (const auto& [key, slot] : slots_) {
    if (slot.streams == 0) idle.push_back({key.first, key.second, slot.left});
  }
  std::sort(idle.begin(), idle.end(),
            [](const auto& a, const auto& b) { return a.since < b.since; });
  return idle;
}

size_t SessionTable::Expire(absl::Time before) {
  absl::MutexLock lock(&mutex_);
  const size_t had = slots_.size();
  for (auto it = slots_.begin(); it != slots_.end();) {
    const bool over = it->second.streams == 0 && it->second.left < before;
    it = over ? slots_.erase(it) : std::next(it);
  }
  return had - slots_.size();
}

}  // namespace nightsafe
