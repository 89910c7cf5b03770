// Who holds a bearer token, and may he GET a path or do something with a resource: asked of the API
// server.
#pragma once

#include <string>

#include "base/result.h"
#include "kube/client.h"

namespace purser::kube {

// TokenReview. The user as the JSON of its status ({"username":…,"groups":[…],…}). Errors:
// kUnauthenticated (nobody's token), kUnavailable (nobody answers, or we may not ask), kCorrupt.
// `audience` not "": the token must have been made for it.
Result<std::string> ReviewToken(Client& client, const std::string& token,
                                const CallOptions& options = {}, const std::string& audience = "");

// SubjectAccessReview of the verb get on nonResourceURL `path`. `user`: of ReviewToken. Errors:
// kPermissionDenied (he may not), kUnavailable (nobody answers, or we may not ask), kCorrupt.
Status ReviewGet(Client& client, const std::string& user, const std::string& path,
                 const CallOptions& options = {});

// The same of a verb on a resource of a group in a namespace ("": in all of them).
struct ResourceAccess {
  std::string verb, group, resource, ns;
};
Status ReviewAccess(Client& client, const std::string& user, const ResourceAccess& access,
                    const CallOptions& options = {});

}  // namespace purser::kube
