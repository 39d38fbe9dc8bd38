#include "common/crypto/key_message.h"

#include <climits>
#include <vector>

#include "common/crypto/secret.h"

namespace nightsafe {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// Protobuf hands out only const references to the text that is set; the text
// itself is not a constant.
void EraseConstText(const std::string& text) {
  EraseBytes(AsMutableBytes(const_cast<std::string&>(text)));
}

void EraseField(Message& message, const Reflection& reflection,
                const FieldDescriptor& field) {
  const bool is_bytes = field.type() == FieldDescriptor::TYPE_BYTES;
  const bool is_message = field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
  if (!field.is_repeated()) {
    std::string scratch;
    if (is_bytes) {
      EraseConstText(reflection.GetStringReference(message, &field, &scratch));
    } else if (is_message) {
      EraseBytesFields(*reflection.MutableMessage(&message, &field));
    }
    return;
  }
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    std::string scratch;
    if (is_bytes) {
      EraseConstText(
          reflection.GetRepeatedStringReference(message, &field, i, &scratch));
    } else if (is_message) {
      EraseBytesFields(*reflection.MutableRepeatedMessage(&message, &field, i));
    }
  }
}

}  // namespace

bool ParseMessage(ByteView bytes, size_t limit, Message& message) {
  static_assert(sizeof(int) == 4);
  if (bytes.size() > limit || bytes.size() > INT_MAX) return false;
  return message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

void SetBytes(ByteView bytes, std::string& field) {
  field.assign(AsText(bytes).data(), bytes.size());
}

void EraseBytesFields(Message& message) {
  const Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    EraseField(message, reflection, *field);
  }
}

SecretText::~SecretText() { EraseString(text_); }

}  // namespace nightsafe
