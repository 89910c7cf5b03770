#include "plugin/dashboard.h"

#include <array>
#include <nlohmann/json.hpp>
#include <random>
#include <utility>

#include "base/pause.h"
#include "base/time_text.h"
#include "plugin/field.h"
#include "web/page.h"

namespace purser::plugin {
namespace {

using nlohmann::json;

constexpr std::chrono::milliseconds kLookEvery{2000};

// Neither is shown, and both are large.
void Shorten(json& objects) {
  for (auto& object : objects) {
    const auto metadata = object.find("metadata");
    if (metadata == object.end() || !metadata->is_object()) continue;
    metadata->erase("managedFields");
    const auto annotations = metadata->find("annotations");
    if (annotations != metadata->end() && annotations->is_object())
      annotations->erase("kubectl.kubernetes.io/last-applied-configuration");
  }
}

bool SameSecret(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
  return difference == 0;
}

}  // namespace

LiveState::LiveState(Session session) : session_(std::move(session)) {}

LiveState::~LiveState() = default;

Result<std::unique_ptr<LiveState>> LiveState::Start(Session session) {
  std::unique_ptr<LiveState> state(new LiveState(std::move(session)));
  if (const auto looked = state->Look(); !looked.ok()) return looked.error();
  state->thread_ =
      std::jthread([raw = state.get()](const std::stop_token& stop) { raw->Run(stop); });
  return state;
}

void LiveState::Run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    Pause(kLookEvery, stop);
    if (stop.stop_requested()) return;
    const auto looked = Look();
    if (looked.ok()) continue;
    // What was seen last stays, with what is wrong beside it.
    const std::lock_guard lock(mutex_);
    if (problem_ == looked.error().message()) continue;
    problem_ = looked.error().message();
    auto shown = json::parse(*body_);
    shown["version"] = std::to_string(++version_);
    shown["problem"] = "nothing new is seen: " + problem_;
    body_ = std::make_shared<const std::string>(shown.dump());
    objects_.clear();
  }
}

Status LiveState::Look() {
  json objects = json::object();
  const std::array<std::pair<const char*, const kube::ResourceType*>, 4> kinds = {
      {{"budgets", &Budgets()},
       {"pools", &Pools()},
       {"overrides", &Overrides()},
       {"corrections", &Corrections()}}};
  for (const auto& [name, type] : kinds) {
    auto listed = session_.List(*type);
    if (!listed) return listed.error();
    Shorten(*listed);
    objects[name] = std::move(*listed);
  }
  auto text = objects.dump(-1, ' ', false, json::error_handler_t::replace);
  const std::lock_guard lock(mutex_);
  problem_.clear();
  if (text == objects_) return Ok();
  objects_ = std::move(text);
  objects["version"] = std::to_string(++version_);
  objects["at"] = FormatUtc(SystemClock().Now());
  objects["namespace"] = session_.ns();
  objects["problem"] = "";
  body_ = std::make_shared<const std::string>(
      objects.dump(-1, ' ', false, json::error_handler_t::replace));
  return Ok();
}

LiveState::Snapshot LiveState::Latest() const {
  const std::lock_guard lock(mutex_);
  return {std::to_string(version_), body_};
}

PageHandler MakePageHandler(const LiveState& state, std::string secret) {
  return [&state, secret = std::move(secret)](std::string_view path) -> PageAnswer {
    const PageAnswer unknown{404, "text/plain; charset=utf-8", "not found\n"};
    if (!path.starts_with('/')) return unknown;
    path.remove_prefix(1);
    const auto slash = path.find('/');
    if (slash == std::string_view::npos || !SameSecret(path.substr(0, slash), secret))
      return unknown;
    path.remove_prefix(slash + 1);
    if (path.empty()) return {200, "text/html; charset=utf-8", web::kPage};
    constexpr std::string_view kState = "state/";
    if (!path.starts_with(kState)) return unknown;
    const auto latest = state.Latest();
    if (path.substr(kState.size()) == latest.version) return {204, "application/json", ""};
    return {200, "application/json", *latest.body};
  };
}

std::string NewSecret() {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::random_device device;
  std::string secret;
  for (int i = 0; i < 32; ++i) secret += kDigits[device() % kDigits.size()];
  return secret;
}

}  // namespace purser::plugin
