#include "kube/reflector_runner.h"

#include <algorithm>
#include <mutex>
#include <random>
#include <thread>
#include <utility>

#include "base/guarded.h"
#include "base/pause.h"

namespace purser::kube {
namespace {

namespace dom = simdjson::dom;

constexpr Duration kListTimeout{60'000};
constexpr int kShortestWatchSeconds =
    300;  // and up to twice that, so that not all watches end together
// API servers send a bookmark about every minute: a watch silent for longer is dead, whatever TCP
// believes.
constexpr Duration kLongestSilence{150'000};
// A watch that ended by itself after so long was a good one, however quiet; one that broke off was
// if that is longer than waiting for an answer takes.
constexpr std::chrono::seconds kHeldEnded{1};
constexpr std::chrono::seconds kHeldBroken{40};
constexpr std::size_t kKeptParserBytes = 1 << 20;

bool IsDecimal(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

std::string Text(dom::element object, std::string_view pointer) {
  std::string_view text;
  return object.at_pointer(pointer).get(text) == simdjson::SUCCESS ? std::string(text)
                                                                   : std::string();
}

}  // namespace

std::optional<KeyAndVersion> KeyOf(dom::element object) {
  KeyAndVersion found{{Text(object, "/metadata/namespace"), Text(object, "/metadata/name")},
                      Text(object, "/metadata/resourceVersion")};
  if (found.key.name.empty()) return std::nullopt;
  return found;
}

bool IsNewer(std::string_view left, std::string_view right) {
  if (!IsDecimal(left)) return false;
  if (right.empty()) return true;
  if (!IsDecimal(right)) return false;
  const auto strip = [](std::string_view text) {
    text.remove_prefix(std::min(text.find_first_not_of('0'), text.size()));
    return text;
  };
  left = strip(left);
  right = strip(right);
  return left.size() != right.size() ? left.size() > right.size() : left > right;
}

class ReflectorRunner::Implementation {
 public:
  Implementation(Client& client, std::string path, ReflectorSink& sink, ReflectorOptions options)
      : client_(client),
        path_(std::move(path)),
        sink_(sink),
        options_(std::move(options)),
        random_(std::random_device{}()) {
    state_.page_limit = options_.page_limit;
  }

  void Start() {
    thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
  }

  void Stop() {
    if (!thread_.joinable()) return;
    thread_.request_stop();
    thread_.join();
  }

  std::optional<Error> Problem() const {
    const std::lock_guard lock(mutex_);
    return problem_;
  }

 private:
  void Run(const std::stop_token& stop) {
    LimitPages();
    ReflectorEffect effect = Take(Started{});
    while (!stop.stop_requested()) {
      const auto carried = Guarded([&]() -> Result<ReflectorEffect> {
        const auto input = std::visit([&](const auto& what) { return Carry(what, stop); }, effect);
        if (stop.stop_requested()) return effect;
        return Take(input);
      });
      effect = carried ? *carried : StartAnew(carried.error());
    }
  }

  void LimitPages() {
    if (options_.largest_page)
      state_.page_limit = std::min(options_.page_limit, options_.largest_page());
  }

  // After an exception nothing is known of where we stood.
  ReflectorEffect StartAnew(const Error& error) {
    state_ = ReflectorState{};
    state_.page_limit = options_.page_limit;
    LimitPages();
    state_.failures = 5;  // not at once: it may well happen again
    return Take(RequestFailed{error});
  }

  // One step; tells the cache when a list is complete.
  ReflectorEffect Take(const ReflectorInput& input) {
    const std::chrono::seconds timeout(std::uniform_int_distribution<int>(
        kShortestWatchSeconds, 2 * kShortestWatchSeconds)(random_));
    auto step = Step(std::move(state_), input, timeout);
    state_ = std::move(step.state);
    if (step.list_finished) {
      DropLargeParser();
      broke_off_ = false;
      SetProblem(std::nullopt);  // first: who waits for the list finds no problem
      sink_.ListFinished(state_.resource_version);
    }
    return std::move(step.effect);
  }

  // One large object must not keep its room for as long as a watch lasts.
  void DropLargeParser() {
    if (parser_.capacity() > kKeptParserBytes) parser_ = dom::parser();
  }

  // With what narrows it down.
  Query Narrowed(Query query) const {
    if (!options_.label_selector.empty())
      query.emplace_back("labelSelector", options_.label_selector);
    return query;
  }

  CallOptions CallFor(Duration timeout, const std::stop_token& stop) const {
    CallOptions call;
    call.timeout = timeout;
    call.stop = stop;
    call.without_managed_fields = options_.without_managed_fields;
    return call;
  }

  ReflectorInput Carry(const SendList& list, const std::stop_token& stop) {
    if (list.first_page) sink_.ListStarted();
    const auto around = client_.List(
        path_, Narrowed(list.query),
        [this](std::string_view item) -> Status {
          dom::element object;
          if (parser_.parse(item.data(), item.size()).get(object) != simdjson::SUCCESS)
            return Error(ErrorCode::kCorrupt, "an item is not JSON");
          sink_.Listed(object);
          return Ok();
        },
        CallFor(kListTimeout, stop));
    if (!around) return RequestFailed{around.error()};
    dom::element page;
    if (parser_.parse(*around).get(page) != simdjson::SUCCESS ||
        !(page["items"].is_array() || page["items"].is_null())) {  // a list of none may be null
      return RequestFailed{
          Error(ErrorCode::kCorrupt, "list " + path_ + ": the answer is not a list in JSON")};
    }
    return PageReceived{Text(page, "/metadata/resourceVersion"), Text(page, "/metadata/continue")};
  }

  // Whether the versions of the API server went back behind what was seen, as after a restore of
  // etcd: it lets a watch from a version to come wait in silence. Asked after a watch broke off,
  // for a server does not live through that.
  std::optional<ReflectorInput> WentBack(const std::stop_token& stop) {
    const auto around = client_.List(
        path_, {{"limit", "1"}}, [](std::string_view) { return Ok(); },
        CallFor(kListTimeout, stop));
    if (!around) return RequestFailed{around.error()};
    dom::element page;
    if (parser_.parse(*around).get(page) != simdjson::SUCCESS) return std::nullopt;
    broke_off_ = false;
    if (!IsNewer(state_.resource_version, Text(page, "/metadata/resourceVersion")))
      return std::nullopt;
    return RequestFailed{Error(ErrorCode::kExpired, "the versions of the API server went back")};
  }

  ReflectorInput Carry(const SendWatch& watch, const std::stop_token& stop) {
    if (broke_off_) {
      if (auto problem = WentBack(stop)) return *problem;
    }
    // Set when an ERROR event ends the watch.
    std::optional<ReflectorInput> error;
    bool saw_events = false;
    const auto began = std::chrono::steady_clock::now();
    const auto ended = client_.Watch(
        path_, Narrowed(watch.query),
        [&](std::string_view line) {
          error = TakeEvent(line);
          saw_events = true;
          return !error && !stop.stop_requested();
        },
        CallFor(kLongestSilence, stop));
    DropLargeParser();
    broke_off_ = !ended;
    const bool held =
        std::chrono::steady_clock::now() - began >= (ended ? kHeldEnded : kHeldBroken);
    if (error) {
      if (auto* told = std::get_if<ErrorReceived>(&*error)) told->held = held;
      return *error;
    }
    if (!ended && !saw_events && !held) return RequestFailed{ended.error()};
    if (held && problem_set_) SetProblem(std::nullopt);
    return WatchEnded{saw_events, !ended.ok(), held};
  }

  ReflectorInput Carry(const Wait& wait, const std::stop_token& stop) {
    SetProblem(wait.reason);
    sink_.Failed(wait.reason);
    const double factor = 1 + std::uniform_real_distribution<double>(0, 0.5)(random_);
    const auto duration = std::chrono::duration_cast<Duration>(wait.duration * factor);
    if (Pause(duration, stop)) LimitPages();
    return WaitElapsed{};
  }

  ReflectorInput Carry(const Continue&, const std::stop_token&) { return WaitElapsed{}; }

  // What ends the watch, if the event does.
  std::optional<ReflectorInput> TakeEvent(std::string_view line) {
    dom::element event;
    dom::element object;
    std::string_view type;
    if (parser_.parse(line.data(), line.size()).get(event) != simdjson::SUCCESS ||
        event["type"].get(type) != simdjson::SUCCESS ||
        event["object"].get(object) != simdjson::SUCCESS) {
      // What it told is lost; only a new list brings it back.
      return ErrorReceived{410, "an event that is not JSON of the expected form"};
    }
    if (type == "ERROR") {
      std::int64_t code = 0;
      if (object["code"].get(code) != simdjson::SUCCESS) code = 0;
      return ErrorReceived{static_cast<int>(code), Text(object, "/message")};
    }
    const std::string version = Text(object, "/metadata/resourceVersion");
    if (type == "ADDED" || type == "MODIFIED") {
      sink_.Upserted(object);
    } else if (type == "DELETED") {
      sink_.Deleted(object);
    }
    if (problem_set_) SetProblem(std::nullopt);
    auto step = Step(std::move(state_), EventReceived{version}, std::chrono::seconds(0));
    state_ = std::move(step.state);
    sink_.Passed(state_.resource_version);
    return std::nullopt;
  }

  void SetProblem(std::optional<Error> problem) {
    problem_set_ = problem.has_value();
    const std::lock_guard lock(mutex_);
    problem_ = std::move(problem);
  }

  Client& client_;
  const std::string path_;
  ReflectorSink& sink_;
  const ReflectorOptions options_;
  std::minstd_rand random_;
  ReflectorState state_;
  dom::parser parser_;  // of one object
  bool problem_set_ = false;
  bool broke_off_ = false;  // the last watch
  mutable std::mutex mutex_;
  std::optional<Error> problem_;
  std::jthread thread_;  // last: it uses the others
};

ReflectorRunner::ReflectorRunner(Client& client, std::string path, ReflectorSink& sink,
                                 ReflectorOptions options)
    : implementation_(
          std::make_unique<Implementation>(client, std::move(path), sink, std::move(options))) {}
ReflectorRunner::~ReflectorRunner() { Stop(); }
void ReflectorRunner::Start() { implementation_->Start(); }
void ReflectorRunner::Stop() { implementation_->Stop(); }
std::optional<Error> ReflectorRunner::Problem() const { return implementation_->Problem(); }

}  // namespace purser::kube
