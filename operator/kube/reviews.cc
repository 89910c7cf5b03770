#include "kube/reviews.h"

#include <algorithm>
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

// Whether a token made for these is made for `audience`.
bool Names(const json& status, const std::string& audience) {
  const auto found = status.find("audiences");
  return found != status.end() && found->is_array() &&
         std::ranges::find(*found, json(audience)) != found->end();
}

// SubjectAccessReview; `what`: in words.
Status Review(Client& client, const std::string& user, const char* attributes, json asked,
              const std::string& what, const CallOptions& options) {
  const auto who = json::parse(user, nullptr, false);
  if (!who.is_object()) return Error(ErrorCode::kCorrupt, "the user of a TokenReview is no object");
  json spec{{attributes, std::move(asked)}};
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
  return Error(ErrorCode::kPermissionDenied, name + " may not " + what);
}

}  // namespace

Result<std::string> ReviewToken(Client& client, const std::string& token,
                                const CallOptions& options, const std::string& audience) {
  json spec{{"token", token}};
  if (!audience.empty()) spec["audiences"] = {audience};
  const auto status = Ask(client, kTokenReviews, std::move(spec), options);
  if (!status) return status.error();
  const auto user = status->find("user");
  if (!Says(*status, "authenticated") || user == status->end() || !user->is_object())
    return Error(ErrorCode::kUnauthenticated, "the token is nobody's");
  // Without a list the API server knows no audiences: the token would be one for it.
  if (!audience.empty() && !Names(*status, audience))
    return Error(ErrorCode::kUnauthenticated, "the token is not for the audience " + audience);
  return user->dump();
}

Status ReviewGet(Client& client, const std::string& user, const std::string& path,
                 const CallOptions& options) {
  return Review(client, user, "nonResourceAttributes", {{"path", path}, {"verb", "get"}},
                "get " + path, options);
}

Status ReviewAccess(Client& client, const std::string& user, const ResourceAccess& access,
                    const CallOptions& options) {
  json asked{{"verb", access.verb}, {"group", access.group}, {"resource", access.resource}};
  if (!access.ns.empty()) asked["namespace"] = access.ns;
  const std::string where =
      access.ns.empty() ? " in every namespace" : " in namespace " + access.ns;
  return Review(client, user, "resourceAttributes", std::move(asked),
                access.verb + " " + access.resource + "." + access.group + where, options);
}

}  // namespace purser::kube
