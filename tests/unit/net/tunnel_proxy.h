// A CONNECT proxy on 127.0.0.1 that really tunnels. It alone knows where names lead: they resolve
// nowhere else, so that nothing can get past it.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace purser::support {

class TunnelProxy {
 public:
  // "host:port" as in CONNECT, to the port on 127.0.0.1. Everything else is answered with 502.
  explicit TunnelProxy(std::map<std::string, std::uint16_t> routes);
  ~TunnelProxy();
  TunnelProxy(const TunnelProxy&) = delete;
  TunnelProxy& operator=(const TunnelProxy&) = delete;

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  std::vector<std::string> heads() const;  // of the requests so far

 private:
  void Serve(int client);

  const std::map<std::string, std::uint16_t> routes_;
  mutable std::mutex mutex_;
  std::vector<std::string> heads_;
  std::atomic<bool> ending_ = false;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::vector<std::thread> threads_;  // of the acceptor alone, until it has ended
  std::thread acceptor_;
};

}  // namespace purser::support
