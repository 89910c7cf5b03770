// A server's certificate and key, read again when their files change.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"

struct ssl_ctx_st;

namespace purser::net {

// Not thread-safe.
class TlsFiles {
 public:
  using Context = std::shared_ptr<ssl_ctx_st>;

  // PEM: the certificate with its chain, and its key without a password.
  TlsFiles(std::string cert_file, std::string key_file)
      : cert_file_(std::move(cert_file)), key_file_(std::move(key_file)) {}

  // Reads them if they changed since they were last read. Error kInvalidArgument, naming the file:
  // unreadable, or not a pair; the context before it stays.
  Status Refresh();
  // TLS 1.2 and later, HTTP/1.1; null before the first Refresh that went well.
  const Context& context() const { return context_; }

 private:
  struct Stamp {
    std::int64_t modified_nanos = 0;
    std::int64_t size = 0;
    std::uint64_t inode = 0;
    bool operator==(const Stamp&) const = default;
  };
  static Result<Stamp> StampOf(const std::string& file);

  const std::string cert_file_, key_file_;
  Stamp cert_, key_;
  Context context_;
};

}  // namespace purser::net
