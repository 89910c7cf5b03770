// Finds out who asks and what he may: ServiceAccount tokens by TokenReview (audience "purser"),
// rights by SubjectAccessReview, static tokens by a file. What was found out is remembered for a
// while, by the token's hash; tokens are not kept.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "api/bearer_tokens.h"
#include "base/clock.h"
#include "base/result.h"
#include "http/caller.h"
#include "kube/client.h"

namespace purser::http {

inline constexpr const char* kAudience = "purser";
// Of the virtual resources that Roles name.
inline constexpr const char* kGroup = "purser.dev";

// Thread-safe. Questions are asked on threads of its own; what is known is answered at once.
class Authenticator {
 public:
  // A token counts until it expires, and is asked about again this often: one that was revoked
  // ends.
  static constexpr Duration kKnownFor = std::chrono::minutes(5);
  static constexpr Duration kAllowedFor = std::chrono::minutes(1);
  static constexpr Duration kRefusedFor = std::chrono::seconds(10);
  static constexpr Duration kStaticFor = std::chrono::seconds(10);
  static constexpr Duration kTimeout = std::chrono::seconds(5);
  static constexpr std::size_t kMostRemembered = 20'000;
  // More questions that wait at once are answered kResourceExhausted.
  static constexpr std::size_t kMostWaiting = 512;
  static constexpr std::size_t kThreads = 2;

  // `tokens_file` "": no static tokens. It is read again when it changes.
  Authenticator(kube::Client& client, Clock& clock, std::string tokens_file);
  ~Authenticator();
  Authenticator(const Authenticator&) = delete;
  Authenticator& operator=(const Authenticator&) = delete;

  // Who sends this Authorization header. Errors: kUnauthenticated, kUnavailable (nobody says),
  // kResourceExhausted. A caller may outlive the authenticator, and has no rights then.
  using Done = std::function<void(Result<std::shared_ptr<const Caller>>)>;
  void Identify(const std::string& authorization, Done done);

 private:
  class Core;
  std::shared_ptr<Core> core_;
  std::vector<std::jthread> threads_;
};

}  // namespace purser::http
