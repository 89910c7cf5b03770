// "Did you mean": the known name nearest to a misspelt one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace purser::api {

// "did you mean \"limit\"?", or empty when nothing known is near (two edits at most, fewer for
// short names). Costs |name| * |known|; names longer than 64 bytes are never near.
std::string DidYouMean(std::string_view name, const std::vector<std::string_view>& known);

}  // namespace purser::api
