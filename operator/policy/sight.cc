#include "policy/sight.h"

#include <algorithm>
#include <chrono>

namespace purser::policy {
namespace {

Level LevelOf(api::SourceLossAction action) {
  switch (action) {
    case api::SourceLossAction::kHold:
      return Level::kNormal;
    case api::SourceLossAction::kThrottle:
      return Level::kThrottled;
    case api::SourceLossAction::kStop:
      return Level::kStopped;
  }
  return Level::kStopped;
}

// What has no samples in it, though it answers.
bool HasNoSamples(const SourceState& source) {
  return source.kind == SourceState::Kind::kLost &&
         (source.reason == "NoSeries" || source.reason == "Stale");
}

void Earliest(std::optional<Timestamp>& next, Timestamp candidate) {
  if (!next || candidate < *next) next = candidate;
}

// The level that is due at `since` + afterSeconds.
Level DueLevel(const SightInput& input, Timestamp since, std::optional<Timestamp>& next) {
  const Level level = LevelOf(input.spec.on_source_loss.action);
  if (level == Level::kNormal) return level;
  const auto due = since + std::chrono::seconds(input.spec.on_source_loss.after_seconds);
  if (due <= input.now) return level;
  Earliest(next, due);
  return Level::kNormal;
}

void LookAtSource(const SightInput& input, Sight& sight) {
  const auto& source = input.source;
  const bool taken = input.before != nullptr && input.before->level > Level::kNormal;
  sight.silent = HasNoSamples(source) && !input.samples_expected && !taken;
  if (source.kind == SourceState::Kind::kHealthy) {
    sight.may_relax = !source.doubtful;
    return;
  }
  if (sight.silent) return;
  sight.may_relax = false;
  if (source.lost_since) sight.level = DueLevel(input, *source.lost_since, sight.next);
  // Once taken, a later beginning of the loss (a restart tells one) restores nothing.
  if (taken && input.spec.on_source_loss.action != api::SourceLossAction::kHold)
    sight.level = std::max(sight.level, input.before->level);
}

void LookAtAgents(const SightInput& input, Sight& sight) {
  const auto before = [&](const std::string& agent) -> const AgentSight* {
    if (input.before == nullptr) return nullptr;
    const auto found = input.before->agents.find(agent);
    return found == input.before->agents.end() ? nullptr : &found->second;
  };
  for (const auto& [agent, trouble] : input.troubles) {
    const bool stop = trouble.unpriced && input.spec.on_unpriced == api::OnUnpriced::kStop;
    if (!trouble.lost && !stop) continue;
    AgentSight asked;
    const auto* known = before(agent);
    asked.since = trouble.since.value_or(known != nullptr ? known->since : input.now);
    if (trouble.lost) asked.level = DueLevel(input, asked.since, sight.next);
    if (stop) asked.level = Level::kStopped;
    asked.unpriced = stop && !trouble.lost;
    if (known != nullptr) asked.level = std::max(asked.level, known->level);
    sight.agents[agent] = asked;
  }
  if (input.before == nullptr) return;
  for (const auto& [agent, asked] : input.before->agents) {
    if (asked.level > Level::kNormal && !input.metered.contains(agent))
      sight.agents.try_emplace(agent, asked);
  }
}

}  // namespace

Sight Look(const SightInput& input) {
  Sight sight;
  LookAtSource(input, sight);
  LookAtAgents(input, sight);
  return sight;
}

}  // namespace purser::policy
