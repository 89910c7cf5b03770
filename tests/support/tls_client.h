// One TLS connection to a server on 127.0.0.1, byte by byte; any certificate is taken.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

struct ssl_st;
struct ssl_ctx_st;

namespace purser::support {

class TlsClient {
 public:
  explicit TlsClient(std::uint16_t port);  // throws std::runtime_error
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  void Send(const std::string& text) const;
  // What comes until `end` stands in it, the server closes, or `within` is over.
  std::string ReadUntil(const std::string& end,
                        std::chrono::milliseconds within = std::chrono::seconds(5)) const;
  std::string ReadToEnd(std::chrono::milliseconds within = std::chrono::seconds(5)) const {
    return ReadUntil("", within);
  }
  // The common name of the server's certificate.
  std::string ServerName() const;

 private:
  int socket_;
  ssl_ctx_st* context_;
  ssl_st* ssl_;
};

// Sends a request that asks for the connection to be closed; the whole answer.
std::string TlsExchange(std::uint16_t port, const std::string& request);

}  // namespace purser::support
