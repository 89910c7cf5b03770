// HttpTransport over cpprestsdk, with that library's hazards fenced in (see cpprest_transport.cc).
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "base/result.h"
#include "net/http_transport.h"

namespace purser::net {

// Files are read again for every new connection, so that rotated material is picked up. A *_pem
// value wins over the file of the same name.
struct TlsOptions {
  std::string ca_file;  // neither ca_file nor ca_pem: the system's certificate authorities
  std::string ca_pem;
  std::string certificate_file;  // client certificate chain
  std::string certificate_pem;
  std::string key_file;
  std::string key_pem;
  bool insecure_skip_verify = false;
  std::string server_name;  // verified and sent instead of the URL's host
};

struct CpprestOptions {
  TlsOptions tls;
  // A proxy for every origin. Empty: HTTPS_PROXY, HTTP_PROXY and NO_PROXY (either case) as they
  // were when the transport was made; loopback is never proxied by them.
  std::string proxy_url;
  bool use_proxy_environment = true;
};

// Starts the library's only threads. First thing in main, before any transport; later calls do
// nothing. Without it the library would start 40. One is the fastest: more hand each step of a
// request to another thread, for twice the system calls.
void InitializeThreads(std::size_t threads = 1);

// One client and its kept-alive connections per origin, reused by all threads.
// Error kInvalidArgument: a proxy URL, or PEM text, that cannot be used.
Result<std::unique_ptr<HttpTransport>> MakeCpprestTransport(CpprestOptions options);

}  // namespace purser::net
