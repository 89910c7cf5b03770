// Sets up OpenSSL for one new connection: own trust store, client certificate, name check, and a
// readable reason when the handshake fails.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <mutex>
#include <string>

#include "base/result.h"
#include "net/tls_options.h"

namespace purser::net {

// Shared between the transport and connections that may outlive it. Thread-safe.
class TlsMaterial : public std::enable_shared_from_this<TlsMaterial> {
 public:
  explicit TlsMaterial(TlsOptions options) : options_(std::move(options)) {}

  // Checks what does not change: PEM text. Files are only looked at by Apply.
  Status Validate() const;

  // Never throws: it is called from inside the HTTP library. What cannot be loaded makes the
  // handshake fail, with the reason in LastProblem. `host`: what the certificate must be for.
  void Apply(SSL_CTX* context, const std::string& host, bool host_is_address);

  // Why the last handshake failed; empty once one has succeeded.
  std::string LastProblem() const;
  void SetProblem(std::string problem);

  const TlsOptions& options() const { return options_; }

 private:
  Status Load(SSL_CTX* context) const;

  const TlsOptions options_;
  mutable std::mutex mutex_;
  std::string problem_;
};

}  // namespace purser::net
