// What the API server serves: a kind's resource, and where a custom one keeps its scale.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "kube/client.h"

namespace purser::kube {

struct ServedKind {
  ResourceType type;
  bool on_scale = false;  // it has the subresource scale
};

// Nothing: the API server does not serve such a kind.
Result<std::optional<ServedKind>> Discover(Client& client, const std::string& api_version,
                                           const std::string& kind);

// Where a custom resource keeps what its subresource scale shows, as JSON pointers.
struct CustomScale {
  std::string replicas;
  std::string status_replicas;
  std::string selector;  // empty: none
};

// As its definition says. Nothing: there is no such definition, or it has no scale. Error
// kPermissionDenied: the definition may not be read.
Result<std::optional<CustomScale>> ReadCustomScale(Client& client, const ResourceType& type);

}  // namespace purser::kube
