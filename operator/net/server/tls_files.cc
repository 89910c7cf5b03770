#include "net/server/tls_files.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace purser::net {
namespace {

Error Failed(const std::string& what) {
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_get_error(), text.data(), text.size());
  ERR_clear_error();
  return Error(ErrorCode::kInvalidArgument, what + ": " + text.data());
}

// Of what a client offers, http/1.1.
int ChooseProtocol(SSL*, const unsigned char** chosen, unsigned char* length,
                   const unsigned char* offered, unsigned int offered_length, void*) {
  static constexpr std::array<unsigned char, 9> kHttp11 = {8,   'h', 't', 't', 'p',
                                                           '/', '1', '.', '1'};
  unsigned char* found = nullptr;
  if (SSL_select_next_proto(&found, length, kHttp11.data(), kHttp11.size(), offered,
                            offered_length) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_NOACK;
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

Result<TlsFiles::Stamp> TlsFiles::StampOf(const std::string& file) {
  struct stat state {};
  if (stat(file.c_str(), &state) != 0) {
    return Error(ErrorCode::kInvalidArgument,
                 "'" + file + "' cannot be read: " + std::generic_category().message(errno));
  }
  return Stamp{state.st_mtim.tv_sec * std::int64_t{1'000'000'000} + state.st_mtim.tv_nsec,
               state.st_size, state.st_ino};
}

Status TlsFiles::Refresh() {
  const auto cert = StampOf(cert_file_);
  if (!cert) return cert.error();
  const auto key = StampOf(key_file_);
  if (!key) return key.error();
  if (context_ != nullptr && *cert == cert_ && *key == key_) return Ok();

  const Context fresh(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (fresh == nullptr) return Failed("TLS");
  SSL_CTX* context = fresh.get();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
  // An idle connection holds no buffers.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_alpn_select_cb(context, ChooseProtocol, nullptr);
  if (SSL_CTX_use_certificate_chain_file(context, cert_file_.c_str()) != 1)
    return Failed("server.tls.certFile '" + cert_file_ + "' is no PEM certificate");
  if (SSL_CTX_use_PrivateKey_file(context, key_file_.c_str(), SSL_FILETYPE_PEM) != 1)
    return Failed("server.tls.keyFile '" + key_file_ + "' is no PEM key of that certificate");
  if (SSL_CTX_check_private_key(context) != 1)
    return Failed("server.tls.keyFile '" + key_file_ + "' is not the key of the certificate");
  cert_ = *cert;
  key_ = *key;
  context_ = fresh;
  return Ok();
}

}  // namespace purser::net
