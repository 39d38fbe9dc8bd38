// One call by its bare path, on a connection of its own.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/support/status.h>

#include <memory>
#include <string>

#include "common/base/ids.h"
#include "tests/support/test_server.h"

namespace nightsafe {

enum class Transport {
  kPlain,  // no handshake at all
  kLocal,  // what our own tools use on the admin socket
  kTls,
};

struct Caller {
  Transport transport = Transport::kTls;
  PeerCredential credential;  // empty: TLS without a client certificate
};

// `address` as gRPC knows it: "host:port" or "unix:/path". Shares no
// connection.
std::shared_ptr<grpc::Channel> Dial(const std::string& address,
                                    const Caller& caller,
                                    const ServerId& server,
                                    const std::string& ca_pem);

// Sends one message, reads all answers. Fits every kind of method.
grpc::Status RawCall(const std::shared_ptr<grpc::Channel>& channel,
                     const std::string& path, const std::string& request);

}  // namespace nightsafe
