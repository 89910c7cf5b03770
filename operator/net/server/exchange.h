// The conversation about one request: between its connection, on the server's thread, and who
// answers, on any. Of net/server alone.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "net/server/connection.h"

namespace purser::net {

struct Connection::Talk {
  static constexpr std::size_t kMostWaiting = std::size_t{1} << 20;

  std::shared_ptr<ApiHouse> house;
  std::weak_ptr<Connection> connection;

  std::mutex mutex;  // guards what follows
  bool answered = false;
  bool begun = false;
  bool ended = false;
  bool gone = false;
  bool posted = false;     // the connection is going to take the events
  std::string events;      // not taken yet
  std::size_t unsent = 0;  // taken, not written yet
  std::function<void()> on_gone;

  // Tells whoever holds the exchange that nobody listens any more.
  void Gone();
};

std::shared_ptr<Exchange> MakeExchange(std::shared_ptr<Connection::Talk> talk);

}  // namespace purser::net
