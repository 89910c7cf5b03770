#include "support/service_account_token.h"

#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <array>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "base/base64.h"

namespace purser::support {
namespace {

constexpr const char* kIssuer = "https://kubernetes.default.svc";
constexpr int kLeeway = 60;        // seconds that the API server allows for clocks that differ
constexpr int kLongestLife = 600;  // seconds
constexpr int kCoordinate = 32;    // bytes of each half of a P-256 signature in JWS

template <auto Free>
struct Freeing {
  template <typename T>
  void operator()(T* thing) const {
    Free(thing);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Freeing<EVP_PKEY_free>>;
using Digest = std::unique_ptr<EVP_MD_CTX, Freeing<EVP_MD_CTX_free>>;
using Signature = std::unique_ptr<ECDSA_SIG, Freeing<ECDSA_SIG_free>>;
using File = std::unique_ptr<std::FILE, Freeing<std::fclose>>;

std::string Base64Url(std::string_view bytes) {
  std::string text = EncodeBase64(bytes);
  while (!text.empty() && text.back() == '=') text.pop_back();
  for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return text;
}

Key ReadKey(const std::string& path) {
  const File file(std::fopen(path.c_str(), "r"));
  if (!file) throw std::runtime_error(path + " cannot be read");
  Key key(PEM_read_PrivateKey(file.get(), nullptr, nullptr, nullptr));
  if (!key) throw std::runtime_error(path + " holds no private key");
  return key;
}

// JWS wants the two numbers one after the other; OpenSSL gives them in DER.
std::string Sign(EVP_PKEY* key, const std::string& text) {
  const Digest digest(EVP_MD_CTX_new());
  std::array<unsigned char, 256> der{};
  std::size_t size = der.size();
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  if (EVP_DigestSignInit(digest.get(), nullptr, EVP_sha256(), nullptr, key) != 1 ||
      EVP_DigestSign(digest.get(), der.data(), &size, bytes, text.size()) != 1)
    throw std::runtime_error("the token cannot be signed");
  const unsigned char* begin = der.data();
  const Signature signature(d2i_ECDSA_SIG(nullptr, &begin, static_cast<long>(size)));
  std::array<unsigned char, 2 * kCoordinate> both{};
  if (!signature ||
      BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), both.data(), kCoordinate) != kCoordinate ||
      BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), both.data() + kCoordinate, kCoordinate) !=
          kCoordinate)
    throw std::runtime_error("the key is not of the curve P-256");
  return {reinterpret_cast<const char*>(both.data()), both.size()};
}

}  // namespace

std::string SignToken(const std::string& key_file, const TokenSubject& subject,
                      std::chrono::seconds lifetime) {
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(
                       std::chrono::system_clock::now().time_since_epoch())
                       .count();
  const auto ends = now + lifetime.count() - kLeeway;
  const nlohmann::json claims{
      {"iss", kIssuer},
      {"aud", {kIssuer}},
      {"sub", "system:serviceaccount:" + subject.ns + ":" + subject.name},
      {"iat", ends - kLongestLife},
      {"nbf", ends - kLongestLife},
      {"exp", ends},
      {"kubernetes.io",
       {{"namespace", subject.ns},
        {"serviceaccount", {{"name", subject.name}, {"uid", subject.uid}}}}}};
  const std::string text =
      Base64Url(R"({"alg":"ES256","typ":"JWT"})") + "." + Base64Url(claims.dump());
  return text + "." + Base64Url(Sign(ReadKey(key_file).get(), text));
}

}  // namespace purser::support
