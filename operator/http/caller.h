// Who asks, and what he may.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace purser::http {

// A verb on a (virtual) resource of the group purser.dev, as a Role names it.
struct Right {
  std::string verb;      // "create", "get"
  std::string resource;  // "agentusages", "agentadmissions"
  bool operator==(const Right&) const = default;
};

// All namespaces at once: a ClusterRoleBinding.
inline constexpr const char* kEveryNamespace = "*";

// Thread-safe.
class Caller {
 public:
  virtual ~Caller() = default;

  virtual const std::string& name() const = 0;  // "system:serviceaccount:agents:researcher"
  // The namespace of its ServiceAccount, or the only one its token is bound to; "": none. What
  // counts where a request names no namespace.
  virtual const std::string& home() const = 0;

  // Whether it has the right in every one of `namespaces` (kEveryNamespace: in all there are).
  // `done` is called once: at once where that is known, else on another thread. Errors:
  // kPermissionDenied (which right, in which namespace), kUnavailable (the API server does not
  // say). Never called once the router that made the caller is gone: whoever waits is let go.
  virtual void Check(const Right& right, const std::vector<std::string>& namespaces,
                     std::function<void(Status)> done) const = 0;
};

}  // namespace purser::http
