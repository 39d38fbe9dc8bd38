// A deposit service that keeps everything in memory: what an agent meets,
// without disks, keys or certificates. Its commit check is the real one's: all
// that the root reaches must be there.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/base/ids.h"

namespace nightsafe {

// Listens on a Unix socket. Thread-safe.
class FakeDepositServer {
 public:
  explicit FakeDepositServer(std::string socket_path);
  ~FakeDepositServer();

  std::string address() const;
  // Ends all streams at once and stops listening; what is stored stays.
  void Stop();
  void Start();

  // What a client may not do, but a test does.
  void Lose(const ObjectId& id);
  void LoseIf(
      const std::function<bool(const ObjectId&, const std::string&)>& lost);
  // The stream that makes the n-th put from now on is ended with `code` instead
  // of an answer (0: the first).
  void FailPut(uint64_t n, int code, const std::string& message);
  // The next commit is made, and its answer is swallowed.
  void SwallowCommitReply();

  std::map<ObjectId, std::string> objects() const;
  // Manifests in the order of their commits.
  std::vector<std::string> commits() const;
  uint64_t put_objects() const;     // received, known ones included
  uint64_t received_bytes() const;  // of messages
  uint64_t streams() const;
  uint64_t offered_ids() const;

 private:
  class Service;
  const std::string socket_path_;
  std::unique_ptr<Service> service_;
  struct Listener;
  std::unique_ptr<Listener> listener_;
};

}  // namespace nightsafe
