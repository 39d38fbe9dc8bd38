#include "server/vault/touches.h"

namespace nightsafe {

TouchSet::~TouchSet() {
  absl::MutexLock lock(&owner_.mutex_);
  owner_.sets_.erase(this);
}

bool TouchSet::empty() const {
  absl::MutexLock lock(&owner_.mutex_);
  return data_.empty() && nodes_.empty() && !overflown_;
}

size_t TouchSet::size() const {
  absl::MutexLock lock(&owner_.mutex_);
  return data_.size() + nodes_.size();
}

std::unique_ptr<TouchSet> Touches::Open(uint32_t domain_number) {
  std::unique_ptr<TouchSet> set(new TouchSet(*this, domain_number));
  absl::MutexLock lock(&mutex_);
  sets_.insert(set.get());
  return set;
}

uint64_t Touches::changes() const {
  absl::MutexLock lock(&mutex_);
  return changes_;
}

void Touches::Add(TouchSet& session, const ObjectId& id, ObjectKind kind) {
  if (kind == ObjectKind::kManifest) return;  // never collected
  if (session.data_.size() + session.nodes_.size() >= max_touches_) {
    session.overflown_ = true;
    // Stays when the session ends: it may commit what was not remembered after
    // the snapshots were listed.
    if (marking_ && defect_ != CollectionDefect::kForgetOverflow) {
      queue_.overflown = true;
    }
    return;
  }
  // What the set had before is marked or queued already.
  const bool queued = marking_ && defect_ != CollectionDefect::kNoShading;
  if (kind == ObjectKind::kNode) {
    if (session.nodes_.insert(id).second && queued) {
      queue_.nodes.emplace_back(session.domain_number_, id);
    }
  } else if (session.data_.insert(IdPrefix(id)).second && queued) {
    queue_.data.emplace_back(session.domain_number_, IdPrefix(id));
  }
}

bool Touches::Touch(TouchSet& session, std::span<const ObjectId> ids,
                    Found& found, uint64_t changes, uint64_t only_closed) {
  absl::MutexLock lock(&mutex_);
  if (changes != changes_) return false;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (!found[i].has_value()) continue;
    if (condemned_ != nullptr &&
        condemned_->IsUnmarked(session.domain_number_, ids[i])) {
      found[i].reset();
    } else if (only_closed == 0 || found[i]->closed_generation == only_closed) {
      Add(session, ids[i], found[i]->kind);
    }
  }
  return true;
}

void Touches::Stored(TouchSet* session, uint32_t domain_number,
                     const ObjectId& id, ObjectKind kind) {
  absl::MutexLock lock(&mutex_);
  if (condemned_ != nullptr && condemned_->IsUnmarked(domain_number, id)) {
    condemned_->Mark(domain_number, id);
    // Who looked it up before has the old copy, which may be called closed.
    ++changes_;
  }
  if (session != nullptr) Add(*session, id, kind);
}

TouchedObjects Touches::Begin(CollectionDefect defect) {
  absl::MutexLock lock(&mutex_);
  marking_ = true;
  defect_ = defect;
  queue_ = {};
  TouchedObjects touched;
  for (const TouchSet* set : sets_) {
    for (const uint64_t prefix : set->data_) {
      touched.data.emplace_back(set->domain_number_, prefix);
    }
    for (const ObjectId& id : set->nodes_) {
      touched.nodes.emplace_back(set->domain_number_, id);
    }
    touched.overflown |= set->overflown_;
  }
  if (defect_ == CollectionDefect::kForgetOverflow) touched.overflown = false;
  queue_.overflown = touched.overflown;
  return touched;
}

TouchedObjects Touches::TakeQueue() {
  absl::MutexLock lock(&mutex_);
  TouchedObjects taken = std::exchange(queue_, {});
  for (const TouchSet* set : sets_) taken.overflown |= set->overflown_;
  return taken;
}

bool Touches::Publish(std::shared_ptr<MarkTable> marks) {
  absl::MutexLock lock(&mutex_);
  if (!queue_.empty() || queue_.overflown) return false;
  for (const TouchSet* set : sets_) {
    if (set->overflown_) return false;
  }
  marking_ = false;
  condemned_ = std::move(marks);
  ++changes_;
  return true;
}

bool Touches::IsCondemned(uint32_t domain_number, const ObjectId& id) const {
  absl::MutexLock lock(&mutex_);
  return condemned_ != nullptr && condemned_->IsUnmarked(domain_number, id);
}

bool Touches::has_condemned() const {
  absl::MutexLock lock(&mutex_);
  return condemned_ != nullptr;
}

void Touches::NoteMoves() {
  absl::MutexLock lock(&mutex_);
  ++changes_;
}

void Touches::End() {
  absl::MutexLock lock(&mutex_);
  marking_ = false;
  defect_ = CollectionDefect::kNone;
  queue_ = {};
  condemned_.reset();
  ++changes_;
}

}  // namespace nightsafe
