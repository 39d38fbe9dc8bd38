// A TCP link on 127.0.0.1 between a client and a server that a test can cut.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace nightsafe {

// Thread-safe. Passes bytes on as they come; knows nothing of what they mean.
class CutLink {
 public:
  // `target` is "127.0.0.1:port".
  explicit CutLink(const std::string& target);
  ~CutLink();

  std::string address() const;
  // Of connections made from now on.
  void PointTo(const std::string& target);
  // Resets all connections.
  void Cut();
  // Down: new connections are reset, too.
  void SetUp(bool up);
  // Cuts when that many more bytes have come from the server. Once.
  void CutAfter(uint64_t bytes_from_server);
  // Asked before anything from the server is passed on: if true, that is lost
  // and the link is cut. Once. May not call the link.
  void CutIf(std::function<bool()> condition);

  uint64_t connections() const { return connections_; }
  uint64_t cuts() const { return cuts_; }
  uint64_t bytes_from_server() const { return from_server_; }

 private:
  struct Pair {
    int client = -1;
    int server = -1;
    std::atomic<int> running = 2;
    std::thread up;
    std::thread down;
  };
  void Accept();
  void Pump(Pair& pair, bool down);
  bool ConditionHolds();
  void ResetAll() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Reap(bool all);

  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> up_ = true;
  std::atomic<bool> stopped_ = false;
  std::atomic<int64_t> cut_after_ = -1;
  std::atomic<uint64_t> connections_ = 0;
  std::atomic<uint64_t> cuts_ = 0;
  std::atomic<uint64_t> from_server_ = 0;
  absl::Mutex condition_mutex_;
  absl::Mutex mutex_;
  int target_ ABSL_GUARDED_BY(mutex_) = 0;
  std::function<bool()> condition_ ABSL_GUARDED_BY(condition_mutex_);
  std::list<std::unique_ptr<Pair>> pairs_ ABSL_GUARDED_BY(mutex_);
  std::thread acceptor_;
};

}  // namespace nightsafe
