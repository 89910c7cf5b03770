// Which known names somebody may have meant: "Researcher spends $1/s and is in no pool".
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace purser::usage::attribution {

// Those of `candidates` that are near, nearest first, then by name: the same but for case and
// separators; one the beginning or the end of the other; or a few letters apart (a third of the
// shorter). At most `most`. Names longer than 128 bytes are near to nothing.
// Costs |name| * |candidate| for each candidate.
std::vector<std::string> NearestNames(std::string_view name,
                                      const std::vector<std::string>& candidates,
                                      std::size_t most = 3);

}  // namespace purser::usage::attribution
