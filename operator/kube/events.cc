#include "kube/events.h"

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <thread>
#include <unordered_map>
#include <utility>

#include "base/time_text.h"
#include "base/utf8.h"

namespace purser::kube {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::size_t kMaxNote = 1024;
constexpr std::size_t kMaxWord = 128;
constexpr std::size_t kMaxObjectName = 253;
constexpr std::size_t kMaxSeries = 2048;
constexpr Duration kRequestTimeout{5000};
constexpr auto kFarewell = std::chrono::milliseconds(500);
constexpr const char* kController = "purser.dev/operator";

const ResourceType& EventResource() {
  static const ResourceType type{"events.k8s.io", "v1", "events", "Event"};
  return type;
}

std::string NamespaceOf(const ObjectReference& regarding) {
  return regarding.ns.empty() ? "default"
                              : regarding.ns;  // that of cluster-scoped objects, by convention
}

std::string Dump(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

class ApiEventRecorder::Implementation {
 public:
  Implementation(Client& client, Clock& clock, EventOptions options)
      : client_(client),
        clock_(clock),
        options_(std::move(options)),
        random_(std::random_device{}()) {
    options_.instance =
        std::string(CutUtf8(options_.instance.empty() ? "purser" : options_.instance, kMaxWord));
    thread_ = std::thread([this] { Run(); });
  }

  ~Implementation() {
    {
      std::unique_lock lock(mutex_);
      ending_ = true;
      changed_.notify_all();
      changed_.wait_for(lock, kFarewell, [this] { return done_; });
    }
    stop_.request_stop();
    thread_.join();
  }

  void Record(const ObjectReference& regarding, EventType type, std::string_view reason,
              std::string_view action, std::string_view note) {
    Occurrence occurrence{regarding,
                          type,
                          std::string(CutUtf8(reason, kMaxWord)),
                          std::string(CutUtf8(action, kMaxWord)),
                          std::string(CutUtf8(note, kMaxNote)),
                          clock_.Now(),
                          Steady::now() + options_.posted_after};
    {
      const std::lock_guard lock(mutex_);
      if (!ending_ && queue_.size() < options_.queue_limit) {
        queue_.push_back(std::move(occurrence));
        changed_.notify_all();
        return;
      }
    }
    Dropped();
  }

 private:
  struct Occurrence {
    ObjectReference regarding;
    EventType type;
    std::string reason;
    std::string action;
    std::string note;
    Timestamp time;
    Steady::time_point post_at;  // not before
  };
  struct Series {
    std::string path;  // of the Event
    std::int64_t count = 1;
    Timestamp last;
    bool written = true;          // does the API server know count and last?
    Steady::time_point patch_at;  // not before
  };

  void Run() {
    while (true) {
      std::optional<Occurrence> next;
      {
        std::unique_lock lock(mutex_);
        const auto ready = [this] { return !queue_.empty() || ending_; };
        if (const auto due = NextPatch()) {
          changed_.wait_until(lock, *due, ready);
        } else {
          changed_.wait(lock, ready);
        }
        if (!queue_.empty()) {
          changed_.wait_until(lock, queue_.front().post_at, [this] { return ending_; });
          next = std::move(queue_.front());
          queue_.pop_front();
        } else if (ending_) {
          break;
        }
      }
      if (next) Take(*next);
      PatchDue(Steady::now());
    }
    PatchDue(Steady::time_point::max());
    const std::lock_guard lock(mutex_);
    done_ = true;
    changed_.notify_all();
  }

  static std::string KeyOf(const Occurrence& occurrence) {
    const auto& object = occurrence.regarding;
    std::string key;
    for (const auto* part :
         {&object.api_version, &object.kind, &object.ns, &object.name, &object.uid,
          &occurrence.reason, &occurrence.action, &occurrence.note}) {
      key += *part;
      key += '\0';
    }
    return key + (occurrence.type == EventType::kWarning ? 'W' : 'N');
  }

  void Take(const Occurrence& occurrence) {
    const std::string key = KeyOf(occurrence);
    const auto found = series_.find(key);
    if (found != series_.end() &&
        occurrence.time - found->second.last < options_.series_ends_after) {
      Series& series = found->second;
      ++series.count;
      series.last = occurrence.time;
      if (series.written) unwritten_ += 1;
      series.written = false;
      return;
    }
    if (found != series_.end()) Erase(found);
    if (series_.size() >= kMaxSeries) MakeRoom(occurrence.time);
    Create(key, occurrence);
  }

  void Create(const std::string& key, const Occurrence& occurrence) {
    const auto& object = occurrence.regarding;
    char suffix[20];
    std::snprintf(suffix, sizeof(suffix), ".%016llx", static_cast<unsigned long long>(random_()));
    const std::string name = object.name.substr(0, kMaxObjectName - 17) + suffix;
    const std::string ns = NamespaceOf(object);
    const nlohmann::ordered_json event{
        {"apiVersion", "events.k8s.io/v1"},
        {"kind", "Event"},
        {"metadata", {{"name", name}, {"namespace", ns}}},
        {"eventTime", FormatUtcMicros(occurrence.time)},
        {"reportingController", kController},
        {"reportingInstance", options_.instance},
        {"action", occurrence.action},
        {"reason", occurrence.reason},
        {"regarding",
         {{"apiVersion", object.api_version},
          {"kind", object.kind},
          {"namespace", object.ns},
          {"name", object.name},
          {"uid", object.uid}}},
        {"note", occurrence.note},
        {"type", occurrence.type == EventType::kWarning ? "Warning" : "Normal"}};
    const auto answer = client_.Create(CollectionPath(EventResource(), ns), Dump(event),
                                       {kRequestTimeout, stop_.get_token()});
    if (!answer) {
      Dropped();
      return;
    }
    series_[key] = {ObjectPath(EventResource(), {ns, name}), 1, occurrence.time, true,
                    Steady::now() + options_.series_interval};
  }

  void PatchDue(Steady::time_point now) {
    if (unwritten_ == 0) return;
    for (auto entry = series_.begin(); entry != series_.end();) {
      const auto current = entry++;
      Series& series = current->second;
      if (series.written || series.patch_at > now) continue;
      const nlohmann::ordered_json patch{
          {"series",
           {{"count", series.count}, {"lastObservedTime", FormatUtcMicros(series.last)}}}};
      const auto answer =
          client_.MergePatch(series.path, Dump(patch), {}, {kRequestTimeout, stop_.get_token()});
      if (!answer) {
        // Gone, perhaps: the next one begins a new Event.
        Dropped();
        Erase(current);
        continue;
      }
      series.written = true;
      --unwritten_;
      series.patch_at = Steady::now() + options_.series_interval;
    }
  }

  std::optional<Steady::time_point> NextPatch() const {
    if (unwritten_ == 0) return std::nullopt;
    std::optional<Steady::time_point> next;
    for (const auto& [key, series] : series_) {
      if (!series.written && (!next || series.patch_at < *next)) next = series.patch_at;
    }
    return next;
  }

  // Series that ended; if none has, the one longest ago.
  void MakeRoom(Timestamp now) {
    auto oldest = series_.begin();
    for (auto entry = series_.begin(); entry != series_.end();) {
      const auto current = entry++;
      if (current->second.last < oldest->second.last) oldest = current;
      if (current != oldest && now - current->second.last >= options_.series_ends_after)
        Erase(current);
    }
    Erase(oldest);
  }

  using SeriesByKey = std::unordered_map<std::string, Series>;
  void Erase(SeriesByKey::iterator entry) {
    if (!entry->second.written) --unwritten_;
    series_.erase(entry);
  }

  void Dropped() const {
    if (options_.on_dropped) options_.on_dropped();
  }

  Client& client_;
  Clock& clock_;
  EventOptions options_;

  // Of the thread alone.
  std::mt19937_64 random_;
  SeriesByKey series_;
  std::size_t unwritten_ = 0;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Occurrence> queue_;
  bool ending_ = false;
  bool done_ = false;
  std::stop_source stop_;
  std::thread thread_;
};

ApiEventRecorder::ApiEventRecorder(Client& client, Clock& clock, EventOptions options)
    : implementation_(std::make_unique<Implementation>(client, clock, std::move(options))) {}
ApiEventRecorder::~ApiEventRecorder() = default;
void ApiEventRecorder::Record(const ObjectReference& regarding, EventType type,
                              std::string_view reason, std::string_view action,
                              std::string_view note) {
  implementation_->Record(regarding, type, reason, action, note);
}

}  // namespace purser::kube
