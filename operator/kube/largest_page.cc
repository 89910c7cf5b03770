#include "kube/largest_page.h"

#include <simdjson.h>

#include <charconv>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "kube/reflector.h"

namespace purser::kube {
namespace {

// The number a text begins with: minor versions may end in a plus.
std::optional<int> Leading(std::string_view text) {
  int number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc()) return std::nullopt;
  return number;
}

}  // namespace

int LargestPage(std::string_view version) {
  simdjson::dom::parser parser;
  simdjson::dom::element document;
  std::string_view major_text;
  std::string_view minor_text;
  if (parser.parse(version.data(), version.size()).get(document) != simdjson::SUCCESS ||
      document["major"].get(major_text) != simdjson::SUCCESS ||
      document["minor"].get(minor_text) != simdjson::SUCCESS) {
    return kSmallPage;
  }
  const auto major = Leading(major_text);
  const auto minor = Leading(minor_text);
  if (!major || !minor) return kSmallPage;
  return *major > 1 || (*major == 1 && *minor >= 33) ? kPageLimit : kSmallPage;
}

std::function<int()> AskLargestPage(Client& client) {
  struct Answer {
    std::mutex mutex;
    std::optional<int> page;
  };
  return [&client, answer = std::make_shared<Answer>()] {
    const std::lock_guard lock(answer->mutex);
    if (!answer->page) {
      CallOptions options;
      options.timeout = std::chrono::seconds(5);
      options.wait_if_asked = false;
      const auto version = client.Get("/version", options);
      if (!version) return kSmallPage;
      answer->page = LargestPage(*version);
    }
    return *answer->page;
  };
}

}  // namespace purser::kube
