// Replies of the server to a fetch, as they are or put together from objects
// that were asked for: each id is answered once, an object only by its bytes,
// and a call is complete when all are.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "client/rpc/fetch_call.h"
#include "common/base/check.h"
#include "common/object/object.h"
#include "google/protobuf/stubs/logging.h"
#include "tests/fuzz/fuzz_input.h"

namespace nightsafe {
namespace {

// What is asked for: the objects "0" to "7".
std::string ObjectOf(size_t number) { return std::to_string(number); }

v1::FetchObjectsReply ReplyFrom(FuzzInput& input) {
  v1::FetchObjectsReply reply;
  if (input.Flag()) {
    if (!reply.ParseFromString(input.Text(2))) reply.Clear();
    return reply;
  }
  for (size_t left = input.Below(16); left > 0; --left) {
    const uint64_t what = input.Number();
    std::string object = ObjectOf(what % 9);
    if (what / 9 % 4 == 3) object += input.Text();
    const ObjectId id = ObjectIdOf(AsBytes(object));
    switch (what / 9 % 3) {
      case 0:
        reply.add_objects(object);
        break;
      case 1:
        AppendBytes(id.view(), *reply.mutable_missing());
        break;
      default:
        AppendBytes(id.view(), *reply.mutable_unreadable());
    }
  }
  return reply;
}

void Run(FuzzInput& input) {
  std::vector<ObjectId> ids;
  for (size_t i = 0; i < 8; ++i)
    ids.push_back(ObjectIdOf(AsBytes(ObjectOf(i))));
  std::map<ObjectId, absl::StatusCode> answers;
  const std::function<absl::Status(RemoteObject)> take =
      [&](const RemoteObject& object) {
        NS_CHECK(answers.emplace(object.id, object.status.code()).second);
        NS_CHECK(std::find(ids.begin(), ids.end(), object.id) != ids.end());
        NS_CHECK(object.status.ok()
                     ? ObjectIdOf(AsBytes(object.bytes)) == object.id
                     : object.bytes.empty());
        return absl::OkStatus();
      };
  FetchCall call(ids, take);
  absl::Status status;
  while (status.ok() && !input.done()) {
    v1::FetchObjectsReply reply = ReplyFrom(input);
    status = call.TakeReply(reply);
    NS_CHECK(status.ok() || absl::IsDataLoss(status));
  }
  NS_CHECK(call.CheckComplete().ok() == (answers.size() == ids.size()));
}

}  // namespace
}  // namespace nightsafe

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  google::protobuf::SetLogHandler(nullptr);
  nightsafe::FuzzInput input(data, size);
  nightsafe::Run(input);
  return 0;
}
