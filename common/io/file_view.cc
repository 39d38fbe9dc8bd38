#include <string>
#include <utility>

#include "common/base/status.h"
#include "common/io/durable_file.h"

namespace nightsafe {
namespace {

class ReadView final : public FileView {
 public:
  explicit ReadView(std::string text) : text_(std::move(text)) {}
  ByteView bytes() const override { return AsBytes(text_); }

 private:
  const std::string text_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<FileView>> File::View() const {
  NS_ASSIGN_OR_RETURN(const uint64_t size, Size());
  NS_ASSIGN_OR_RETURN(std::string text,
                      ReadExactly(*this, 0, static_cast<size_t>(size)));
  return std::make_unique<ReadView>(std::move(text));
}

}  // namespace nightsafe
