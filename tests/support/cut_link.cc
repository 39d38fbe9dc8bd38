#include "tests/support/cut_link.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

#include "common/base/check.h"

namespace nightsafe {
namespace {

int PortOf(const std::string& target) {
  return std::atoi(target.substr(target.rfind(':') + 1).c_str());
}

sockaddr_in Loopback(int port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

int ConnectTo(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(port);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address),
              sizeof address) == 0) {
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
  }
  close(fd);
  return -1;
}

// Closing it will send a reset; nobody waits in it any longer.
void Reset(int fd) {
  const linger now = {1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  shutdown(fd, SHUT_RDWR);
}

bool SendAll(int fd, const char* bytes, size_t size) {
  while (size > 0) {
    const ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes += sent;
    size -= static_cast<size_t>(sent);
  }
  return true;
}

}  // namespace

CutLink::CutLink(const std::string& target) : target_(PortOf(target)) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = Loopback(0);
  NS_CHECK(bind(listener_, reinterpret_cast<const sockaddr*>(&address),
                sizeof address) == 0);
  NS_CHECK(listen(listener_, 64) == 0);
  socklen_t length = sizeof address;
  NS_CHECK(getsockname(listener_, reinterpret_cast<sockaddr*>(&address),
                       &length) == 0);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { Accept(); });
}

CutLink::~CutLink() {
  stopped_ = true;
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  close(listener_);
  {
    absl::MutexLock lock(&mutex_);
    ResetAll();
  }
  Reap(/*all=*/true);
}

std::string CutLink::address() const {
  return "127.0.0.1:" + std::to_string(port_);
}

void CutLink::PointTo(const std::string& target) {
  absl::MutexLock lock(&mutex_);
  target_ = PortOf(target);
}

void CutLink::Cut() {
  absl::MutexLock lock(&mutex_);
  ++cuts_;
  ResetAll();
}

void CutLink::SetUp(bool up) {
  up_ = up;
  if (!up) Cut();
}

void CutLink::CutAfter(uint64_t bytes_from_server) {
  cut_after_ = static_cast<int64_t>(bytes_from_server);
}

void CutLink::CutIf(std::function<bool()> condition) {
  absl::MutexLock lock(&condition_mutex_);
  condition_ = std::move(condition);
}

bool CutLink::ConditionHolds() {
  absl::MutexLock lock(&condition_mutex_);
  if (!condition_ || !condition_()) return false;
  condition_ = nullptr;
  return true;
}

void CutLink::ResetAll() {
  for (const auto& pair : pairs_) {
    Reset(pair->client);
    Reset(pair->server);
  }
}

void CutLink::Accept() {
  for (;;) {
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (stopped_) {
      if (client >= 0) close(client);
      return;
    }
    if (client < 0) continue;
    Reap(/*all=*/false);
    absl::MutexLock lock(&mutex_);
    const int server = up_ ? ConnectTo(target_) : -1;
    if (server < 0) {
      Reset(client);
      close(client);
      continue;
    }
    ++connections_;
    Pair& pair = *pairs_.emplace_back(std::make_unique<Pair>());
    pair.client = client;
    pair.server = server;
    pair.up = std::thread([this, &pair] { Pump(pair, /*down=*/false); });
    pair.down = std::thread([this, &pair] { Pump(pair, /*down=*/true); });
  }
}

void CutLink::Pump(Pair& pair, bool down) {
  const int from = down ? pair.server : pair.client;
  const int to = down ? pair.client : pair.server;
  std::string buffer(64 << 10, '\0');
  for (;;) {
    ssize_t got = recv(from, buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    bool cut = false;
    if (down) {
      from_server_ += static_cast<uint64_t>(got);
      const int64_t before = cut_after_;
      if (before >= 0) {
        cut = before < got;
        if (cut) got = static_cast<ssize_t>(before);
        cut_after_ = cut ? -1 : before - got;
      }
      if (ConditionHolds()) {
        Cut();
        break;
      }
    }
    if (!SendAll(to, buffer.data(), static_cast<size_t>(got))) break;
    if (cut) Cut();
  }
  shutdown(from, SHUT_RDWR);
  shutdown(to, SHUT_RDWR);
  --pair.running;
}

// Only here descriptors are closed, when no thread uses them.
void CutLink::Reap(bool all) {
  std::list<std::unique_ptr<Pair>> ended;
  {
    absl::MutexLock lock(&mutex_);
    for (auto it = pairs_.begin(); it != pairs_.end();) {
      const auto next = std::next(it);
      if (all || (*it)->running == 0) ended.splice(ended.end(), pairs_, it);
      it = next;
    }
  }
  for (const auto& pair : ended) {
    pair->up.join();
    pair->down.join();
    close(pair->client);
    close(pair->server);
  }
}

}  // namespace nightsafe
