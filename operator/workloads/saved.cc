#include "workloads/saved.h"

#include <limits>
#include <nlohmann/json.hpp>

#include "base/time_text.h"

namespace purser::workloads {
namespace {

constexpr std::size_t kMaxSavedBytes = 4096;

std::optional<std::int32_t> CountIn(const nlohmann::json& document, const char* name) {
  const auto found = document.find(name);
  if (found == document.end() || !found->is_number_integer()) return std::nullopt;
  constexpr auto kMost = std::numeric_limits<std::int32_t>::max();
  if (found->is_number_unsigned() && found->get<std::uint64_t>() > kMost) return std::nullopt;
  const auto value = found->get<std::int64_t>();
  if (value < 0 || value > kMost) return std::nullopt;
  return static_cast<std::int32_t>(value);
}

std::optional<std::string> WordIn(const nlohmann::json& document, const char* name) {
  const auto found = document.find(name);
  if (found == document.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

bool OfAnother(const Saved& saved, std::string_view workload_uid) {
  return !saved.workload_uid.empty() && !workload_uid.empty() && saved.workload_uid != workload_uid;
}

std::string Named(const char* what) {
  return "annotation " + std::string(kSavedAnnotation) + " " + what;
}

}  // namespace

std::string Saved::Encode() const {
  nlohmann::ordered_json document{
      {"replicas", replicas}, {"set", set}, {"pool", pool}, {"poolUID", pool_uid}};
  if (!workload_uid.empty()) document["uid"] = workload_uid;
  if (at != Timestamp{}) document["at"] = FormatUtc(at);
  if (!value.empty()) document["value"] = value;
  if (!toggle.path.empty()) {
    document["path"] = toggle.path;
    document["stopped"] = toggle.stopped;
  }
  return document.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

Result<Saved> Saved::Decode(std::string_view text) {
  const auto corrupt = [](const std::string& what) { return Error(ErrorCode::kCorrupt, what); };
  if (text.size() > kMaxSavedBytes) return corrupt("larger than 4 KiB");
  const auto document = nlohmann::json::parse(text, nullptr, false);
  if (!document.is_object()) return corrupt("not a JSON object");
  const auto replicas = CountIn(document, "replicas");
  const auto set = CountIn(document, "set");
  const auto pool = WordIn(document, "pool");
  const auto uid = WordIn(document, "poolUID");
  if (!replicas || !set) return corrupt("replicas and set must be counts of replicas");
  if (!pool || pool->empty() || !uid) return corrupt("pool and poolUID must be strings");
  Saved saved{*replicas, *set, *pool, *uid};
  saved.workload_uid = WordIn(document, "uid").value_or("");
  saved.at = ParseRfc3339(WordIn(document, "at").value_or("")).value_or(Timestamp{});
  saved.value = WordIn(document, "value").value_or("");
  saved.toggle = {WordIn(document, "path").value_or(""), WordIn(document, "stopped").value_or("")};
  return saved;
}

SavedCopies Compare(std::optional<std::string_view> annotation, const std::optional<Saved>& known,
                    std::string_view workload_uid) {
  SavedCopies copies;
  if (known && !OfAnother(*known, workload_uid)) copies.saved = known;
  if (!annotation) {
    copies.annotated = !copies.saved;
    if (copies.saved) copies.doubt = Named("is gone");
    return copies;
  }
  auto read = Saved::Decode(*annotation);
  if (!read) {
    copies.annotated = false;
    copies.doubt = Named("cannot be read (") + read.error().message() + ")";
    return copies;
  }
  if (OfAnother(*read, workload_uid)) {
    copies.annotated = false;
    copies.doubt = Named("is that of another object");
    return copies;
  }
  if (copies.saved && read->at < copies.saved->at) {
    copies.annotated = false;
    copies.doubt = Named("is of an earlier stop (") + std::to_string(read->replicas) +
                   " replicas); " + std::to_string(copies.saved->replicas) + " will be restored";
    return copies;
  }
  if (copies.saved && read->at == copies.saved->at && read->replicas != copies.saved->replicas) {
    copies.doubt = Named("says ") + std::to_string(read->replicas) + " replicas, the status said " +
                   std::to_string(copies.saved->replicas) + "; the annotation's will be restored";
  }
  copies.saved = std::move(read).value();
  return copies;
}

}  // namespace purser::workloads
