// Errors as RFC 9457 problem documents (application/problem+json).
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "net/inbound.h"

namespace purser::http {

// {"type":"about:blank","title":"Bad Request","status":400,"detail":…}; `field`: what is wrong in
// the request ("estimateUSD", "[3].time"), left out when empty.
net::Answer Problem(int status, std::string_view detail, std::string_view field = {});

// By its code: kInvalidArgument 400, kUnauthenticated 401, kPermissionDenied 403, kNotFound 404,
// kAlreadyExists and kConflict 409, kExpired 410, kResourceExhausted 429, kUnavailable, kTimeout,
// kCancelled and kFenced 503, others 500. 429 and 503 with Retry-After.
net::Answer ProblemOf(const Error& error);

}  // namespace purser::http
