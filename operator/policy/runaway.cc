#include "policy/runaway.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "base/join.h"
#include "base/time_text.h"
#include "policy/window.h"

namespace purser::policy {
namespace {

constexpr std::size_t kMostIds = 3;
constexpr Duration kTaskIdle = std::chrono::hours(1);
// An answer is never worded quite the same: sizes within so much are one.
constexpr double kSameSize = 1.03;
// Of an agent's calls in the time, so many in ten are of that size, where no task tells them apart.
constexpr std::int64_t kNearlyAllTenths = 9;
constexpr std::int64_t kGrownTimes = 10;

std::int64_t SizeOf(std::int64_t tokens) {
  if (tokens <= 0) return -1;
  return std::llround(std::log(static_cast<double>(tokens)) / std::log(kSameSize));
}

std::string Calls(std::int64_t count) {
  return std::to_string(count) + (count == 1 ? " call" : " calls");
}

std::int64_t MinuteAt(Timestamp time) {
  return std::chrono::floor<std::chrono::minutes>(time).time_since_epoch().count();
}

// The one heard of least lately makes room.
template <typename Map>
void MakeRoom(Map& map, std::size_t most) {
  if (map.size() <= most) return;
  const auto last = [](const auto& one) {
    if constexpr (requires { one.second.heard; })
      return one.second.heard;
    else
      return one.second.evidence.heard;
  };
  // A tenth at once, so that a flood of names costs little for each.
  std::vector<Timestamp> times;
  times.reserve(map.size());
  for (const auto& one : map) times.push_back(last(one));
  const auto cut = times.begin() + static_cast<std::ptrdiff_t>(map.size() - most + most / 10);
  std::nth_element(times.begin(), cut, times.end());
  const auto until = *cut;
  std::size_t too_many = map.size() - most + most / 10;
  for (auto each = map.begin(); each != map.end() && too_many > 0;) {
    if (last(*each) <= until) {
      each = map.erase(each);
      --too_many;
    } else {
      ++each;
    }
  }
}

struct Told {
  std::int64_t weight = 0;
  RunawayFinding finding;
};

// The strongest of each; one whose agents have all been told of is left out.
void Tell(std::vector<Told> told, std::vector<RunawayFinding>& into) {
  std::stable_sort(told.begin(), told.end(),
                   [](const Told& a, const Told& b) { return a.weight > b.weight; });
  std::set<std::string> agents;
  bool pool = false;
  for (auto& one : told) {
    bool fresh = one.finding.agents.empty() && !std::exchange(pool, true);
    for (const auto& agent : one.finding.agents) fresh = agents.insert(agent).second || fresh;
    if (fresh) into.push_back(std::move(one.finding));
  }
}

}  // namespace

void RunawayWatch::Evidence::Add(const CallSeen& call, Duration keep) {
  if (calls++ == 0) first = last = call.at;
  first = std::min(first, call.at);
  last = std::max(last, call.at);
  heard = std::max(heard, call.heard.value_or(call.at));
  ids.push_back(call.id);
  if (ids.size() > kMostIds) ids.erase(ids.begin());
  const auto minute = MinuteAt(call.at);
  const auto found = std::find_if(minutes.rbegin(), minutes.rend(),
                                  [&](const Minute& one) { return one.minute == minute; });
  auto& counted = found != minutes.rend() ? *found : minutes.emplace_back(Minute{minute, 0, 0});
  ++counted.calls;
  counted.failed += call.failed ? 1 : 0;
  const auto most = static_cast<std::size_t>(keep / std::chrono::minutes(1)) + 2;
  if (minutes.size() > most) minutes.erase(minutes.begin());
}

RunawayWatch::Minute RunawayWatch::Evidence::Within(Duration window, Timestamp now) const {
  Minute sum;
  const auto until = Now(now);
  for (const auto& minute : minutes) {
    // Whole minutes: the oldest one counts while any of it is inside.
    if (minute.minute <= MinuteAt(until - window) || minute.minute > MinuteAt(until)) continue;
    sum.calls += minute.calls;
    sum.failed += minute.failed;
  }
  return sum;
}

std::string RunawayWatch::Evidence::Ids() const {
  return ids.size() == 1 ? "id " + ids.front() : "the last ids " + Join(ids);
}

void RunawayWatch::Add(const CallSeen& call) {
  if (!call.task.empty()) {
    auto& task = tasks_[call.task];
    const auto at = std::lower_bound(task.agents.begin(), task.agents.end(), call.agent);
    const bool known = at != task.agents.end() && *at == call.agent;
    task.many = task.many || (!known && task.agents.size() == kMostAgentsOfTask);
    if (!known && !task.many) task.agents.insert(at, call.agent);
    task.evidence.Add(call, Duration());
  }
  failures_[call.agent].Add(call, kRepeatsWithin);
  if (const auto size = SizeOf(call.input_tokens); size >= 0)
    repeats_[{call.agent, call.task, call.model, size}].Add(call, kRepeatsWithin);
  Grow(call);
  Bound(most_);
}

void RunawayWatch::Bound(std::size_t most) {
  most_ = most;
  MakeRoom(tasks_, most);
  MakeRoom(failures_, most);
  MakeRoom(repeats_, most);
  MakeRoom(growth_, most);
}

void RunawayWatch::Grow(const CallSeen& call) {
  if (call.input_tokens <= 0) return;
  auto& line = growth_[{call.agent, call.task, call.model}];
  const auto step = call.input_tokens - line.last_tokens;
  // What a tool or a person says is of any length; an echo adds about the same each time.
  const bool alike = line.calls < 2 || (step * 2 >= line.step && step <= line.step * 2);
  if (line.calls == 0 || step <= 0 || !alike) {
    line = Growth();
    line.first_tokens = call.input_tokens;
  } else {
    line.step = step;
  }
  line.last_tokens = call.input_tokens;
  ++line.calls;
  line.evidence.Add(call, Duration());
}

std::vector<RunawayFinding> RunawayWatch::Findings(const RunawayRules& rules, std::int32_t agents,
                                                   Timestamp now) const {
  std::vector<RunawayFinding> findings;
  if (rules.agents && agents > *rules.agents) {
    findings.push_back({"Agents",
                        {},
                        std::to_string(agents) +
                            " workloads are agents of the pool, more than "
                            "runaway.agents (" +
                            std::to_string(*rules.agents) + ")"});
  }
  std::vector<Told> told;
  if (rules.calls_per_task) {
    for (const auto& [task, seen] : tasks_) {
      const auto& evidence = seen.evidence;
      if (evidence.calls <= *rules.calls_per_task || evidence.heard + kTaskIdle < now) continue;
      told.push_back({evidence.calls,
                      {"CallsPerTask", seen.many ? std::vector<std::string>() : seen.agents,
                       "task " + task + " made " + Calls(evidence.calls) + " since " +
                           FormatUtc(evidence.first) + ", more than runaway.callsPerTask (" +
                           std::to_string(*rules.calls_per_task) + "); " + evidence.Ids()}});
    }
    Tell(std::move(told), findings);
    told.clear();
  }
  if (rules.failed_calls_percent) {
    for (const auto& [agent, evidence] : failures_) {
      const auto seen = evidence.Within(kFailedWithin, now);
      if (seen.calls < kLeastCalls || seen.failed * 100 < *rules.failed_calls_percent * seen.calls)
        continue;
      told.push_back(
          {seen.failed,
           {"FailedCalls",
            {agent},
            std::to_string(seen.failed) + " of " + Calls(seen.calls) + " of agent " + agent +
                " failed within 5 minutes up to " + FormatUtc(evidence.Now(now)) + " (" +
                std::to_string(seen.failed * 100 / seen.calls) +
                " %, runaway.failedCallsPercent is " + std::to_string(*rules.failed_calls_percent) +
                "); " + evidence.Ids()}});
    }
    Tell(std::move(told), findings);
    told.clear();
  }
  for (const auto& [key, evidence] : repeats_) {
    const auto& [agent, task, model, size] = key;
    const auto seen = evidence.Within(kRepeatsWithin, now);
    if (seen.calls < (task.empty() ? kRepeatsWithoutTask : kRepeats)) continue;
    if (task.empty()) {
      const auto all = failures_.find(agent);
      if (all == failures_.end() ||
          seen.calls * 10 < all->second.Within(kRepeatsWithin, now).calls * kNearlyAllTenths)
        continue;
    }
    told.push_back(
        {seen.calls,
         {"RepeatedCalls",
          {agent},
          "agent " + agent + " made " + Calls(seen.calls) + " of the same size to " +
              (model.empty() ? std::string("one model") : model) +
              (task.empty() ? std::string() : " for task " + task) + " within an hour up to " +
              FormatUtc(evidence.Now(now)) + "; " + evidence.Ids()}});
  }
  Tell(std::move(told), findings);
  told.clear();
  for (const auto& [key, line] : growth_) {
    if (line.calls < kGrowingCalls || line.last_tokens < line.first_tokens * kGrownTimes ||
        line.evidence.heard + kTaskIdle < now)
      continue;
    const auto& [agent, task, model] = key;
    told.push_back(
        {line.calls,
         {"GrowingContext",
          {agent},
          "the context of agent " + agent + (task.empty() ? std::string() : " for task " + task) +
              " grew in each of " + Calls(line.calls) + " from " +
              std::to_string(line.first_tokens) + " to " + std::to_string(line.last_tokens) +
              " tokens since " + FormatUtc(line.evidence.first) + "; " + line.evidence.Ids()}});
  }
  Tell(std::move(told), findings);
  return findings;
}

void RunawayWatch::Forget(Timestamp now) {
  const auto old = [&](const Evidence& evidence) { return evidence.heard + kTaskIdle < now; };
  std::erase_if(tasks_, [&](const auto& one) { return old(one.second.evidence); });
  std::erase_if(failures_, [&](const auto& one) { return old(one.second); });
  std::erase_if(repeats_, [&](const auto& one) { return old(one.second); });
  std::erase_if(growth_, [&](const auto& one) { return old(one.second.evidence); });
}

}  // namespace purser::policy
