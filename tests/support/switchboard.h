// One address before several servers on 127.0.0.1, as a load balancer's: it forwards bytes to
// whichever server it is set to.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

namespace purser::support {

class Switchboard {
 public:
  explicit Switchboard(std::uint16_t server);
  ~Switchboard();
  Switchboard(const Switchboard&) = delete;
  Switchboard& operator=(const Switchboard&) = delete;

  std::uint16_t port() const { return port_; }
  // New connections go to another server; the old ones stay.
  void SetServer(std::uint16_t server) { server_ = server; }

 private:
  void Forward(int client) const;

  std::atomic<std::uint16_t> server_;
  std::atomic<bool> ending_ = false;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::vector<std::thread> threads_;  // of the acceptor alone, until it has ended
  std::thread acceptor_;
};

}  // namespace purser::support
