#include "common/snapshot/manifest.h"

#include <bit>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/cursor.h"
#include "common/base/limits.h"
#include "common/base/status.h"
#include "common/snapshot/clear_part.h"

namespace nightsafe {
namespace {

constexpr absl::string_view kSealContext = "nightsafe manifest v1";
constexpr absl::string_view kSignatureContext =
    "nightsafe manifest signature v1";

// The host signs all of the object that stands before the signature.
ByteView SignedPart(const Manifest& manifest) {
  return AsBytes(manifest.object)
      .first(manifest.object.size() - Signature::kSize);
}

// Header and clear part, with its length: the associated data of the seal.
ByteView ClearPart(const Manifest& manifest) {
  return AsBytes(manifest.object)
      .first(manifest.object.size() - Signature::kSize -
             manifest.sealed_bytes.size() - sizeof(uint32_t));
}

// The edition that issued the host's certificate; its index in `key`.
absl::StatusOr<size_t> FindEdition(const v1::format::ManifestClear& clear,
                                   const ReadKey& key) {
  const std::string& issuer = clear.certificate().issuer_key_id();
  for (size_t i = 0; i < key.verify_keys.size(); ++i) {
    if (i < key.opening_keys.size() &&
        KeyIdOf(key.verify_keys[i]).text() == issuer) {
      return i;
    }
  }
  return absl::NotFoundError(
      absl::StrCat("the read key has no edition of the vault's keys with id ",
                   HexEncode(AsBytes(issuer.substr(0, KeyId::kSize))),
                   ": it is older than the snapshot, or of "
                   "another vault"));
}

absl::StatusOr<OpenedManifest> OpenVerified(const Manifest& manifest,
                                            const BoxKey& opening_key) {
  NS_ASSIGN_OR_RETURN(std::string plain,
                      OpenSealed(opening_key, kSealContext, ClearPart(manifest),
                                 AsBytes(manifest.sealed_bytes)));
  OpenedManifest opened;
  const bool parsed = opened.sealed.ParseFromString(plain);
  EraseString(plain);
  if (!parsed) {
    return absl::DataLossError("sealed part of a manifest does not parse");
  }
  const absl::StatusOr<MessageKey> root_key =
      MessageKey::FromBytes(AsBytes(opened.sealed.root_key()));
  if (!root_key.ok() || opened.sealed.root_plain_length() > kMaxPlainBytes) {
    return absl::DataLossError(
        "sealed part of a manifest has an impossible root");
  }
  opened.root = {manifest.root, *root_key, opened.sealed.root_plain_length()};
  return opened;
}

}  // namespace

absl::StatusOr<std::string> SealManifest(const DepositKey& key,
                                         v1::format::ManifestClear clear,
                                         v1::format::ManifestSealed sealed,
                                         const ObjectRef& root) {
  clear.set_vault_id(key.certificate.vault_id());
  clear.set_host(key.certificate.host());
  *clear.mutable_certificate() = key.certificate;
  clear.set_opening_key_id(std::string(KeyIdOf(key.opening_public_key).text()));
  sealed.set_root_key(std::string(root.key.text()));
  sealed.set_root_plain_length(root.plain_length);

  std::string object = EncodeObjectHeader(ObjectKind::kManifest, {root.id});
  PutLengthPrefixed(AsBytes(clear.SerializeAsString()), object);
  NS_ASSIGN_OR_RETURN(
      const std::string box,
      SealTo(key.opening_public_key, kSealContext, AsBytes(object),
             AsBytes(sealed.SerializeAsString())));
  PutLengthPrefixed(AsBytes(box), object);
  const Signature signature =
      key.signing_key.Sign(kSignatureContext, AsBytes(object));
  AppendBytes(signature.view(), object);
  if (object.size() > kMaxManifestBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "manifest of ", object.size(), " bytes, limit ", kMaxManifestBytes));
  }
  return object;
}

absl::StatusOr<Manifest> ParseManifest(ByteView object) {
  NS_ASSIGN_OR_RETURN(const ObjectView view, ParseObject(object));
  if (view.kind != ObjectKind::kManifest) {
    return absl::DataLossError("an object that is no manifest");
  }
  ByteCursor cursor(view.body);
  const ByteView clear = cursor.Take(cursor.U32());
  const ByteView sealed = cursor.Take(cursor.U32());
  Manifest manifest;
  manifest.signature = cursor.TakeId<Signature>();
  NS_RETURN_IF_ERROR(cursor.Finish("manifest"));
  if (!manifest.clear.ParseFromArray(clear.data(),
                                     static_cast<int>(clear.size()))) {
    return absl::DataLossError("clear part of a manifest does not parse");
  }
  manifest.id = SnapshotId::FromValidBytes(ObjectIdOf(object).view());
  manifest.root = view.ref(0);
  manifest.object = std::string(AsText(object));
  manifest.clear_bytes = std::string(AsText(clear));
  manifest.sealed_bytes = std::string(AsText(sealed));
  return manifest;
}

absl::Status VerifyManifest(const Manifest& manifest, const VaultId& vault_id,
                            const VerifyKey& vault_verify_key,
                            const KeyId& opening_key_id) {
  NS_RETURN_IF_ERROR(VerifyHostCertificate(manifest.clear.certificate(),
                                           vault_id, vault_verify_key));
  return VerifyHostSignature(manifest, vault_id, opening_key_id);
}

absl::Status VerifyHostSignature(const Manifest& manifest,
                                 const VaultId& vault_id,
                                 const KeyId& opening_key_id) {
  const v1::format::ManifestClear& clear = manifest.clear;
  NS_RETURN_IF_ERROR(CheckClearPart(clear, vault_id, opening_key_id));
  NS_ASSIGN_OR_RETURN(
      const VerifyKey host_key,
      VerifyKey::FromBytes(AsBytes(clear.certificate().host_verify_key())));
  if (!VerifySignature(host_key, kSignatureContext, SignedPart(manifest),
                       manifest.signature)
           .ok()) {
    return absl::PermissionDeniedError(
        absl::StrCat("manifest is not signed by host \"", clear.host(), "\""));
  }
  return absl::OkStatus();
}

absl::StatusOr<OpenedManifest> OpenManifest(const Manifest& manifest,
                                            const ReadKey& key) {
  NS_ASSIGN_OR_RETURN(const size_t edition, FindEdition(manifest.clear, key));
  const BoxKey& opening_key = key.opening_keys[edition];
  NS_RETURN_IF_ERROR(VerifyManifest(manifest, key.vault_id,
                                    key.verify_keys[edition],
                                    KeyIdOf(opening_key.public_key())));
  return OpenVerified(manifest, opening_key);
}

uint64_t RoundedCount(uint64_t value) {
  const int dropped = static_cast<int>(std::bit_width(value)) - 2;
  return dropped <= 0 ? value : value >> dropped << dropped;
}

}  // namespace nightsafe
