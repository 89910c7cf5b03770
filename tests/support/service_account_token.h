// A service account's token signed with the cluster's own key: one that ends sooner than the ten
// minutes that the API server would give.
#pragma once

#include <chrono>
#include <string>

namespace purser::support {

struct TokenSubject {
  std::string ns;
  std::string name;
  std::string uid;
};

// `key_file`: the PEM of the API server's signing key, P-256. `lifetime`: how long it is accepted
// from now on, at most 10 min. Throws std::runtime_error.
std::string SignToken(const std::string& key_file, const TokenSubject& subject,
                      std::chrono::seconds lifetime);

}  // namespace purser::support
