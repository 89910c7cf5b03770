#include "net/cpprest/tls_material.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <cstdlib>

#include "base/small_file.h"

// The library calls this for every connection, and would read the system's authorities, 140 of
// them, 30 ms each time, into a store that is thrown away below. The program's own symbol comes
// before that of libssl.
extern "C" int SSL_CTX_set_default_verify_paths(SSL_CTX*) { return 1; }

namespace purser::net {
namespace {

constexpr std::size_t kMaxPemBytes = 1 << 20;

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Bio = std::unique_ptr<BIO, Free>;
using Certificate = std::unique_ptr<X509, Free>;
using Key = std::unique_ptr<EVP_PKEY, Free>;

Bio Open(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// Encrypted keys are refused: nobody is there to type a passphrase.
int NoPassphrase(char*, int, int, void*) { return -1; }

Error Wrong(const std::string& what) {
  ERR_clear_error();
  return Error(ErrorCode::kInvalidArgument, what);
}

Result<std::string> ReadPem(const std::string& pem, const std::string& file, const char* what) {
  if (!pem.empty() || file.empty()) return pem;
  auto text = ReadSmallFile(file, kMaxPemBytes);
  if (!text || text->empty()) {
    return Error(ErrorCode::kInvalidArgument,
                 std::string(what) + " file '" + file + "' cannot be read or is empty");
  }
  return text;
}

// At least one certificate, or an error.
Status AddAuthorities(X509_STORE* store, const std::string& pem, const std::string& from) {
  const Bio bio = Open(pem);
  int count = 0;
  while (Certificate certificate{PEM_read_bio_X509(bio.get(), nullptr, NoPassphrase, nullptr)}) {
    X509_STORE_add_cert(store, certificate.get());
    ++count;
  }
  if (count == 0) return Wrong("no certificate authority in PEM form in " + from);
  ERR_clear_error();
  return Ok();
}

// The authorities of the system, or of SSL_CERT_FILE and SSL_CERT_DIR, as OpenSSL itself finds
// them.
void TrustSystem(X509_STORE* store) {
  const auto path = [](const char* variable, const char* otherwise) {
    const char* set = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): nobody sets any
    return set != nullptr ? set : otherwise;
  };
  X509_STORE_load_file(store, path(X509_get_default_cert_file_env(), X509_get_default_cert_file()));
  X509_STORE_load_path(store, path(X509_get_default_cert_dir_env(), X509_get_default_cert_dir()));
  ERR_clear_error();  // either may be absent
}

Status UseCertificate(SSL_CTX* context, const std::string& pem) {
  const Bio bio = Open(pem);
  const Certificate leaf(PEM_read_bio_X509(bio.get(), nullptr, NoPassphrase, nullptr));
  if (!leaf || SSL_CTX_use_certificate(context, leaf.get()) != 1) {
    return Wrong("the client certificate is not a certificate in PEM form");
  }
  SSL_CTX_clear_chain_certs(context);
  while (Certificate certificate{PEM_read_bio_X509(bio.get(), nullptr, NoPassphrase, nullptr)}) {
    SSL_CTX_add1_chain_cert(context, certificate.get());
  }
  ERR_clear_error();
  return Ok();
}

Status UseKey(SSL_CTX* context, const std::string& pem) {
  const Bio bio = Open(pem);
  const Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassphrase, nullptr));
  if (!key) return Wrong("the client key is not an unencrypted private key in PEM form");
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 || SSL_CTX_check_private_key(context) != 1) {
    return Wrong("the client key does not belong to the client certificate");
  }
  return Ok();
}

// Keeps the material alive as long as the SSL_CTX that reports to it.
void FreeReference(void*, void* reference, CRYPTO_EX_DATA*, int, long, void*) {
  delete static_cast<std::shared_ptr<TlsMaterial>*>(reference);
}
int ReferenceIndex() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, FreeReference);
  return index;
}

int VerifyAndReport(X509_STORE_CTX* store, void*) {
  const int verified = X509_verify_cert(store);
  const auto* ssl =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* material = static_cast<std::shared_ptr<TlsMaterial>*>(
      SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), ReferenceIndex()));
  if (material != nullptr) {
    (*material)->SetProblem(
        verified == 1 ? ""
                      : std::string("the server's certificate was refused: ") +
                            X509_verify_cert_error_string(X509_STORE_CTX_get_error(store)));
  }
  return verified;
}

// No protocol is left: the handshake fails before anything is sent.
void Refuse(SSL_CTX* context) {
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
}

}  // namespace

Status TlsMaterial::Load(SSL_CTX* context) const {
  // Nothing is trusted but what comes next.
  X509_STORE* store = X509_STORE_new();
  SSL_CTX_set_cert_store(context, store);
  if (options_.ca_pem.empty() && options_.ca_file.empty()) {
    TrustSystem(store);
  } else {
    auto pem = ReadPem(options_.ca_pem, options_.ca_file, "certificate authority");
    if (!pem) return pem.error();
    PURSER_RETURN_IF_ERROR(
        AddAuthorities(store, *pem, options_.ca_pem.empty() ? options_.ca_file : "the given text"));
  }
  auto certificate =
      ReadPem(options_.certificate_pem, options_.certificate_file, "client certificate");
  if (!certificate) return certificate.error();
  auto key = ReadPem(options_.key_pem, options_.key_file, "client key");
  if (!key) return key.error();
  if (certificate->empty() && key->empty()) return Ok();
  if (certificate->empty() || key->empty()) {
    return Error(ErrorCode::kInvalidArgument,
                 "a client certificate and its key must be given together");
  }
  PURSER_RETURN_IF_ERROR(UseCertificate(context, *certificate));
  return UseKey(context, *key);
}

Status TlsMaterial::Validate() const {
  const auto has = [](const std::string& pem, const std::string& file) {
    return !pem.empty() || !file.empty();
  };
  if (has(options_.certificate_pem, options_.certificate_file) !=
      has(options_.key_pem, options_.key_file)) {
    return Error(ErrorCode::kInvalidArgument,
                 "a client certificate and its key must be given together");
  }
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                  SSL_CTX_free);
  if (!options_.ca_pem.empty()) {
    PURSER_RETURN_IF_ERROR(
        AddAuthorities(SSL_CTX_get_cert_store(context.get()), options_.ca_pem, "the given text"));
  }
  if (!options_.certificate_pem.empty()) {
    PURSER_RETURN_IF_ERROR(UseCertificate(context.get(), options_.certificate_pem));
    if (!options_.key_pem.empty()) return UseKey(context.get(), options_.key_pem);
  }
  return Ok();
}

void TlsMaterial::Apply(SSL_CTX* context, const std::string& host, bool host_is_address) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  if (auto loaded = Load(context); !loaded) {
    SetProblem(loaded.error().message());
    Refuse(context);
    return;
  }
  if (options_.insecure_skip_verify) {
    SetProblem("");
    return;
  }
  // OpenSSL checks the name itself, and gives a reason; the library's own check comes on top.
  X509_VERIFY_PARAM* parameters = SSL_CTX_get0_param(context);
  X509_VERIFY_PARAM_set_hostflags(
      parameters, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  const int set = host_is_address
                      ? X509_VERIFY_PARAM_set1_ip_asc(parameters, host.c_str())
                      : X509_VERIFY_PARAM_set1_host(parameters, host.c_str(), host.size());
  if (set != 1) {
    SetProblem("the name '" + host + "' cannot be verified");
    Refuse(context);
    return;
  }
  SSL_CTX_set_ex_data(context, ReferenceIndex(),
                      new std::shared_ptr<TlsMaterial>(shared_from_this()));
  SSL_CTX_set_cert_verify_callback(context, VerifyAndReport, nullptr);
}

std::string TlsMaterial::LastProblem() const {
  const std::lock_guard lock(mutex_);
  return problem_;
}

void TlsMaterial::SetProblem(std::string problem) {
  const std::lock_guard lock(mutex_);
  problem_ = std::move(problem);
}

}  // namespace purser::net
