#include "controllers/kind_watches.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "base/guarded.h"
#include "kube/discovery.h"
#include "workloads/kinds.h"
#include "workloads/scale_actuator.h"

namespace purser::controllers {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLookAtSync{100};
constexpr std::chrono::seconds kLookAtProblem{1};
constexpr std::chrono::seconds kFirstLookAgain{2};
constexpr std::chrono::seconds kLongestLookAgain{30};

std::vector<std::string> SavedPoolOf(const workloads::Workload& workload) {
  const auto saved = workloads::SavedOn(workload);
  if (!saved) return {};
  return {workload.meta.ns + "/" + saved->pool};
}

std::vector<std::string> OwnerOf(const workloads::Workload& workload) {
  if (!workload.details || workload.details->owner_uid.empty()) return {};
  return {workload.details->owner_uid};
}

bool Selectable(const workloads::Kind& kind) {
  const auto& kinds = api::SelectableKinds();
  return std::find(kinds.begin(), kinds.end(), kind.id()) != kinds.end();
}

std::string KindText(const api::WorkloadRef& kind) { return kind.api_version + " " + kind.kind; }

bool OfField(const api::WorkloadRef& kind) { return kind.toggle && kind.toggle->stopped.empty(); }

// How to let the operator read and write a kind.
std::string GrantOf(const kube::ResourceType& type) {
  const std::string group = type.group.empty() ? "\"\"" : type.group;
  return "let the operator do so: chart value rbac.extraKinds: [{group: " + group +
         ", resource: " + type.plural + "}], or the rule {apiGroups: [" + group +
         "], resources: [" + type.plural + ", " + type.plural +
         "/scale], verbs: [get, list, watch, patch]} for its account";
}

}  // namespace

api::WorkloadRef KindOf(api::WorkloadRef reference) {
  reference.name.clear();
  return reference;
}

std::string NameOf(const api::WorkloadRef& reference) {
  return workloads::KindId(reference.api_version, reference.kind) + " " + reference.name;
}

const api::WorkloadRef& JobsKind() {
  static const api::WorkloadRef kind{"batch/v1", "Job", ""};
  return kind;
}
const api::WorkloadRef& CronJobsKind() {
  static const api::WorkloadRef kind{"batch/v1", "CronJob", ""};
  return kind;
}

api::WorkloadRef FieldKindOf(const api::FieldTarget& target) {
  return {target.api_version, target.kind, "", api::SwitchSpec{target.path, ""}};
}
bool IsFieldKind(const workloads::Kind& kind) {
  return !kind.toggle().path.empty() && kind.toggle().stopped.empty();
}

KindWatches::KindWatches(kube::Client& client, std::vector<std::string> namespaces,
                         MakeOptions options)
    : client_(client), namespaces_(std::move(namespaces)), options_(std::move(options)) {
  deployments_ = Watch(workloads::DeploymentKind());
  stateful_sets_ = Watch(workloads::StatefulSetKind());
}

KindWatches::~KindWatches() { Stop(); }

KindWatchPointer KindWatches::Watch(const workloads::KindPointer& kind) {
  auto options = options_(kind->type().plural);
  options.on_problem = [this, told = options.on_problem](const Error& error) {
    if (told) told(error);
    Wake();
  };
  auto watch = std::shared_ptr<KindWatch>(
      new KindWatch{kind,
                    {client_, kind->type(), namespaces_,
                     [kind](simdjson::dom::element object) { return kind->Decode(object); },
                     std::move(options)}});
  watch->informer.AddIndex(kWorkloadsByPool, SavedPoolOf);
  if (!kind->built_in() || kind->type().group != "apps")
    watch->informer.AddIndex(kWorkloadsByOwner, OwnerOf);
  if (Selectable(*kind)) {
    watch->informer.AddIndex(kLabelledWorkloads, [](const workloads::Workload& workload) {
      return workload.labels.empty() ? std::vector<std::string>() : std::vector{workload.meta.ns};
    });
  }
  if (kind->id() == "CronJob") {
    watch->informer.AddIndex(kWorkloadsByUid, [](const workloads::Workload& workload) {
      return std::vector{workload.meta.uid};
    });
  }
  watch->informer.AddHandler([this, kind](const auto& before, const auto& after) {
    for (const auto& handler : handlers_) handler(*kind, before, after);
  });
  return watch;
}

void KindWatches::AddHandler(Handler handler) { handlers_.push_back(std::move(handler)); }
void KindWatches::SetOnSight(OnSight on_sight) { on_sight_ = std::move(on_sight); }

void KindWatches::Start() {
  deployments_->informer.Start();
  stateful_sets_->informer.Start();
  thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

void KindWatches::Stop() {
  if (thread_.joinable()) {
    thread_.request_stop();
    thread_.join();
  }
  for (const auto& watch : All()) watch->informer.Stop();
  std::vector<KindWatchPointer> unsynced;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [kind, entry] : entries_) {
      if (entry.watch) unsynced.push_back(entry.watch);
    }
  }
  for (const auto& watch : unsynced) watch->informer.Stop();
}

void KindWatches::Name(const kube::ObjectKey& pool, const std::set<api::WorkloadRef>& kinds) {
  const std::lock_guard lock(mutex_);
  const auto before = named_.find(pool);
  if (before == named_.end() ? kinds.empty() : before->second == kinds) return;
  if (before != named_.end()) {
    for (const auto& kind : before->second) {
      if (!kinds.contains(kind)) entries_[kind].pools.erase(pool);
    }
  }
  for (const auto& kind : kinds) entries_[kind].pools.insert(pool);
  if (kinds.empty()) {
    named_.erase(pool);
  } else {
    named_[pool] = kinds;
  }
  dirty_ = true;
  changed_.notify_all();
}

KindWatches::Sight KindWatches::Of(const api::WorkloadRef& reference) const {
  if (reference.api_version == "apps/v1" && !reference.toggle) {
    if (reference.kind == "Deployment") return {deployments_, {}};
    if (reference.kind == "StatefulSet") return {stateful_sets_, {}};
  }
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(KindOf(reference));
  if (found == entries_.end()) return {};
  const auto& entry = found->second;
  Sight sight{nullptr, ProblemOf(entry)};
  if (entry.watch && entry.watch->informer.HasSynced()) sight.watch = entry.watch;
  return sight;
}

std::vector<KindWatchPointer> KindWatches::All() const {
  std::vector<KindWatchPointer> all = {deployments_, stateful_sets_};
  const std::lock_guard lock(mutex_);
  for (const auto& [kind, entry] : entries_) {
    if (entry.watch && !OfField(kind) && entry.watch->informer.HasSynced())
      all.push_back(entry.watch);
  }
  return all;
}

KindProblem KindWatches::ProblemOf(const Entry& entry) const {
  if (!entry.watch) return entry.problem;
  const auto problem = entry.watch->informer.Problem();
  if (!problem) return {};
  const auto& type = entry.watch->kind->type();
  const std::string text = type.ApiVersion() + " " + type.kind + ": " + problem->message();
  if (problem->code() == ErrorCode::kPermissionDenied)
    return {"KindNotGranted", text + "; " + GrantOf(type)};
  // A watch that ends now and then is no problem of what is listed already.
  if (entry.watch->informer.HasSynced()) return {};
  return {"KindNotListed", text + "; tried again with backoff"};
}

void KindWatches::Wake() {
  const std::lock_guard lock(mutex_);
  dirty_ = true;
  changed_.notify_all();
}

void KindWatches::Run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::optional<SteadyClock::time_point> next;
    bool threw = false;
    const auto stepped = Guarded(
        [&]() -> Status {
          next = Step(stop);
          return Ok();
        },
        threw);
    if (threw) {
      spdlog::error("kinds of workloads: {}", stepped.error().message());
      next = SteadyClock::now() + kLongestLookAgain;
    }
    std::unique_lock lock(mutex_);
    const auto woken = [this] { return dirty_; };
    if (next) {
      changed_.wait_until(lock, stop, *next, woken);
    } else {
      changed_.wait(lock, stop, woken);
    }
  }
}

std::optional<SteadyClock::time_point> KindWatches::Step(const std::stop_token& stop) {
  EndUnnamed();
  std::vector<api::WorkloadRef> wanted;
  {
    const std::lock_guard lock(mutex_);
    dirty_ = false;
    for (auto& [kind, entry] : entries_) {
      // Its definition may be gone: it is looked for anew.
      if (entry.watch) {
        const auto problem = entry.watch->informer.Problem();
        if (!problem || problem->code() != ErrorCode::kNotFound) continue;
      }
      if (entry.next_look <= SteadyClock::now()) wanted.push_back(kind);
    }
  }
  for (const auto& kind : wanted) {
    if (stop.stop_requested()) break;
    LookFor(kind, stop);
  }
  return TellSights();
}

void KindWatches::EndUnnamed() {
  std::vector<KindWatchPointer> ended;
  {
    const std::lock_guard lock(mutex_);
    for (auto entry = entries_.begin(); entry != entries_.end();) {
      if (!entry->second.pools.empty()) {
        ++entry;
        continue;
      }
      if (entry->second.watch) ended.push_back(std::move(entry->second.watch));
      entry = entries_.erase(entry);
    }
  }
  for (const auto& watch : ended) {
    watch->informer.Stop();
    spdlog::info("kind={} no pool names it any more: not watched", watch->kind->id());
  }
}

void KindWatches::LookFor(const api::WorkloadRef& kind, const std::stop_token& stop) {
  kube::Client client = client_.Until(stop);
  workloads::KindPointer found;
  KindProblem problem;
  const auto served = kube::Discover(client, kind.api_version, kind.kind);
  if (!served) {
    problem = {"KindNotListed",
               KindText(kind) + ": " + served.error().message() + "; tried again with backoff"};
  } else if (!*served) {
    problem = {"KindNotServed", KindText(kind) +
                                    " is not served by this cluster: install its definition, or "
                                    "correct apiVersion and kind; looked for again every 30 s"};
  } else if (OfField(kind) && !(*served)->type.namespaced) {
    problem = {"KindNotNamespaced",
               KindText(kind) + " belongs to no namespace; a pool limits what is in its own"};
  } else {
    workloads::ScalePaths paths;
    if ((*served)->on_scale) {
      // Where it may not be read, it is where nearly all of them have it.
      if (auto custom = kube::ReadCustomScale(client, (*served)->type); custom && *custom)
        paths = {(*custom)->replicas, (*custom)->status_replicas, (*custom)->selector};
    }
    auto made = workloads::MakeKind(kind, (*served)->type, (*served)->on_scale, paths);
    if (made) {
      found = std::move(*made);
    } else {
      problem = {"KindCannotBeStopped", made.error().message()};
    }
  }
  KindWatchPointer ended;
  KindWatchPointer watch = found ? Watch(found) : nullptr;
  {
    const std::lock_guard lock(mutex_);
    auto& entry = entries_[kind];
    ended = std::exchange(entry.watch, watch);
    entry.problem = std::move(problem);
    entry.told_synced = false;
    const auto again =
        std::min<Duration>(kFirstLookAgain * (1 << std::min(entry.failures, 8)), kLongestLookAgain);
    entry.failures = found ? 0 : entry.failures + 1;
    entry.next_look = SteadyClock::now() + again;
  }
  if (ended) ended->informer.Stop();
  if (!watch) return;
  spdlog::info("kind={} named by a pool: watched", watch->kind->id());
  watch->informer.Start();
}

std::optional<SteadyClock::time_point> KindWatches::TellSights() {
  std::optional<SteadyClock::time_point> next;
  const auto by = [&next](SteadyClock::time_point at) { next = next ? std::min(*next, at) : at; };
  std::set<kube::ObjectKey> pools;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [kind, entry] : entries_) {
      const auto now = SteadyClock::now();
      const bool synced = entry.watch && entry.watch->informer.HasSynced();
      auto problem = ProblemOf(entry);
      if (!entry.watch) {
        by(entry.next_look);
      } else if (entry.watch->informer.Problem()) {
        by(now + kLookAtProblem);
      } else if (!synced) {
        by(now + kLookAtSync);
      }
      if (synced == entry.told_synced && problem == entry.told) continue;
      entry.told_synced = synced;
      entry.told = std::move(problem);
      pools.insert(entry.pools.begin(), entry.pools.end());
    }
  }
  if (on_sight_) {
    for (const auto& pool : pools) on_sight_(pool);
  }
  return next;
}

}  // namespace purser::controllers
