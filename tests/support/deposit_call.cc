#include "tests/support/deposit_call.h"

#include <grpcpp/channel.h>

#include <chrono>

#include "common/snapshot/manifest.h"

namespace nightsafe {

DepositCall::DepositCall(const Connection& connection)
    : stub_(v1::Deposit::NewStub(connection.channel())) {
  context_.set_deadline(std::chrono::system_clock::now() +
                        std::chrono::seconds(60));
  call_ = stub_->Session(&context_);
}

bool DepositCall::Open(const SessionId& session, const std::string& set) {
  v1::DepositRequest request;
  request.mutable_open()->set_protocol(1);
  request.mutable_open()->set_set(set);
  request.mutable_open()->set_session(std::string(session.text()));
  v1::DepositReply reply;
  return Write(request) && Read(reply) && reply.has_opened();
}

v1::DepositReply DepositCall::DepositOne(const HostCredential& host,
                                         const SessionId& session,
                                         const std::string& content) {
  const OneTree tree = SealOneTree(host, content);
  v1::DepositRequest put;
  put.mutable_put()->set_number(1);
  put.mutable_put()->add_objects(tree.data.bytes);
  put.mutable_put()->add_objects(tree.root.bytes);
  v1::DepositReply reply;
  if (!Write(put) || !Read(reply) || reply.stored().upto() != 1) return reply;
  v1::format::ManifestClear clear;
  clear.set_set("files");
  clear.set_chain_counter(1);
  clear.set_method(v1::format::FILES);
  clear.set_consistency(v1::format::CRASH);
  clear.set_session(std::string(session.text()));
  auto manifest = SealManifest(host.deposit_key, clear, {}, tree.root.ref);
  reply.Clear();
  if (!manifest.ok()) return reply;
  v1::DepositRequest commit;
  commit.mutable_commit()->set_manifest(*manifest);
  if (Write(commit)) Read(reply);
  return reply;
}

grpc::Status DepositCall::Finish() {
  call_->WritesDone();
  v1::DepositReply reply;
  while (call_->Read(&reply)) {
  }
  return call_->Finish();
}

OneTree SealOneTree(const HostCredential& host, const std::string& content) {
  const DomainKeys keys(host.deposit_key.domain_secret);
  Sealer sealer(keys);
  OneTree tree;
  tree.data = sealer.Seal(ObjectKind::kData, {}, AsBytes(content)).value();
  tree.root =
      sealer.Seal(ObjectKind::kNode, {tree.data.ref.id}, AsBytes("node"))
          .value();
  return tree;
}

}  // namespace nightsafe
