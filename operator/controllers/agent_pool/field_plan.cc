#include "controllers/agent_pool/field_plan.h"

#include <charconv>
#include <vector>

#include "base/json_depth.h"
#include "workloads/pointer.h"

namespace purser::controllers {
namespace {

using Json = nlohmann::json;

// As the pool's status and the annotation bear it.
constexpr std::size_t kLongestValue = 512;

Error Told(const api::FieldTarget& target, const std::string& why) {
  return Error(ErrorCode::kInvalidArgument, NameOf(target) + ": " + why);
}

// A number, or a text of one as annotations hold them; nothing: neither.
std::optional<std::int64_t> NumberOf(const Json& value) {
  if (value.is_number_integer()) return value.get<std::int64_t>();
  if (!value.is_string()) return std::nullopt;
  const auto& text = value.get_ref<const std::string&>();
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// Our entries on the object; anything else there counts as none.
Json EntriesOf(const std::string& annotation) {
  if (annotation.empty() || !DepthWithin(annotation)) return Json::object();
  auto entries = Json::parse(annotation, nullptr, false);
  return entries.is_object() ? entries : Json::object();
}

std::string TextOf(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool IsScalar(const Json& value) {
  return !value.is_structured() && value.dump().size() <= kLongestValue;
}

bool IsEntry(const Json& entry) {
  return entry.is_object() && !TextOf(entry, "pool").empty() && entry.contains("before") &&
         entry.contains("set") && IsScalar(entry["before"]) && IsScalar(entry["set"]);
}

// A text where there was one, or may be nothing else.
Json WrittenAs(std::int32_t limit, const Json& before, const std::string& root) {
  const bool as_text = before.is_string() || root == "metadata";
  return as_text ? Json(std::to_string(limit)) : Json(limit);
}

}  // namespace

std::string NameOf(const api::FieldTarget& target) {
  return target.kind + " " + target.name + " " + target.path;
}

Result<FieldSight> SightOf(const Json& object, const api::FieldTarget& target) {
  if (!object.is_object() || !object.contains("metadata") || !object["metadata"].is_object())
    return Error(ErrorCode::kCorrupt, NameOf(target) + ": the answer is no object");
  const auto& meta = object["metadata"];
  FieldSight sight{TextOf(meta, "uid"), TextOf(meta, "resourceVersion"), "", nullptr};
  const auto annotations = meta.find("annotations");
  if (annotations != meta.end() && annotations->is_object())
    sight.annotation = TextOf(*annotations, kLimitedAnnotation);
  const auto segments = workloads::Segments(target.path);
  const Json* at = &object;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    // Annotations may be none yet: they are made, and go again.
    if (i == 2 && segments[0] == "metadata" && at->is_null()) return sight;
    if (!at->is_object())
      return Told(target, "what it would stand in is not there; name a field that has a place");
    const auto below = at->find(segments[i]);
    const bool last = i + 1 == segments.size();
    if (below == at->end()) {
      if (last || (i == 1 && segments[0] == "metadata")) return sight;
      return Told(target, "what it would stand in is not there; name a field that has a place");
    }
    at = &*below;
  }
  sight.live = *at;
  return sight;
}

Result<FieldPlan> PlanField(const std::string& pool, const api::FieldTarget& target,
                            const FieldSight& sight, std::optional<std::int32_t> limit,
                            const std::optional<HeldField>& known, const NamedBy& named_by) {
  const auto segments = workloads::Segments(target.path);
  const auto& live = sight.live;
  auto entries = EntriesOf(sight.annotation);
  std::optional<Json> entry;
  if (const auto found = entries.find(target.path); found != entries.end() && IsEntry(*found)) {
    const auto holder = TextOf(*found, "pool");
    if (holder != pool && named_by(holder, {{}, target, {}})) {
      return Told(target, "AgentPool " + holder +
                              " limits it; name it in spec.limitTargets of one of them alone");
    }
    entry = *found;
  } else if (known && known->uid == sight.uid) {
    // Somebody took the annotation off, as a rollback does.
    auto before = Json::parse(known->before, nullptr, false);
    auto set = Json::parse(known->set, nullptr, false);
    if (!before.is_discarded() && set == live) entry = Json{{"before", before}, {"set", set}};
  }
  // What somebody else wrote meanwhile is theirs to have back.
  const Json before = entry && (*entry)["set"] == live ? (*entry)["before"] : live;
  const auto number = NumberOf(before);
  if (limit && ((!number && !before.is_null()) || !IsScalar(before))) {
    return Told(target,
                "holds " +
                    before.dump(-1, ' ', true, Json::error_handler_t::replace).substr(0, 64) +
                    ", no whole number: name a field that holds one, or none yet");
  }
  const bool lower = limit && (!number || *limit < *number);
  const Json wanted = lower ? WrittenAs(*limit, before, segments.front()) : before;
  const bool holds = wanted != before;

  FieldPlan plan;
  if (wanted != live) workloads::PutAt(plan.patch, segments, wanted);
  if (holds) {
    plan.held = HeldField{sight.uid, before.dump(), wanted.dump()};
    const Json made{{"pool", pool}, {"before", before}, {"set", wanted}};
    if (!entries.contains(target.path) || entries[target.path] != made) {
      entries[target.path] = made;
      plan.patch["metadata"]["annotations"][kLimitedAnnotation] = entries.dump();
    }
  } else if (entries.contains(target.path)) {
    entries.erase(target.path);
    plan.patch["metadata"]["annotations"][kLimitedAnnotation] =
        entries.empty() ? Json(nullptr) : Json(entries.dump());
  }
  if (!plan.patch.is_null()) plan.patch["metadata"]["resourceVersion"] = sight.resource_version;
  return plan;
}

}  // namespace purser::controllers
