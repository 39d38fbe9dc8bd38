// plain_read_key FILE: takes the passphrase ($NIGHTSAFE_PASSPHRASE) off a read
// key, so that hundreds of restores do not each pay for Argon2id.

#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/crypto/key_file.h"
#include "common/io/durable_file.h"
#include "common/io/file_system.h"

namespace nightsafe {
namespace {

constexpr size_t kMaxKeyFileBytes = 1 << 20;

absl::Status TakeOffPassphrase(const std::string& path,
                               absl::string_view passphrase) {
  const auto fs = NewPosixFileSystem();
  NS_ASSIGN_OR_RETURN(std::string text,
                      ReadWholeFile(*fs, path, kMaxKeyFileBytes));
  NS_ASSIGN_OR_RETURN(ReadKey key, DecodeReadKeyFile(text, passphrase));
  NS_ASSIGN_OR_RETURN(std::string plain, EncodeReadKeyFile(key, "test", ""));
  return WriteFileDurably(*fs, path, AsBytes(plain), 0600);
}

}  // namespace
}  // namespace nightsafe

int main(int count, char** arguments) {
  const char* passphrase = std::getenv("NIGHTSAFE_PASSPHRASE");
  if (count != 2 || passphrase == nullptr) {
    std::fputs("usage: plain_read_key FILE, with $NIGHTSAFE_PASSPHRASE\n",
               stderr);
    return 2;
  }
  const absl::Status status =
      nightsafe::TakeOffPassphrase(arguments[1], passphrase);
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}
