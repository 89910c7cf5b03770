// POST /v1/usage/litellm: what LiteLLM's generic API callback sends (StandardLoggingPayload), in
// its three formats: json_array, ndjson and single.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "usage/records/record.h"

namespace purser::usage::records {

// Who called, first found: namespace from the header x-purser-namespace, spend_logs_metadata's
// namespace, the key's team alias (where that is a namespace's name), `home`; agent from
// x-purser-agent, spend_logs_metadata's agent, the key's alias; task, workflow and
// admission from x-purser-task, -workflow and -admission or spend_logs_metadata. Errors as
// DecodeUsage.
Result<Decoded> DecodeLiteLlm(const std::string& body, std::string_view home);

}  // namespace purser::usage::records
