#include "server/vault/pack_readers.h"

#include "common/base/status.h"
#include "server/vault/named_pack.h"

namespace nightsafe {
namespace {

constexpr size_t kMaxOpenPacks = 64;

absl::Status WrongBytes(const ObjectId& id, const ObjectLocation& location,
                        absl::string_view reason) {
  return absl::DataLossError(
      absl::StrCat("object ", id.Hex(), " in pack ",
                   PackFileName(location.pack), " at offset ", location.offset,
                   ", length ", location.length, ": ", reason));
}

}  // namespace

absl::StatusOr<std::string> PackReaders::Read(const ObjectId& id,
                                              const ObjectLocation& location) {
  NS_ASSIGN_OR_RETURN(std::shared_ptr<PackReader> reader, Open(location.pack));
  absl::StatusOr<std::string> bytes =
      reader->ReadObject(location.offset, location.length);
  if (bytes.ok() && ObjectIdOf(AsBytes(*bytes)) == id) return bytes;
  if (!bytes.ok() && !absl::IsDataLoss(bytes.status())) return bytes.status();
  // The name counts, as it will after a restart: the file that was opened under
  // it may have been replaced since.
  {
    absl::MutexLock lock(&mutex_);
    const auto it = slots_.find(location.pack);
    if (it != slots_.end() && it->second.reader == reader) {
      by_use_.erase(it->second.used);
      slots_.erase(it);
    }
  }
  NS_ASSIGN_OR_RETURN(reader, Open(location.pack));
  reader->DropCache();
  bytes = reader->ReadObject(location.offset, location.length);
  if (!bytes.ok()) {
    if (!absl::IsDataLoss(bytes.status())) return bytes.status();
    return WrongBytes(id, location, bytes.status().message());
  }
  if (ObjectIdOf(AsBytes(*bytes)) == id) return bytes;
  return WrongBytes(id, location, "the stored bytes are not this object");
}

absl::StatusOr<std::shared_ptr<PackReader>> PackReaders::Open(
    const PackId& pack) {
  {
    absl::MutexLock lock(&mutex_);
    const auto it = slots_.find(pack);
    if (it != slots_.end()) {
      by_use_.splice(by_use_.begin(), by_use_, it->second.used);
      return it->second.reader;
    }
  }
  NS_ASSIGN_OR_RETURN(std::shared_ptr<PackReader> reader, OpenFile(pack));
  absl::MutexLock lock(&mutex_);
  const auto [it, added] = slots_.try_emplace(pack);
  if (!added) return it->second.reader;
  by_use_.push_front(pack);
  it->second = {.reader = reader, .used = by_use_.begin()};
  if (slots_.size() > kMaxOpenPacks) {
    slots_.erase(by_use_.back());
    by_use_.pop_back();
  }
  return reader;
}

void PackReaders::Forget(const PackId& pack) {
  absl::MutexLock lock(&mutex_);
  const auto it = slots_.find(pack);
  if (it == slots_.end()) return;
  by_use_.erase(it->second.used);
  slots_.erase(it);
}

absl::StatusOr<std::shared_ptr<PackReader>> PackReaders::OpenFile(
    const PackId& pack) {
  absl::StatusOr<std::unique_ptr<PackReader>> reader =
      OpenNamedPack(fs_, paths_, pack);
  if (reader.ok()) return std::shared_ptr<PackReader>(*std::move(reader));
  if (absl::IsNotFound(reader.status())) {
    return absl::NotFoundError(absl::StrCat(
        "pack ", PackFileName(pack), " is gone: ", reader.status().message()));
  }
  return absl::UnavailableError(
      absl::StrCat("pack ", PackFileName(pack), " cannot be read: ",
                   reader.status().message(), "; is its disk mounted?"));
}

}  // namespace nightsafe
