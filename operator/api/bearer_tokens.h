// The file of static bearer tokens (server.tokensFile), for senders that have no ServiceAccount:
//   tokens:
//   - {name: litellm, token: "…", namespaces: [agents], rights: [agentusages]}
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace purser::api {

struct BearerToken {
  std::string name;   // of who holds it, for messages
  std::string token;  // 20 to 1024 bytes, no spaces
  std::vector<std::string> namespaces;
  // Resources it may use as a Role's rules would allow: agentusages, agentadmissions, agentroutes,
  // agentlimits, agentreports (the default: all of these), agentstops.
  std::vector<std::string> rights = {"agentusages", "agentadmissions", "agentroutes", "agentlimits",
                                     "agentreports"};
};

// Strict, as the configuration. Error kInvalidArgument: "FILE:LINE:COLUMN: path: what". No message
// quotes a token.
Result<std::vector<BearerToken>> ParseBearerTokens(std::string_view yaml, std::string_view file);

}  // namespace purser::api
