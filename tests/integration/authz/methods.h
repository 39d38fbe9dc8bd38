// What the program can serve, as its own descriptors tell.
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "nightsafe/v1/roles.pb.h"

namespace nightsafe {

struct Method {
  const google::protobuf::MethodDescriptor* descriptor;
  std::string path;
  std::set<v1::Role> roles;  // declared beside it
};

// Every method of every service in this program's descriptor pool.
std::vector<Method> AllMethods();

// Values for the fields of requests, by the fields' names; fields that are not
// named stay empty.
struct FieldValues {
  std::map<std::string, std::string> texts;  // string and bytes
  std::map<std::string, int64_t> numbers;
  // Whole messages, by the names of their types.
  std::map<std::string, const google::protobuf::Message*> messages;
};
// The first choice of every oneof, filled in to any depth; serialised.
std::string MakeRequest(const Method& method, const FieldValues& values);

}  // namespace nightsafe
