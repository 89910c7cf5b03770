// What a person may do, with the person's own rights: one API server, one namespace or all.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "kube/client.h"

namespace purser::plugin {

// Who wrote it, as managedFields tells.
inline constexpr const char* kManager = "kubectl-purser";

const kube::ResourceType& Budgets();
const kube::ResourceType& Pools();
const kube::ResourceType& Overrides();
const kube::ResourceType& Corrections();

// Errors are those of kube::Client, with the object's name before them. Not thread-safe.
class Session {
 public:
  // `ns`: "" means all namespaces, which only List may be asked for. `client` must outlive it.
  Session(kube::Client& client, std::string ns);

  const std::string& ns() const { return ns_; }
  bool all_namespaces() const { return ns_.empty(); }

  // An array of all, by namespace and name. An installation without the kind: kNotFound that tells
  // how to install it.
  Result<nlohmann::json> List(const kube::ResourceType& type);
  Result<nlohmann::json> Get(const kube::ResourceType& type, const std::string& name);
  Result<nlohmann::json> Create(const kube::ResourceType& type, const nlohmann::json& object);
  // A merge patch, of a subresource where one is named.
  Result<nlohmann::json> Patch(const kube::ResourceType& type, const std::string& name,
                               const nlohmann::json& patch, std::string_view subresource = {});

  // The name the API server knows the person by.
  Result<std::string> UserName();

 private:
  kube::Client& client_;
  std::string ns_;
};

}  // namespace purser::plugin
