#include "support/fake_api_server.h"

#include <algorithm>
#include <chrono>

namespace purser::support {
namespace {

using net::HttpRequest;
using net::HttpResponse;
using Json = FakeApiServer::Json;

HttpResponse Refusal(int code, const std::string& reason, const std::string& message) {
  return {
      code,
      {},
      Json{{"kind", "Status"}, {"code", code}, {"reason", reason}, {"message", message}}.dump()};
}

HttpResponse Ok200(const Json& body) { return {200, {}, body.dump()}; }

// The resources of a group and version.
HttpResponse Discovery(const std::string& url) {
  const auto resources = [](std::initializer_list<std::pair<const char*, const char*>> kinds) {
    Json list = Json::array();
    for (const auto& [plural, kind] : kinds)
      list.push_back({{"name", plural}, {"kind", kind}, {"namespaced", true}});
    return Ok200({{"kind", "APIResourceList"}, {"resources", std::move(list)}});
  };
  if (url.ends_with("/apis/batch/v1")) return resources({{"jobs", "Job"}, {"cronjobs", "CronJob"}});
  if (url.ends_with("/apis/apps/v1"))
    return resources({{"deployments", "Deployment"},
                      {"statefulsets", "StatefulSet"},
                      {"replicasets", "ReplicaSet"}});
  if (url.ends_with("/apis/test.dev/v1")) return resources({{"routes", "Route"}});
  return Refusal(404, "NotFound", url + " is not served");
}

bool IsWorkload(const std::string& plural) {
  return plural == "deployments" || plural == "statefulsets";
}

std::string Decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      decoded += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

// `label`: a name; empty: every object has it.
bool HasLabel(const Json& object, const std::string& label) {
  return label.empty() || object["metadata"].value("labels", Json::object()).contains(label);
}

// Of replicas alone, and of whatever else an object holds.
Json OwnerOf(const std::string& manager, bool replicas) {
  Json fields{{"f:metadata", Json::object()}};
  if (replicas) fields["f:spec"]["f:replicas"] = Json::object();
  return {{"manager", manager}, {"operation", "Update"}, {"fieldsV1", fields}};
}

void TakeReplicas(Json& object, const std::string& manager) {
  auto& owners = object["metadata"]["managedFields"];
  bool known = false;
  for (auto& owner : owners) {
    const bool ours = owner["manager"] == manager;
    if (ours) owner["fieldsV1"]["f:spec"]["f:replicas"] = Json::object();
    if (!ours && owner["fieldsV1"].contains("f:spec"))
      owner["fieldsV1"]["f:spec"].erase("f:replicas");
    known = known || ours;
  }
  if (!known) owners.push_back(OwnerOf(manager, true));
}

// Of a status that is applied: conditions are a map by type.
Json ConditionsOf(const Json& before, const Json& status) {
  Json conditions = before.value("conditions", Json::array());
  for (const auto& condition : status.value("conditions", Json::array())) {
    auto same = std::find_if(conditions.begin(), conditions.end(),
                             [&](const Json& known) { return known["type"] == condition["type"]; });
    if (same == conditions.end()) {
      conditions.push_back(condition);
    } else {
      *same = condition;
    }
  }
  return conditions;
}

}  // namespace

// What a path and its query address.
struct FakeApiServer::Target {
  std::string plural;
  std::string ns;
  std::string name;
  std::string subresource;
  std::map<std::string, std::string> query;

  static Target Of(const std::string& url) {
    Target target;
    const auto start = url.find('/', url.find("//") + 2);
    const auto question = url.find('?', start);
    std::vector<std::string> parts;
    std::string_view path = std::string_view(url).substr(start + 1, question - start - 1);
    while (!path.empty()) {
      const auto slash = path.find('/');
      parts.push_back(Decoded(path.substr(0, slash)));
      path = slash == std::string_view::npos ? "" : path.substr(slash + 1);
    }
    std::size_t next = parts.at(0) == "api" ? 2 : 3;
    if (next < parts.size() && parts[next] == "namespaces") {
      target.ns = parts.at(next + 1);
      next += 2;
    }
    if (next < parts.size()) target.plural = parts[next++];
    if (next < parts.size()) target.name = parts[next++];
    if (next < parts.size()) target.subresource = parts[next];
    std::string_view query = question == std::string::npos
                                 ? std::string_view()
                                 : std::string_view(url).substr(question + 1);
    while (!query.empty()) {
      const auto end = query.find('&');
      const auto one = query.substr(0, end);
      const auto equals = one.find('=');
      target.query[Decoded(one.substr(0, equals))] = Decoded(one.substr(equals + 1));
      query = end == std::string_view::npos ? "" : query.substr(end + 1);
    }
    return target;
  }
  std::string Query(const std::string& name_of) const {
    const auto found = query.find(name_of);
    return found == query.end() ? "" : found->second;
  }
};

class FakeApiServer::Connection final : public net::HttpTransport {
 public:
  Connection(FakeApiServer& server, Lifeline& life) : server_(server), life_(life) {}

  Result<HttpResponse> Send(const HttpRequest& request, std::stop_token stop) override {
    const Error gone(ErrorCode::kUnavailable, "this life is over");
    if (stop.stop_requested()) return Error(ErrorCode::kCancelled, "asked to stop");
    if (request.method == "GET") {
      if (life_.over()) return gone;
      return server_.Read(request);
    }
    // What changes nothing is no write: it is not counted.
    if (request.body == "{}") return server_.Write(request);
    const auto what = request.method + " " + request.url.substr(0, request.url.find('?'));
    auto answer = life_.Carry(what, [&] { return server_.Write(request); });
    if (!answer) return gone;
    return *answer;
  }

  Result<HttpResponse> Stream(const HttpRequest& request, const OnPiece& on_piece,
                              std::stop_token stop) override {
    const auto target = Target::Of(request.url);
    if (target.Query("watch") == "true") return server_.Stream(target, on_piece, stop);
    auto response = Send(request, stop);
    if (!response || response->status != 200) return response;
    const std::string body = std::exchange(response->body, {});
    const auto goes_on = on_piece(body);
    if (!goes_on) return goes_on.error();
    return response;
  }

 private:
  FakeApiServer& server_;
  Lifeline& life_;
};

std::unique_ptr<net::HttpTransport> FakeApiServer::Connect(Lifeline& life) {
  return std::make_unique<Connection>(*this, life);
}

void FakeApiServer::Create(const std::string& plural, Json object, const std::string& manager) {
  const std::lock_guard lock(mutex_);
  Make(plural, std::move(object), manager);
}

void FakeApiServer::Make(const std::string& plural, Json object, const std::string& manager) {
  auto& meta = object["metadata"];
  const Key key{meta["namespace"], meta["name"]};
  const std::string id = plural + "-" + key.first + "-" + key.second;
  meta["uid"] = id + "-" + std::to_string(++made_[id]);
  meta["generation"] = 1;
  if (IsWorkload(plural)) {
    meta["managedFields"] = Json::array({OwnerOf(manager, object["spec"].contains("replicas"))});
    if (!object["spec"].contains("replicas")) object["spec"]["replicas"] = 1;
  }
  Record(plural, "ADDED", object);
  objects_[plural][key] = std::move(object);
}

void FakeApiServer::Patch(const std::string& plural, const std::string& ns, const std::string& name,
                          const Json& patch, const std::string& manager) {
  const std::lock_guard lock(mutex_);
  Change(plural, {ns, name}, patch, patch.contains("status"), manager);
}

void FakeApiServer::Delete(const std::string& plural, const std::string& ns,
                           const std::string& name) {
  const std::lock_guard lock(mutex_);
  auto& objects = objects_[plural];
  const auto found = objects.find({ns, name});
  if (found == objects.end()) return;
  auto& object = found->second;
  const auto finalizers = object["metadata"].value("finalizers", Json::array());
  if (!finalizers.empty()) {
    if (object["metadata"].contains("deletionTimestamp")) return;
    object["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z";
    Record(plural, "MODIFIED", object);
    return;
  }
  Record(plural, "DELETED", object);
  objects.erase(found);
}

Json FakeApiServer::Get(const std::string& plural, const std::string& ns,
                        const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto kind = objects_.find(plural);
  if (kind == objects_.end()) return nullptr;
  const auto found = kind->second.find({ns, name});
  return found == kind->second.end() ? Json(nullptr) : found->second;
}

std::vector<Json> FakeApiServer::All(const std::string& plural) const {
  const std::lock_guard lock(mutex_);
  std::vector<Json> all;
  const auto kind = objects_.find(plural);
  if (kind == objects_.end()) return all;
  for (const auto& [key, object] : kind->second) all.push_back(object);
  return all;
}

void FakeApiServer::RunWorkloads() {
  const std::lock_guard lock(mutex_);
  for (const char* plural : {"deployments", "statefulsets"}) {
    for (auto& [key, object] : objects_[plural]) {
      Json wanted{{"replicas", object["spec"]["replicas"]},
                  {"observedGeneration", object["metadata"]["generation"]}};
      if (tells_terminating_ && std::string_view(plural) == "deployments")
        wanted["terminatingReplicas"] = 0;
      if (object.value("status", Json()) == wanted) continue;
      object["status"] = wanted;
      Record(plural, "MODIFIED", object);
    }
  }
  for (auto& [key, job] : objects_["jobs"]) {
    const bool suspended = job["spec"].value("suspend", false);
    Json wanted = Json::object();
    wanted["active"] = suspended ? 0 : 1;
    wanted["conditions"] = Json::array();
    if (suspended) wanted["conditions"].push_back({{"type", "Suspended"}, {"status", "True"}});
    if (job.value("status", Json()) == wanted) continue;
    job["status"] = wanted;
    Record("jobs", "MODIFIED", job);
  }
}

void FakeApiServer::Record(const std::string& plural, const std::string& type, Json& object) {
  object["metadata"]["resourceVersion"] = std::to_string(++version_);
  events_.push_back({version_, plural, type, object});
  changed_.notify_all();
}

std::uint64_t FakeApiServer::version() const {
  const std::lock_guard lock(mutex_);
  return version_;
}

std::uint64_t FakeApiServer::Newest(const std::string& plural) const {
  const auto capped = see_up_to_.find(plural);
  return capped == see_up_to_.end() ? version_ : std::min(capped->second, version_);
}

std::map<FakeApiServer::Key, Json> FakeApiServer::Seen(const std::string& plural,
                                                       std::uint64_t version) const {
  std::map<Key, Json> seen;
  if (version == version_) {
    const auto kind = objects_.find(plural);
    return kind == objects_.end() ? seen : kind->second;
  }
  for (const auto& event : events_) {
    if (event.plural != plural || event.version > version) continue;
    const auto& meta = event.object["metadata"];
    const Key key{meta["namespace"], meta["name"]};
    if (event.type == "DELETED") {
      seen.erase(key);
    } else {
      seen[key] = event.object;
    }
  }
  return seen;
}

HttpResponse FakeApiServer::Change(const std::string& plural, const Key& key, Json patch,
                                   bool of_status, const std::string& manager) {
  auto& objects = objects_[plural];
  const auto found = objects.find(key);
  if (found == objects.end())
    return Refusal(404, "NotFound", plural + " \"" + key.second + "\" not found");
  auto& object = found->second;
  const auto asked = patch.value("metadata", Json::object()).value("resourceVersion", "");
  if (!asked.empty() && asked != object["metadata"]["resourceVersion"]) {
    return Refusal(409, "Conflict",
                   "Operation cannot be fulfilled on " + plural + " \"" + key.second +
                       "\": the object has been modified");
  }
  Json changed = object;
  if (of_status) {
    changed["status"].merge_patch(patch["status"]);
  } else {
    patch.erase("status");
    changed.merge_patch(patch);
    const bool sets = patch.value("spec", Json::object()).contains("replicas");
    if (IsWorkload(plural) && sets) TakeReplicas(changed, manager);
  }
  changed["metadata"]["resourceVersion"] = object["metadata"]["resourceVersion"];
  if (changed == object) return Ok200(object);
  if (changed["spec"] != object["spec"])
    changed["metadata"]["generation"] = changed["metadata"]["generation"].get<int>() + 1;
  object = std::move(changed);
  const auto& meta = object["metadata"];
  if (meta.contains("deletionTimestamp") && meta.value("finalizers", Json::array()).empty()) {
    Record(plural, "DELETED", object);
    auto answer = Ok200(object);
    objects.erase(found);
    return answer;
  }
  Record(plural, "MODIFIED", object);
  return Ok200(object);
}

HttpResponse FakeApiServer::Write(const HttpRequest& request) {
  const std::lock_guard lock(mutex_);
  if (intercept_) {
    if (auto prepared = intercept_(request)) return *prepared;
  }
  const auto target = Target::Of(request.url);
  Json body = Json::parse(request.body, nullptr, false);
  if (!body.is_object()) return Refusal(400, "BadRequest", "the body is not JSON");
  const Key key{target.ns, target.name};
  const auto manager = target.Query("fieldManager");
  if (request.method == "POST") {
    const Key made{target.ns, body["metadata"]["name"]};
    if (objects_[target.plural].contains(made))
      return Refusal(409, "AlreadyExists", made.second + " already exists");
    Make(target.plural, body, manager);
    return {201, {}, objects_[target.plural][made].dump()};
  }
  if (request.method != "PATCH") return Refusal(405, "MethodNotAllowed", request.method);
  if (target.subresource != "status")
    return Change(target.plural, key, std::move(body), false, manager);
  const auto& objects = objects_[target.plural];
  const auto found = objects.find(key);
  if (found == objects.end()) return Refusal(404, "NotFound", key.second + " not found");
  // A merge patch that comes to what the apply would leave.
  Json status = body["status"];
  const Json before = found->second.value("status", Json::object());
  status["conditions"] = ConditionsOf(before, status);
  for (const auto& [field, value] : before.items()) {
    if (!status.contains(field) && field != "approvedBy") status[field] = nullptr;
  }
  return Change(target.plural, key, {{"status", status}}, true, manager);
}

HttpResponse FakeApiServer::Read(const HttpRequest& request) const {
  const auto target = Target::Of(request.url);
  if (!target.name.empty()) ++reads_;
  if (request.url.ends_with("/version")) return Ok200({{"major", "1"}, {"minor", "36"}});
  if (target.plural.empty()) return Discovery(request.url);
  if (target.name.empty()) return List(target);
  const auto object = Get(target.plural, target.ns, target.name);
  if (object.is_null()) return Refusal(404, "NotFound", target.name + " not found");
  return Ok200(object);
}

HttpResponse FakeApiServer::List(const Target& target) const {
  const std::lock_guard lock(mutex_);
  std::uint64_t version = Newest(target.plural);
  std::size_t from = 0;
  if (const auto token = target.Query("continue"); !token.empty()) {
    const auto colon = token.find(':');
    version = std::stoull(token.substr(0, colon));
    from = std::stoull(token.substr(colon + 1));
    if (version < oldest_) return Refusal(410, "Expired", "the continue token is too old");
  }
  const auto limit_text = target.Query("limit");
  const std::size_t limit = limit_text.empty() ? 10'000 : std::stoull(limit_text);
  Json items = Json::array();
  std::string next;
  std::size_t at = 0;
  for (const auto& [key, object] : Seen(target.plural, version)) {
    if (!target.ns.empty() && key.first != target.ns) continue;
    if (!HasLabel(object, target.Query("labelSelector"))) continue;
    if (at++ < from) continue;
    if (items.size() == limit) {
      next = std::to_string(version) + ":" + std::to_string(from + limit);
      break;
    }
    items.push_back(object);
  }
  return Ok200({{"kind", "List"},
                {"metadata", {{"resourceVersion", std::to_string(version)}, {"continue", next}}},
                {"items", std::move(items)}});
}

Result<HttpResponse> FakeApiServer::Stream(const Target& target,
                                           const net::HttpTransport::OnPiece& on_piece,
                                           const std::stop_token& stop) {
  auto watch = std::make_shared<Watch>();
  watch->plural = target.plural;
  watch->ns = target.ns;
  watch->label = target.Query("labelSelector");
  watch->position = std::stoull(target.Query("resourceVersion"));
  std::unique_lock lock(mutex_);
  if (watch->position < oldest_) return Refusal(410, "Expired", "too old resource version");
  // From a version to come it waits in silence, as API servers do; but for one that is behind.
  if (const auto newest = Newest(watch->plural);
      watch->position > newest && see_up_to_.contains(watch->plural)) {
    return Refusal(504, "Timeout",
                   "Too large resource version: " + std::to_string(watch->position) +
                       ", current: " + std::to_string(newest));
  }
  watches_.push_back(watch);
  Result<HttpResponse> ended = HttpResponse{200, {}, ""};
  while (!stop.stop_requested() && !watch->broken) {
    const std::uint64_t newest = Newest(watch->plural);
    std::optional<Event> event;
    for (const auto& candidate : events_) {
      if (candidate.version <= watch->position || candidate.version > newest) continue;
      if (candidate.plural != watch->plural) continue;
      if (!watch->ns.empty() && candidate.object["metadata"]["namespace"] != watch->ns) continue;
      event = candidate;
      break;
    }
    if (!event) {
      watch->position = std::max(watch->position, newest);
      watch->waits = true;
      changed_.notify_all();
      changed_.wait(lock, stop,
                    [&] { return watch->broken || Newest(watch->plural) > watch->position; });
      watch->waits = false;
      continue;
    }
    const auto deliver = deliver_;
    lock.unlock();
    // What has it no more is gone for who asked for it.
    const bool seen = HasLabel(event->object, watch->label);
    const Json line{{"type", seen ? event->type : "DELETED"}, {"object", event->object}};
    bool goes_on = true;
    for (const auto& one : deliver ? deliver(line) : std::vector<Json>{line}) {
      const auto taken = on_piece(one.dump() + "\n");
      goes_on = goes_on && taken && *taken;
    }
    lock.lock();
    watch->position = event->version;
    if (!goes_on) break;
  }
  if (stop.stop_requested()) ended = Error(ErrorCode::kCancelled, "asked to stop");
  if (watch->failed) ended = Error(ErrorCode::kUnavailable, "broken off");
  std::erase(watches_, watch);
  changed_.notify_all();
  return ended;
}

bool FakeApiServer::Idle(const std::set<std::string>& plurals,
                         const std::set<std::string>& where_watched) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::seconds(5), [&] {
    const bool behind = std::any_of(watches_.begin(), watches_.end(), [&](const auto& watch) {
      return where_watched.contains(watch->plural) && !watch->broken &&
             (!watch->waits || watch->position < Newest(watch->plural));
    });
    if (behind) return false;
    return std::all_of(plurals.begin(), plurals.end(), [&](const std::string& plural) {
      return std::any_of(watches_.begin(), watches_.end(), [&](const auto& watch) {
        return watch->plural == plural && watch->waits && !watch->broken &&
               watch->position >= Newest(plural);
      });
    });
  });
}

void FakeApiServer::SeeUpTo(const std::string& plural, std::optional<std::uint64_t> version) {
  const std::lock_guard lock(mutex_);
  if (version) {
    see_up_to_[plural] = *version;
  } else {
    see_up_to_.erase(plural);
  }
  changed_.notify_all();
}

void FakeApiServer::BreakWatches(const std::string& plural) {
  const std::lock_guard lock(mutex_);
  for (auto& watch : watches_) watch->broken = watch->broken || watch->plural == plural;
  changed_.notify_all();
}

void FakeApiServer::Compact() {
  const std::lock_guard lock(mutex_);
  oldest_ = version_;
  // Those that a watch has yet to bring stay.
  std::uint64_t seen = version_;
  for (const auto& watch : watches_) {
    const bool behind = Newest(watch->plural) > watch->position;
    if (behind) seen = std::min(seen, watch->position);
  }
  std::erase_if(events_, [&](const Event& event) { return event.version <= seen; });
}

void FakeApiServer::RestoreEtcd(std::uint64_t version) {
  const std::lock_guard lock(mutex_);
  version_ = version;
  oldest_ = 0;
  events_.clear();
  for (auto& [plural, objects] : objects_) {
    for (auto& [key, object] : objects)
      object["metadata"]["resourceVersion"] = std::to_string(version);
  }
  for (auto& watch : watches_) watch->broken = watch->failed = true;
  changed_.notify_all();
}

void FakeApiServer::SetDeliver(Deliver deliver) {
  const std::lock_guard lock(mutex_);
  deliver_ = std::move(deliver);
}

void FakeApiServer::SetIntercept(Intercept intercept) {
  const std::lock_guard lock(mutex_);
  intercept_ = std::move(intercept);
}

}  // namespace purser::support
