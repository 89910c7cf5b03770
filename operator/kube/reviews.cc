#include "kube/reviews.h"

#include <nlohmann/json.hpp>

namespace purser::kube {
namespace {

using nlohmann::json;

const ResourceType kTokenReviews{"authentication.k8s.io", "v1", "tokenreviews", "TokenReview",
                                 false};
const ResourceType kAccessReviews{"authorization.k8s.io", "v1", "subjectaccessreviews",
                                  "SubjectAccessReview", false};

// The status of the review that the API server answers with.
Result<json> Ask(Client& client, const ResourceType& type, json spec, const CallOptions& options) {
  const json review{
      {"apiVersion", type.ApiVersion()}, {"kind", type.kind}, {"spec", std::move(spec)}};
  const auto answer =
      client.Create(CollectionPath(type, ""),
                    review.dump(-1, ' ', false, json::error_handler_t::replace), options);
  if (!answer) {
    // It is we who may not ask: no word about the one in question.
    return Error(ErrorCode::kUnavailable,
                 "a " + type.kind + " is not answered: " + answer.error().message());
  }
  auto document = json::parse(*answer, nullptr, false);
  if (!document.is_object() || !document.contains("status") || !document["status"].is_object())
    return Error(ErrorCode::kCorrupt, "the answer to a " + type.kind + " has no status");
  return document["status"];
}

bool Says(const json& status, const char* field) {
  const auto found = status.find(field);
  return found != status.end() && found->is_boolean() && found->get<bool>();
}

}  // namespace

Result<std::string> ReviewToken(Client& client, const std::string& token,
                                const CallOptions& options) {
  const auto status = Ask(client, kTokenReviews, {{"token", token}}, options);
  if (!status) return status.error();
  const auto user = status->find("user");
  if (!Says(*status, "authenticated") || user == status->end() || !user->is_object())
    return Error(ErrorCode::kUnauthenticated, "the token is nobody's");
  return user->dump();
}

Status ReviewGet(Client& client, const std::string& user, const std::string& path,
                 const CallOptions& options) {
  const auto who = json::parse(user, nullptr, false);
  if (!who.is_object()) return Error(ErrorCode::kCorrupt, "the user of a TokenReview is no object");
  json spec{{"nonResourceAttributes", {{"path", path}, {"verb", "get"}}}};
  std::string name;
  if (const auto found = who.find("username"); found != who.end() && found->is_string())
    name = found->get<std::string>();
  spec["user"] = name;
  for (const char* field : {"groups", "uid", "extra"}) {
    if (const auto found = who.find(field); found != who.end()) spec[field] = *found;
  }
  const auto status = Ask(client, kAccessReviews, std::move(spec), options);
  if (!status) return status.error();
  if (Says(*status, "allowed") && !Says(*status, "denied")) return Ok();
  return Error(ErrorCode::kPermissionDenied, name + " may not get " + path);
}

}  // namespace purser::kube
