// Any bytes as an object: what parses is put together again from its parts.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/object/object.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using nightsafe::AsText;
  const nightsafe::ByteView input = std::as_bytes(std::span(data, size));
  const auto view = nightsafe::ParseObject(input);
  if (!view.ok()) return 0;
  std::vector<nightsafe::ObjectId> refs;
  for (size_t i = 0; i < view->ref_count(); ++i) refs.push_back(view->ref(i));
  NS_CHECK(refs.size() <= nightsafe::kMaxObjectRefs);
  const std::string header = nightsafe::EncodeObjectHeader(view->kind, refs);
  NS_CHECK(header == AsText(view->header));
  NS_CHECK(header + std::string(AsText(view->body)) == AsText(input));
  return 0;
}
