#include "tests/retention/fleet_machine.h"

#include <algorithm>

namespace nightsafe {
namespace {

constexpr double kMiB = 1 << 20;

}  // namespace

const char* KindName(MachineKind kind) {
  switch (kind) {
    case MachineKind::kServer:
      return "server";
    case MachineKind::kWorkstation:
      return "workstation";
    case MachineKind::kSmall:
      return "small (/etc)";
    case MachineKind::kMail:
      return "mail";
    case MachineKind::kDump:
      break;
  }
  return "dump";
}

Machine::Machine(MachineKind kind, uint64_t seed) : kind_(kind), random_(seed) {
  double system = Between(600, 1500) * kMiB;
  double data = Between(100, 3000) * kMiB;
  double logs = Between(5, 200) * kMiB;
  daily_change_ = Between(0.001, 0.05);
  daily_growth_ = Between(0, 0.001);
  switch (kind) {
    case MachineKind::kServer:
      if (Chance(0.2)) per_day_ = Chance(0.5) ? 24 : 4;
      break;
    case MachineKind::kWorkstation:
      data *= 2;
      break;
    case MachineKind::kSmall:
      object_bytes_ = 150 << 10;
      system = Between(0.5, 4) * kMiB;
      data = Between(0.1, 1) * kMiB;
      logs = 0;
      break;
    case MachineKind::kMail:
      system = 0;
      daily_growth_ = Between(0.0005, 0.003);
      daily_change_ = Between(0.01, 0.1);
      break;
    case MachineKind::kDump:
      system = logs = 0;
      // From plain text to compressed as a whole.
      daily_change_ = Chance(0.3) ? 1 : Between(0.02, 0.7);
      break;
  }
  Grow(system_, system);
  Grow(data_, data);
  Grow(logs_, logs);
}

void Machine::Grow(Objects& objects, double bytes) {
  while (bytes > 0) {
    const double size =
        std::min(bytes, static_cast<double>(object_bytes_) * Between(0.5, 2));
    objects.push_back({.bytes = static_cast<uint64_t>(size) + 1});
    bytes -= size;
  }
}

void Machine::Replace(Objects& objects, double share) {
  for (Object& object : objects) {
    if (Chance(share)) {
      object = {
          .bytes = 1 + static_cast<uint64_t>(static_cast<double>(object.bytes) *
                                             Between(0.8, 1.25))};
    }
  }
}

void Machine::Remove(Objects& objects, double share) {
  std::erase_if(objects, [&](const Object&) { return Chance(share); });
}

void Machine::RotateLogs() {
  // The newest grow, once a week all are compressed and the oldest go.
  if (logs_.empty()) return;
  const auto tail = static_cast<std::ptrdiff_t>(logs_.size() / 8 + 1);
  std::for_each(logs_.end() - tail, logs_.end(),
                [&](Object& object) { object = {.bytes = object.bytes}; });
  if (Chance(1.0 / 7)) Replace(logs_, 0.4);
  if (Chance(1.0 / 30)) Remove(logs_, 0.2);
  double bytes = 0;
  for (const Object& object : logs_) bytes += static_cast<double>(object.bytes);
  Grow(logs_, bytes * Between(0, 0.02));
}

std::string Machine::LiveEvents() {
  if (without_data_ > 0 && --without_data_ == 0) {
    data_.swap(data_apart_);
    return "data of a reinstalled machine restored";
  }
  if (system_.empty()) {
    if (!Chance(0.5 / 365)) return "";
    Replace(data_, 0.9);
    return "database or mailbox format changed";
  }
  if (Chance(0.5 / 365)) {
    Replace(system_, Between(0.7, 0.97));
    Grow(system_, static_cast<double>(object_bytes_) * 20);
    return "distribution upgrade";
  }
  if (Chance(0.05 / 365)) {
    Replace(system_, Between(0.3, 0.9));
    data_.swap(data_apart_);
    without_data_ = 1 + static_cast<int>(Between(0, 3));
    return "reinstall";
  }
  if (kind_ == MachineKind::kWorkstation && Chance(3.0 / 365)) {
    Grow(data_, Between(100, 1500) * kMiB);
    return "import of pictures";
  }
  if (Chance(0.5 / 365)) {
    Remove(data_, Between(0.1, 0.8));
    return "clean-up";
  }
  if (Chance(2.0 / 365)) {
    // Files written again with the content they had: nothing is new.
    return "restore";
  }
  return "";
}

std::string Machine::Live() {
  if (off_days_ > 0) --off_days_;
  if (off_days_ > 0) return "";
  if (Chance(2.0 / 365)) {
    off_days_ = static_cast<int>(Between(1, 40));
  }
  Replace(data_, daily_change_ * Between(0.2, 2));
  if (daily_growth_ > 0) {
    double bytes = 0;
    for (const Object& object : data_) {
      bytes += static_cast<double>(object.bytes);
    }
    Grow(data_, bytes * daily_growth_);
  }
  RotateLogs();
  if (Chance(1.0 / 7)) Replace(system_, Between(0, 0.03));
  if (Chance(1.0 / 45)) Replace(system_, Between(0.02, 0.12));
  return LiveEvents();
}

int Machine::BackupsToday() {
  if (off_days_ > 0) return 0;
  if (kind_ == MachineKind::kWorkstation && Chance(2.0 / 7)) return 0;
  // Somebody tries things out by hand.
  if (Chance(4.0 / 365)) return per_day_ + static_cast<int>(Between(1, 9));
  // Another schedule.
  if (kind_ == MachineKind::kServer && Chance(0.2 / 365)) {
    per_day_ = per_day_ == 1 ? 24 : 1;
  }
  return per_day_;
}

Measures Machine::Snapshot() {
  Measures measures;
  for (Objects* objects : {&system_, &data_, &logs_}) {
    for (Object& object : *objects) {
      measures.reached_bytes += object.bytes;
      if (!object.stored) {
        measures.new_bytes += object.bytes;
      } else if (object.seen_in == snapshots_) {
        measures.kept_bytes += object.bytes;
      }
      object.stored = true;
      object.seen_in = snapshots_ + 1;
    }
  }
  ++snapshots_;
  // A manifest, and the nodes from the root down to what changed.
  measures.reached_bytes += 4096;
  measures.new_bytes += 4096;
  measures.previous_bytes = previous_bytes_;
  previous_bytes_ = measures.reached_bytes;
  return measures;
}

void Machine::EncryptData() { Replace(data_, 1); }
void Machine::EncryptAll() {
  for (Objects* objects : {&system_, &data_, &logs_}) Replace(*objects, 1);
}
void Machine::DeleteData() { data_.clear(); }
void Machine::DeleteAll() {
  for (Objects* objects : {&system_, &data_, &logs_}) objects->clear();
}

}  // namespace nightsafe
