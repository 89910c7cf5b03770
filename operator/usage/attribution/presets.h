// What each preset reads. Facts of the meters' own documentation and of recorded answers: see
// tests/unit/attribution/expositions.
#pragma once

#include "api/config.h"
#include "usage/attribution/source_rules.h"

namespace purser::usage::attribution {

// Metrics, labels and how series are told apart; source, match and ignoreLabels are left alone.
void ApplyPreset(api::Preset preset, SourceRules& rules);

}  // namespace purser::usage::attribution
