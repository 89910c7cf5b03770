// Lets nobody see the operator's pages but who may: a bearer token that the API server knows, and
// the right to get the page's path. Health is open. What was found out is remembered for a while.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "kube/client.h"
#include "net/server/http_server.h"

namespace purser::app {

// Thread-safe. Questions are asked one after the other on a thread of its own.
class PageGate {
 public:
  static constexpr Duration kAllowedFor = std::chrono::minutes(1);
  static constexpr Duration kRefusedFor = std::chrono::seconds(10);
  // More who wait at once are sent away (503): tokens cost the API server two questions each.
  static constexpr std::size_t kMostWaiting = 16;
  static constexpr std::size_t kMostRemembered = 256;
  static constexpr Duration kTimeout = std::chrono::seconds(5);

  PageGate(kube::Client& client, Clock& clock);
  ~PageGate();
  PageGate(const PageGate&) = delete;
  PageGate& operator=(const PageGate&) = delete;

  // For HttpServer::Start. Nothing: let in.
  void Ask(const net::ServerRequest& request, net::HttpServer::GateAnswer answer);

 private:
  using Verdict = std::optional<net::ServerResponse>;
  struct Question {
    std::string token;
    std::string path;
    net::HttpServer::GateAnswer answer;
  };
  struct Known {
    Verdict verdict;
    Timestamp until;
  };
  using Key = std::pair<std::string, std::string>;  // the token's SHA-256, and the path

  void Work(const std::stop_token& stop);
  Verdict Review(const std::string& token, const std::string& path, const std::stop_token& stop);
  const Verdict* Find(const Key& key);
  void Remember(const Key& key, const Verdict& verdict);

  kube::Client& client_;
  Clock& clock_;
  std::mutex mutex_;
  std::condition_variable_any came_;
  std::deque<Question> questions_;
  std::map<Key, Known> known_;
  std::jthread thread_;  // last: it uses all of the others
};

}  // namespace purser::app
