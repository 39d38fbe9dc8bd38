// Protobuf messages that hold keys. For this folder's own sources.
#pragma once

#include <string>

#include "common/base/bytes.h"
#include "google/protobuf/message.h"

namespace nightsafe {

// Serialised keyrings and sealed keyrings.
inline constexpr size_t kMaxKeyringBytes = 256 << 10;

// False if `bytes` are more than `limit` or no message of this type.
bool ParseMessage(ByteView bytes, size_t limit,
                  google::protobuf::Message& message);

// Gives `field` exactly these bytes, with one allocation, so that no copy stays
// behind.
void SetBytes(ByteView bytes, std::string& field);

// Overwrites every `bytes` field of `message`, also in messages below it, with
// zeros.
void EraseBytesFields(google::protobuf::Message& message);

// The same at the end of a scope. `message` must outlive it.
class SecretFieldsEraser {
 public:
  explicit SecretFieldsEraser(google::protobuf::Message& message)
      : message_(message) {}
  SecretFieldsEraser(const SecretFieldsEraser&) = delete;
  SecretFieldsEraser& operator=(const SecretFieldsEraser&) = delete;
  ~SecretFieldsEraser() { EraseBytesFields(message_); }

 private:
  google::protobuf::Message& message_;
};

// A text erased at the end of its scope.
class SecretText {
 public:
  SecretText() = default;
  explicit SecretText(std::string text) : text_(std::move(text)) {}
  SecretText(const SecretText&) = delete;
  SecretText& operator=(const SecretText&) = delete;
  ~SecretText();
  ByteView view() const { return AsBytes(text_); }

 private:
  std::string text_;
};

}  // namespace nightsafe
