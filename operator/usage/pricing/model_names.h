// Under which names of a catalogue a model that a meter names may stand.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace purser::usage::pricing {

// In the order in which they are tried. Nothing is guessed: parts are taken off the name, never
// changed. First with the provider in front ("azure/gpt-4o"), then without; in each the longest
// first, as parts are taken off:
// - in front: a path ("openrouter/anthropic/"), and words without digits that end in a point
//   ("global.anthropic.");
// - behind: a variant in brackets ("[1m]"), a version ("-v1", "-v1:0", ":0"), a date
//   ("-2024-08-06", "-20250929", "@20250929").
// Names longer than 256 bytes have no candidates.
std::vector<std::string> CatalogueNames(std::string_view provider, std::string_view model);

}  // namespace purser::usage::pricing
