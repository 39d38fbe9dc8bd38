// The metrics page of a real server, judged by Prometheus' own tools.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/rpc/retrieve_client.h"
#include "common/crypto/random.h"
#include "tests/support/deposit_call.h"
#include "tests/support/test_server.h"

extern char** environ;

namespace nightsafe {
namespace {

// Output and exit code of a shell command.
std::pair<std::string, int> Shell(const std::string& command) {
  FILE* pipe = popen(absl::StrCat(command, " 2>&1").c_str(), "r");
  std::string out;
  std::array<char, 4096> buffer;
  size_t n;
  while ((n = fread(buffer.data(), 1, buffer.size(), pipe)) > 0) {
    out.append(buffer.data(), n);
  }
  return {out, WEXITSTATUS(pclose(pipe))};
}

// Free when asked; Prometheus cannot choose one itself.
int FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), length), 0);
  EXPECT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length), 0);
  close(fd);
  return ntohs(address.sin_port);
}

class MetricsTest : public testing::Test {
 protected:
  MetricsTest() : test_(Config()) {}
  static ServerConfig Config() {
    ServerConfig config = TestServer::LoopbackConfig();
    config.metrics_listen = "127.0.0.1:0";
    return config;
  }
  void SetUp() override {
    const HostCredential host = test_.EnrolHost("web1");
    const auto connection = test_.Connect(host);
    DepositCall call(*connection);
    const SessionId session = RandomId<SessionId>();
    ASSERT_TRUE(call.Open(session));
    ASSERT_TRUE(call.DepositOne(host, session).has_committed());
    ASSERT_TRUE(call.Finish().ok());
    RetrieveClient(*connection).ListVaults().status().IgnoreError();
    url_ =
        absl::StrCat("http://", test_.server().addresses().metrics, "/metrics");
  }
  TestServer test_;
  std::string url_;
};

TEST_F(MetricsTest, PromtoolHasNothingToSay) {
  const auto [page, got] = Shell("curl -sf " + url_);
  ASSERT_EQ(got, 0);
  for (const char* line :
       {"nightsafe_last_commit_timestamp_seconds{vault=\"main\",host=\"web1\","
        "set=\"files\"} ",
        "nightsafe_received_objects_total{vault=\"main\",host=\"web1\"} 2",
        "nightsafe_snapshots{vault=\"main\"} 1", "nightsafe_sessions_open 0",
        "nightsafe_read_only 0",
        "nightsafe_rpc_refusals_total{method=\"/nightsafe.v1.Retrieve/"
        "ListVaults\",role=\"host\"} 1",
        "nightsafe_certificate_expiry_timestamp_seconds{role=\"host\",vault="
        "\"main\",name=\"web1\"} "}) {
    EXPECT_NE(page.find(line), std::string::npos) << line << "\n" << page;
  }
  const auto [said, code] =
      Shell(absl::StrCat("curl -sf ", url_, " | promtool check metrics"));
  EXPECT_EQ(code, 0);
  EXPECT_EQ(said, "");
}

TEST_F(MetricsTest, ARealPrometheusScrapesIt) {
  TemporaryDirectory directory;
  const std::string config = directory.Path("prometheus.yml");
  std::ofstream(config) << "global: {scrape_interval: 1s}\n"
                        << "scrape_configs:\n- job_name: nightsafe\n"
                        << "  static_configs:\n  - targets: [\""
                        << test_.server().addresses().metrics << "\"]\n";
  const std::string own = absl::StrCat("127.0.0.1:", FreePort());
  const std::string command = absl::StrCat(
      "exec prometheus --config.file=", config,
      " --storage.tsdb.path=", directory.Path("tsdb"),
      " --web.listen-address=", own, " >", directory.Path("log"), " 2>&1");
  std::string shell = "/bin/sh";
  std::string flag = "-c";
  std::string line = command;
  char* const arguments[] = {shell.data(), flag.data(), line.data(), nullptr};
  pid_t pid = 0;
  ASSERT_EQ(posix_spawn(&pid, "/bin/sh", nullptr, nullptr, arguments, environ),
            0);
  const absl::Time deadline = absl::Now() + absl::Seconds(60);
  std::string answer;
  do {
    answer = Shell(absl::StrCat("curl -s 'http://", own,
                                "/api/v1/query?query=nightsafe_snapshots'"))
                 .first;
    absl::SleepFor(absl::Milliseconds(100));  // between polls of a condition
  } while (answer.find("\"vault\":\"main\"") == std::string::npos &&
           absl::Now() < deadline);
  EXPECT_NE(answer.find("\"vault\":\"main\""), std::string::npos)
      << answer << Shell("cat " + directory.Path("log")).first;
  kill(pid, SIGTERM);
  int status = 0;
  waitpid(pid, &status, 0);
}

}  // namespace
}  // namespace nightsafe
