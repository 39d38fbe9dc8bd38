#include "common/object/object.h"

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/cursor.h"
#include "common/base/limits.h"
#include "common/base/status.h"
#include "common/crypto/blake3.h"

namespace nightsafe {
namespace {

constexpr absl::string_view kMagic = "NS";

absl::Status CheckRefCount(ObjectKind kind, uint32_t count) {
  if (count > kMaxObjectRefs) {
    return absl::DataLossError(absl::StrCat(
        "object with ", count, " references, limit ", kMaxObjectRefs));
  }
  if (kind == ObjectKind::kData && count != 0) {
    return absl::DataLossError(
        absl::StrCat("data object with ", count, " references, 0 expected"));
  }
  if (kind == ObjectKind::kManifest && count != 1) {
    return absl::DataLossError(
        absl::StrCat("manifest with ", count, " references, 1 expected"));
  }
  return absl::OkStatus();
}

absl::Status CheckRefOrder(const ObjectView& view) {
  for (size_t i = 1; i < view.ref_count(); ++i) {
    if (!(view.ref(i - 1) < view.ref(i))) {
      return absl::DataLossError(absl::StrCat(
          "reference ", i, " of an object is not above the one before"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

ObjectId ObjectIdOf(ByteView object) {
  return ObjectId::FromValidBytes(HashOf(object));
}

absl::StatusOr<ObjectView> ParseObject(ByteView object) {
  ByteCursor cursor(object);
  const ByteView magic = cursor.Take(kMagic.size());
  const uint8_t suite = cursor.U8();
  const uint8_t kind = cursor.U8();
  const uint32_t ref_count = cursor.U32();
  NS_RETURN_IF_ERROR(cursor.status("object header"));
  if (AsText(magic) != kMagic) {
    return absl::DataLossError("object does not begin with \"NS\"");
  }
  if (suite != kSuite) {
    return absl::DataLossError(
        absl::StrCat("object of suite ", suite, ", known is ", kSuite));
  }
  if (kind < static_cast<uint8_t>(ObjectKind::kData) ||
      kind > static_cast<uint8_t>(ObjectKind::kManifest)) {
    return absl::DataLossError(absl::StrCat("object of unknown kind ", kind));
  }
  ObjectView view{.kind = static_cast<ObjectKind>(kind)};
  const size_t limit =
      view.kind == ObjectKind::kManifest ? kMaxManifestBytes : kMaxObjectBytes;
  if (object.size() > limit) {
    return absl::DataLossError(
        absl::StrCat("object of ", object.size(), " bytes, limit ", limit));
  }
  NS_RETURN_IF_ERROR(CheckRefCount(view.kind, ref_count));
  view.refs = cursor.Take(uint64_t{ref_count} * ObjectId::kSize);
  NS_RETURN_IF_ERROR(cursor.status("object's list of references"));
  NS_RETURN_IF_ERROR(CheckRefOrder(view));
  view.body = cursor.rest();
  view.header = object.first(object.size() - view.body.size());
  return view;
}

std::string EncodeObjectHeader(ObjectKind kind,
                               const std::vector<ObjectId>& refs) {
  NS_CHECK(refs.size() <= kMaxObjectRefs);
  std::string header(kMagic);
  header.reserve(8 + refs.size() * ObjectId::kSize);
  PutU8(kSuite, header);
  PutU8(static_cast<uint8_t>(kind), header);
  PutU32(static_cast<uint32_t>(refs.size()), header);
  for (const ObjectId& ref : refs) AppendBytes(ref.view(), header);
  return header;
}

}  // namespace nightsafe
