#include <gtest/gtest.h>
#include <openssl/pem.h>

#include <random>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/pki/openssl.h"
#include "common/pki/pki.h"

namespace nightsafe {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1700000000);
const absl::Time kEnd = kStart + absl::Hours(24 * 365);

Issuer MakeCa() {
  Issuer ca;
  ca.key_pem = *GeneratePrivateKeyPem();
  ca.certificate_der = *MakeCaCertificateDer(ca.key_pem, "test", kStart, kEnd);
  return ca;
}
PeerIdentity Web1() { return {ServerId{}, PeerRole::kHost, "main", "web1"}; }

TEST(Certificate, ClientCertificateCarriesOneUriAndTheKeyOfTheRequest) {
  const Issuer ca = MakeCa();
  const std::string csr = *MakeCsrDer(*GeneratePrivateKeyPem());
  auto der = IssueClientCertificateDer(ca, AsBytes(csr), Web1(), kStart, kEnd);
  ASSERT_TRUE(der.ok()) << der.status();
  auto view = InspectCertificatePem(DerToPem(AsBytes(*der)));
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_EQ(view->uri_sans, std::vector<std::string>{Web1().ToUri()});
  EXPECT_EQ(view->other_sans, 0u);
  EXPECT_FALSE(view->is_ca);
  EXPECT_TRUE(view->client_auth);
  EXPECT_EQ(view->not_before, kStart);
  EXPECT_EQ(view->not_after, kEnd);
  EXPECT_EQ(view->fingerprint, *CsrFingerprint(AsBytes(csr)));
}

// PKCS #8 ends with the public point, 65 bytes.
std::string WithPublicKeyOf(const std::string& other, const std::string& pem) {
  const auto der_of = [](absl::string_view text) {
    text.remove_prefix(text.find('\n') + 1);
    std::string der;
    EXPECT_TRUE(absl::Base64Unescape(text.substr(0, text.find("-----")), &der));
    return der;
  };
  std::string der = der_of(pem);
  const std::string point = der_of(other).substr(der.size() - 65);
  der.replace(der.size() - 65, 65, point);
  return absl::StrCat(
      "-----BEGIN PRIVATE KEY-----\n",
      absl::Base64Escape(der).insert(64, "\n").insert(129, "\n"),
      "\n-----END PRIVATE KEY-----\n");
}

TEST(Certificate, NoRequestForAKeyWithAnothersPublicKey) {
  const std::string key = *GeneratePrivateKeyPem();
  EXPECT_TRUE(MakeCsrDer(WithPublicKeyOf(key, key)).ok());
  const std::string mixed = WithPublicKeyOf(*GeneratePrivateKeyPem(), key);
  EXPECT_TRUE(absl::IsInvalidArgument(MakeCsrDer(mixed).status()));
}

TEST(Certificate, ChainsVerifyForTheirPurposeOnly) {
  const Issuer ca = MakeCa();
  const std::string key = *GeneratePrivateKeyPem();
  const std::string client = *IssueClientCertificateDer(
      ca, AsBytes(*MakeCsrDer(key)), Web1(), kStart, kEnd);
  const std::string server =
      *IssueServerCertificateDer(ca, key, ServerId{}, kStart, kEnd);
  const auto verify = [&](const std::string& der, int purpose) {
    auto leaf = pki::ParseCertificate(AsBytes(der));
    auto root = pki::ParseCertificate(AsBytes(ca.certificate_der));
    X509_STORE* store = X509_STORE_new();
    X509_STORE_add_cert(store, root->get());
    X509_STORE_CTX* context = X509_STORE_CTX_new();
    X509_STORE_CTX_init(context, store, leaf->get(), nullptr);
    X509_STORE_CTX_set_purpose(context, purpose);
    X509_STORE_CTX_set_time(context, 0, absl::ToTimeT(kStart) + 60);
    const bool ok = X509_verify_cert(context) == 1;
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    return ok;
  };
  EXPECT_TRUE(verify(client, X509_PURPOSE_SSL_CLIENT));
  EXPECT_FALSE(verify(client, X509_PURPOSE_SSL_SERVER));
  EXPECT_TRUE(verify(server, X509_PURPOSE_SSL_SERVER));
  EXPECT_FALSE(verify(server, X509_PURPOSE_SSL_CLIENT));
}

TEST(Certificate, ServerCertificateIsNoClientAndNamesTheServer) {
  const Issuer ca = MakeCa();
  const std::string der = *IssueServerCertificateDer(
      ca, *GeneratePrivateKeyPem(), ServerId{}, kStart, kEnd);
  auto view = InspectCertificateDer(AsBytes(der));
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_FALSE(view->client_auth);
  EXPECT_TRUE(view->uri_sans.empty());
  EXPECT_EQ(view->other_sans, 1u);
  auto parsed = pki::ParseCertificate(AsBytes(der));
  EXPECT_EQ(X509_check_host(parsed->get(), ServerDnsName(ServerId{}).c_str(), 0,
                            0, nullptr),
            1);
}

TEST(Certificate, CaIsSeenAsCa) {
  auto view = InspectCertificateDer(AsBytes(MakeCa().certificate_der));
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_TRUE(view->is_ca);
  EXPECT_FALSE(view->client_auth);
}

TEST(Certificate, NamesThatWouldAddASecondSanAreRefused) {
  PeerIdentity identity = Web1();
  identity.name = "web1,URI:nightsafe://x/reader/y";
  const std::string csr = *MakeCsrDer(*GeneratePrivateKeyPem());
  EXPECT_EQ(
      IssueClientCertificateDer(MakeCa(), AsBytes(csr), identity, kStart, kEnd)
          .status()
          .code(),
      absl::StatusCode::kInvalidArgument);
}

TEST(Certificate, RefusesAnotherIssuersKey) {
  Issuer mixed = MakeCa();
  mixed.key_pem = *GeneratePrivateKeyPem();
  const std::string csr = *MakeCsrDer(*GeneratePrivateKeyPem());
  EXPECT_FALSE(
      IssueClientCertificateDer(mixed, AsBytes(csr), Web1(), kStart, kEnd)
          .ok());
}

TEST(Inspect, CertificateMustFitItsKeyAndItsCa) {
  const std::string key = GeneratePrivateKeyPem().value();
  const std::string other = GeneratePrivateKeyPem().value();
  const absl::Time now = absl::Now();
  const auto ca = [&](const std::string& of) {
    return MakeCaCertificateDer(of, "CA", now, now + absl::Hours(1)).value();
  };
  const std::string der = ca(key);
  const std::string pem = DerToPem(AsBytes(der));
  EXPECT_TRUE(CheckPrivateKeyPem(key).ok());
  EXPECT_FALSE(CheckPrivateKeyPem("").ok());
  EXPECT_TRUE(CheckCertificatePem(pem, key, pem).ok());
  EXPECT_FALSE(CheckCertificatePem(pem, other, pem).ok());
  EXPECT_FALSE(
      CheckCertificatePem(pem, key, DerToPem(AsBytes(ca(other)))).ok());
  EXPECT_FALSE(CheckCertificatePem("", key, pem).ok());
  for (size_t i = 0; i < der.size(); ++i) {
    std::string bad = der;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    EXPECT_FALSE(CheckCertificatePem(DerToPem(AsBytes(bad)), key, pem).ok())
        << i;
  }
}

TEST(Request, RefusesKeysThatAreNotP256) {
  for (const char* group : {"P-384", "RSA", "ED25519"}) {
    pki::KeyPtr key(std::string(group) == "RSA" ? EVP_RSA_gen(2048)
                    : std::string(group) == "ED25519"
                        ? EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")
                        : EVP_EC_gen(group));
    pki::RequestPtr request(X509_REQ_new());
    X509_REQ_set_pubkey(request.get(), key.get());
    const bool eddsa = std::string(group) == "ED25519";
    ASSERT_NE(
        X509_REQ_sign(request.get(), key.get(), eddsa ? nullptr : EVP_sha256()),
        0);
    unsigned char* der = nullptr;
    const int length = i2d_X509_REQ(request.get(), &der);
    const std::string bytes(reinterpret_cast<char*>(der),
                            static_cast<size_t>(length));
    OPENSSL_free(der);
    EXPECT_EQ(CsrFingerprint(AsBytes(bytes)).status().code(),
              absl::StatusCode::kInvalidArgument)
        << group;
  }
}

TEST(Request, RefusesEveryFlippedBit) {
  const std::string csr = *MakeCsrDer(*GeneratePrivateKeyPem());
  ASSERT_TRUE(CsrFingerprint(AsBytes(csr)).ok());
  for (size_t bit = 0; bit < csr.size() * 8; ++bit) {
    std::string changed = csr;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(CsrFingerprint(AsBytes(changed)).ok()) << "bit " << bit;
  }
}

TEST(Request, RefusesTrailingBytes) {
  const std::string csr = *MakeCsrDer(*GeneratePrivateKeyPem()) + "x";
  EXPECT_FALSE(CsrFingerprint(AsBytes(csr)).ok());
}

TEST(Inspect, RefusesWhatIsNotOneCertificate) {
  const Issuer ca = MakeCa();
  const std::string pem = DerToPem(AsBytes(ca.certificate_der));
  EXPECT_EQ(*PemToDer(pem), ca.certificate_der);
  EXPECT_FALSE(InspectCertificatePem("").ok());
  EXPECT_FALSE(InspectCertificatePem("hello").ok());
  EXPECT_FALSE(InspectCertificatePem(pem + pem).ok());
  EXPECT_FALSE(InspectCertificatePem(pem.substr(0, 200)).ok());
  EXPECT_FALSE(InspectCertificateDer(AsBytes(ca.certificate_der + "x")).ok());
  std::mt19937 random(7);
  for (int i = 0; i < 3000; ++i) {
    std::string changed = ca.certificate_der;
    for (int n = 0; n < 3; ++n) {
      changed[random() % changed.size()] = static_cast<char>(random());
    }
    InspectCertificateDer(AsBytes(changed)).IgnoreError();
  }
}

}  // namespace
}  // namespace nightsafe
