// One deposit stream, message by message, for tests of the protocol.
#pragma once

#include <grpcpp/client_context.h>

#include <memory>
#include <string>

#include "client/rpc/connection.h"
#include "common/base/ids.h"
#include "common/object/sealer.h"
#include "nightsafe/v1/deposit.grpc.pb.h"
#include "tests/support/test_server.h"

namespace nightsafe {

class DepositCall {
 public:
  explicit DepositCall(const Connection& connection);

  bool Write(const v1::DepositRequest& request) {
    return call_->Write(request);
  }
  bool Read(v1::DepositReply& reply) { return call_->Read(&reply); }
  // True if the server answered Opened.
  bool Open(const SessionId& session, const std::string& set = "files");
  // Puts one data object below one node, commits; the answer to the commit.
  v1::DepositReply DepositOne(const HostCredential& host,
                              const SessionId& session,
                              const std::string& content = "hello");
  grpc::Status Finish();

 private:
  std::unique_ptr<v1::Deposit::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<
      grpc::ClientReaderWriter<v1::DepositRequest, v1::DepositReply>>
      call_;
};

// The objects DepositOne puts.
struct OneTree {
  SealedObject data;
  SealedObject root;
};
OneTree SealOneTree(const HostCredential& host, const std::string& content);

}  // namespace nightsafe
