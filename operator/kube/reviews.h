// Who holds a bearer token, and may he GET a path that is no resource: asked of the API server.
#pragma once

#include <string>

#include "base/result.h"
#include "kube/client.h"

namespace purser::kube {

// TokenReview. The user as the JSON of its status ({"username":…,"groups":[…],…}). Errors:
// kUnauthenticated (nobody's token), kUnavailable (nobody answers, or we may not ask), kCorrupt.
Result<std::string> ReviewToken(Client& client, const std::string& token,
                                const CallOptions& options = {});

// SubjectAccessReview of the verb get on nonResourceURL `path`. `user`: of ReviewToken. Errors:
// kPermissionDenied (he may not), kUnavailable (nobody answers, or we may not ask), kCorrupt.
Status ReviewGet(Client& client, const std::string& user, const std::string& path,
                 const CallOptions& options = {});

}  // namespace purser::kube
