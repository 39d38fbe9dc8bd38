#include "tests/integration/authz/methods.h"

#include <google/protobuf/descriptor_database.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"

namespace nightsafe {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::Message;
using google::protobuf::MessageFactory;
using google::protobuf::MethodDescriptor;
using google::protobuf::Reflection;

Method Describe(const MethodDescriptor& descriptor) {
  Method method{&descriptor,
                absl::StrCat("/", descriptor.service()->full_name(), "/",
                             descriptor.name()),
                {}};
  const auto& options = descriptor.options();
  for (int i = 0; i < options.ExtensionSize(v1::allowed_roles); ++i) {
    method.roles.insert(options.GetExtension(v1::allowed_roles, i));
  }
  return method;
}

void Fill(Message& message, const FieldValues& values);

void FillText(Message& message, const FieldDescriptor& field,
              const FieldValues& values) {
  const auto at = values.texts.find(field.name());
  if (at == values.texts.end()) return;
  const Reflection& reflection = *message.GetReflection();
  if (field.is_repeated()) {
    reflection.AddString(&message, &field, at->second);
  } else {
    reflection.SetString(&message, &field, at->second);
  }
}

void FillNumber(Message& message, const FieldDescriptor& field,
                const FieldValues& values) {
  const auto at = values.numbers.find(field.name());
  if (at == values.numbers.end()) return;
  const Reflection& reflection = *message.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_UINT32:
      return reflection.SetUInt32(&message, &field,
                                  static_cast<uint32_t>(at->second));
    case FieldDescriptor::CPPTYPE_UINT64:
      return reflection.SetUInt64(&message, &field,
                                  static_cast<uint64_t>(at->second));
    case FieldDescriptor::CPPTYPE_INT64:
      return reflection.SetInt64(&message, &field, at->second);
    default:
      NS_CHECK(false);
  }
}

void FillMessage(Message& message, const FieldDescriptor& field,
                 const FieldValues& values) {
  if (field.is_repeated()) return;
  Message& inner = *message.GetReflection()->MutableMessage(&message, &field);
  const auto at = values.messages.find(field.message_type()->full_name());
  if (at != values.messages.end()) {
    inner.CopyFrom(*at->second);
  } else {
    Fill(inner, values);
  }
}

void Fill(Message& message, const FieldValues& values) {
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor& field = *message.GetDescriptor()->field(i);
    const auto* oneof = field.containing_oneof();
    if (oneof != nullptr && oneof->field(0) != &field) continue;
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE:
        FillMessage(message, field, values);
        break;
      case FieldDescriptor::CPPTYPE_STRING:
        FillText(message, field, values);
        break;
      default:
        FillNumber(message, field, values);
    }
  }
}

}  // namespace

std::vector<Method> AllMethods() {
  std::vector<std::string> files;
  NS_CHECK(
      DescriptorPool::internal_generated_database()->FindAllFileNames(&files));
  std::vector<Method> methods;
  for (const std::string& name : files) {
    const FileDescriptor* file =
        DescriptorPool::generated_pool()->FindFileByName(name);
    NS_CHECK(file != nullptr);
    for (int i = 0; i < file->service_count(); ++i) {
      for (int j = 0; j < file->service(i)->method_count(); ++j) {
        methods.push_back(Describe(*file->service(i)->method(j)));
      }
    }
  }
  return methods;
}

std::string MakeRequest(const Method& method, const FieldValues& values) {
  const std::unique_ptr<Message> request(
      MessageFactory::generated_factory()
          ->GetPrototype(method.descriptor->input_type())
          ->New());
  Fill(*request, values);
  return request->SerializeAsString();
}

}  // namespace nightsafe
