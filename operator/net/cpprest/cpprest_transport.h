// HttpTransport over cpprestsdk, with that library's hazards fenced in (see cpprest_transport.cc).
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "base/result.h"
#include "net/http_transport.h"
#include "net/tls_options.h"

namespace purser::net {

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
