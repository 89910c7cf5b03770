// A cache of one resource type, kept current by list and watch, with indexes and change handlers.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/guarded.h"
#include "base/result.h"
#include "kube/announcer.h"
#include "kube/client.h"
#include "kube/object/object_meta.h"
#include "kube/reflector_runner.h"

namespace purser::kube {

// What went wrong, for logs and metrics: a request that will be retried, or an object that was left
// out.
using ProblemHandler = std::function<void(const Error&)>;

struct InformerOptions {
  ProblemHandler on_problem{};  // from the informer's threads
  // What decoding, a handler or an index function threw. From the informer's threads; null:
  // on_problem hears of it.
  ProblemHandler on_threw{};
  ReflectorOptions reflector{};
};

// An exception in what it is given concerns the one object: from decoding or an index function it
// leaves the object as it was cached; from a handler it has the change told once more, after a
// backoff, with the changes and bookmarks that follow.
//
// T has a member `ObjectMeta meta`. Thread-safe once started; AddHandler and AddIndex come
// before. What Get and the others return is shared and never changes.
template <typename T>
class Informer {
 public:
  using Pointer = std::shared_ptr<const T>;
  // Takes what it needs; the element is gone after the call. An Error leaves the object as it was
  // cached.
  using Decode = std::function<Result<T>(simdjson::dom::element)>;
  // Both, or one of them null: before = null for a new object, after = null for one that is gone.
  using Handler = typename Announcer<T>::Handler;
  using IndexFunction = std::function<std::vector<std::string>(const T&)>;

  // `namespaces` empty: all, by one watch; else a watch and a thread for each. `client` must
  // outlive it.
  Informer(Client& client, const ResourceType& type, std::vector<std::string> namespaces,
           Decode decode, InformerOptions options = {})
      : decode_(std::move(decode)),
        on_problem_(options.on_problem),
        on_threw_(options.on_threw ? options.on_threw : options.on_problem) {
    if (namespaces.empty()) namespaces.emplace_back();
    for (auto& ns : namespaces) {
      const std::string path = CollectionPath(type, ns);
      parts_.push_back(std::make_unique<Part>(*this, std::move(ns)));
      parts_.back()->runner =
          std::make_unique<ReflectorRunner>(client, path, *parts_.back(), options.reflector);
    }
  }
  ~Informer() { Stop(); }
  Informer(const Informer&) = delete;
  Informer& operator=(const Informer&) = delete;

  // Called in order, one at a time, after the cache holds the change, from the informer's threads.
  void AddHandler(Handler handler) { announcer_.Add(std::move(handler)); }

  // `function` may be called under the cache's lock: it computes from the object and does nothing
  // else.
  void AddIndex(std::string name, IndexFunction function) {
    indexes_.push_back({std::move(name), std::move(function), {}});
  }

  void Start() {
    for (auto& part : parts_) part->runner->Start();
  }
  // Ends the watches; no handler runs after it returned. The cache stays readable.
  void Stop() {
    for (auto& part : parts_) part->runner->Stop();
  }

  // Has the first list been taken in, handlers included? False when `timeout` or `stop` came first.
  bool WaitForSync(Duration timeout, std::stop_token stop) {
    std::unique_lock lock(sync_mutex_);
    sync_changed_.wait_for(lock, stop, timeout, [this] { return HasSynced(); });
    return HasSynced();
  }
  bool HasSynced() const { return synced_parts_.load() == parts_.size(); }

  // The failure being retried now, if any.
  std::optional<Error> Problem() const {
    for (const auto& part : parts_) {
      if (auto problem = part->runner->Problem()) return problem;
    }
    return std::nullopt;
  }

  Pointer Get(const ObjectKey& key) const {
    const std::shared_lock lock(mutex_);
    const auto found = entries_.find(key);
    return found == entries_.end() ? nullptr : found->current;
  }

  // `function(const Pointer&)` runs under the cache's lock for every object, in no order.
  template <typename Function>
  void ForEach(Function function) const {
    const std::shared_lock lock(mutex_);
    for (const auto& entry : entries_) function(entry.current);
  }

  std::size_t Size() const {
    const std::shared_lock lock(mutex_);
    return entries_.size();
  }

  std::vector<Pointer> ByIndex(std::string_view name, const std::string& value) const {
    const std::shared_lock lock(mutex_);
    for (const auto& index : indexes_) {
      if (index.name != name) continue;
      const auto found = index.values.find(value);
      return found == index.values.end() ? std::vector<Pointer>{} : found->second;
    }
    return {};
  }

  // Folds the answer of our own write into the cache at once. Handlers hear of it when the watch
  // brings it. Ignored when it is not newer than the cache, or cannot be compared.
  void Observe(T newer) {
    auto object = std::make_shared<const T>(std::move(newer));
    if (!HasIndexValues(*object)) return;
    const std::unique_lock lock(mutex_);
    const auto found = entries_.find(object->meta.key());
    if (found != entries_.end()) {
      if (IsNewer(object->meta.resource_version, found->current->meta.resource_version)) {
        Replace(*found, std::move(object));
      }
      return;
    }
    // An object the watch has already passed and which is not here was deleted meanwhile.
    const Part* part = PartOf(object->meta.ns);
    if (part == nullptr || !IsNewer(object->meta.resource_version, part->seen_version)) return;
    Insert(std::move(object), nullptr, part->round);
  }

 private:
  // The key lives in the object; the other members are not part of the set's order.
  struct Entry {
    mutable Pointer current;
    mutable Pointer announced;        // what handlers know; differs from current after Observe
    mutable std::uint64_t round = 0;  // of the list that last held it
  };
  struct EntryHash {
    using is_transparent = void;
    std::size_t operator()(const ObjectKey& key) const { return Hash(key.ns, key.name); }
    std::size_t operator()(const Entry& entry) const {
      return Hash(entry.current->meta.ns, entry.current->meta.name);
    }
    static std::size_t Hash(const std::string& ns, const std::string& name) {
      return std::hash<std::string>{}(ns)*31 + std::hash<std::string>{}(name);
    }
  };
  struct EntryEqual {
    using is_transparent = void;
    bool operator()(const Entry& entry, const ObjectKey& key) const {
      return entry.current->meta.name == key.name && entry.current->meta.ns == key.ns;
    }
    bool operator()(const ObjectKey& key, const Entry& entry) const { return (*this)(entry, key); }
    bool operator()(const Entry& left, const Entry& right) const {
      return left.current->meta.name == right.current->meta.name &&
             left.current->meta.ns == right.current->meta.ns;
    }
  };
  struct Index {
    std::string name;
    IndexFunction function;
    std::unordered_map<std::string, std::vector<Pointer>> values;
  };

  enum class From { kList, kWatch };

  // One namespace's (or all namespaces') reflector; its methods run on that reflector's thread.
  struct Part final : ReflectorSink {
    Part(Informer& informer, std::string ns_) : owner(informer), ns(std::move(ns_)) {}

    void ListStarted() override {
      const std::unique_lock lock(owner.mutex_);
      ++round;
    }
    void Listed(simdjson::dom::element object) override { Upsert(object, From::kList); }
    void ListFinished(const std::string& version) override {
      owner.RemoveUnlisted(*this, version);
      Passed(version);
      if (!synced) {
        synced = true;
        const std::lock_guard lock(owner.sync_mutex_);
        ++owner.synced_parts_;
        owner.sync_changed_.notify_all();
      }
    }
    void Upserted(simdjson::dom::element object) override { Upsert(object, From::kWatch); }
    void Deleted(simdjson::dom::element object) override {
      if (auto key = KeyOf(object)) owner.Remove(key->key, key->version);
    }
    void Passed(const std::string& version) override {
      {
        const std::unique_lock lock(owner.mutex_);
        seen_version = version;
      }
      owner.announcer_.AnnounceParked();
    }
    void Failed(const Error& error) override {
      if (owner.on_problem_) static_cast<void>(Guarded([&] { owner.on_problem_(error); }));
    }

    void Upsert(simdjson::dom::element object, From from) {
      bool threw = false;
      auto decoded = Guarded([&] { return owner.decode_(object); }, threw);
      if (decoded) {
        auto taken = std::make_shared<const T>(std::move(decoded).value());
        if (owner.HasIndexValues(*taken)) return owner.Accept(std::move(taken), round, from);
        owner.Keep(taken->meta.key(), round);
        return;
      }
      const auto key = KeyOf(object);
      auto problem =
          decoded.error().WithContext(key ? key->key.ToString() : std::string("an object"));
      if (threw) {
        owner.Threw(problem);
      } else {
        Failed(problem);
      }
      if (key) owner.Keep(key->key, round);
    }

    Informer& owner;
    std::string ns;
    std::uint64_t round = 0;   // of the current or last list
    std::string seen_version;  // newest version the stream has brought
    bool synced = false;
    std::unique_ptr<ReflectorRunner> runner;  // last: its thread uses the others
  };

  const Part* PartOf(const std::string& ns) const {
    for (const auto& part : parts_) {
      if (part->ns.empty() || part->ns == ns) return part.get();
    }
    return nullptr;
  }

  void Accept(Pointer object, std::uint64_t round, From from) {
    Pointer before;
    {
      const std::unique_lock lock(mutex_);
      const auto found = entries_.find(object->meta.key());
      if (found == entries_.end()) {
        Insert(object, object, round);
      } else {
        found->round = round;
        const auto& cached = found->current->meta.resource_version;
        if (object->meta.resource_version == cached) {
          if (found->announced == found->current) return;
          Replace(*found, object);  // the watch has the last word on what was observed
        } else if ((from == From::kWatch || found->announced != found->current) &&
                   IsNewer(cached, object->meta.resource_version)) {
          // Our own write was observed first, its event is still to come; or an event came late. A
          // list is believed: after a restore of etcd versions begin anew.
          return;
        } else {
          Replace(*found, object);
        }
        before = std::exchange(found->announced, object);
      }
    }
    announcer_.Announce(before, object);
  }

  void Keep(const ObjectKey& key, std::uint64_t round) {
    const std::unique_lock lock(mutex_);
    const auto found = entries_.find(key);
    if (found != entries_.end()) found->round = round;
  }

  void Remove(const ObjectKey& key, const std::string& version) {
    Pointer gone;
    {
      const std::unique_lock lock(mutex_);
      const auto found = entries_.find(key);
      if (found == entries_.end()) return;
      // Newer than the deletion: made anew, and observed before its event; or the event came late.
      if (IsNewer(found->current->meta.resource_version, version)) return;
      gone = Erase(found);
    }
    announcer_.Announce(gone, nullptr);
  }

  void RemoveUnlisted(const Part& part, const std::string& version) {
    std::vector<Pointer> gone;
    {
      const std::unique_lock lock(mutex_);
      for (auto entry = entries_.begin(); entry != entries_.end();) {
        const auto current = entry++;
        const auto& meta = current->current->meta;
        if (current->round == part.round || (!part.ns.empty() && meta.ns != part.ns)) continue;
        // Made after the list, and observed. What the server itself told of and does not list is
        // gone, whatever its version: after a restore of etcd versions begin anew.
        if (current->announced != current->current && IsNewer(meta.resource_version, version))
          continue;
        gone.push_back(Erase(current));
      }
    }
    for (const auto& object : gone) announcer_.Announce(object, nullptr);
  }

  void Threw(const Error& error) const {
    if (on_threw_) static_cast<void>(Guarded([&] { on_threw_(error); }));
  }

  // Asked before the cache changes: no index function throws while it does.
  bool HasIndexValues(const T& object) const {
    for (const auto& index : indexes_) {
      bool threw = false;
      const auto values = Guarded([&] { return index.function(object); }, threw);
      if (!threw) continue;
      Threw(values.error().WithContext("the index " + index.name + " of " +
                                       object.meta.key().ToString()));
      return false;
    }
    return true;
  }

  // The following run under mutex_.
  using Entries = std::unordered_set<Entry, EntryHash, EntryEqual>;

  void Insert(Pointer object, Pointer announced, std::uint64_t round) {
    for (auto& index : indexes_) AddTo(index, object);
    entries_.insert(Entry{std::move(object), std::move(announced), round});
  }
  void Replace(const Entry& entry, Pointer object) {
    for (auto& index : indexes_) {
      RemoveFrom(index, entry.current);
      AddTo(index, object);
    }
    entry.current = std::move(object);
  }
  Pointer Erase(typename Entries::iterator entry) {
    for (auto& index : indexes_) RemoveFrom(index, entry->current);
    Pointer gone = entry->announced ? entry->announced : entry->current;
    entries_.erase(entry);
    return gone;
  }
  static void AddTo(Index& index, const Pointer& object) {
    for (auto& value : index.function(*object)) index.values[std::move(value)].push_back(object);
  }
  static void RemoveFrom(Index& index, const Pointer& object) {
    for (const auto& value : index.function(*object)) {
      const auto found = index.values.find(value);
      if (found == index.values.end()) continue;
      auto& objects = found->second;
      for (auto& candidate : objects) {
        if (candidate != object) continue;
        std::swap(candidate, objects.back());
        objects.pop_back();
        break;
      }
      if (objects.empty()) index.values.erase(found);
    }
  }

  Decode decode_;
  ProblemHandler on_problem_;
  ProblemHandler on_threw_;
  Announcer<T> announcer_{[this](const Error& error) { Threw(error); }};

  mutable std::shared_mutex mutex_;
  Entries entries_;
  std::vector<Index> indexes_;

  std::mutex sync_mutex_;
  std::condition_variable_any sync_changed_;
  std::atomic<std::size_t> synced_parts_ = 0;

  std::vector<std::unique_ptr<Part>> parts_;  // last: their threads use the others
};

}  // namespace purser::kube
