#include "backtest/suggestion.h"

#include <algorithm>
#include <utility>

#include "policy/measure.h"

namespace purser::backtest {
namespace {

Status WantOne(const Manifests& manifests) {
  if (manifests.budgets.size() == 1) return Ok();
  return Error(ErrorCode::kInvalidArgument,
               "limits are tried of one AgentBudget, and the files have " +
                   std::to_string(manifests.budgets.size()));
}

Result<Tried> TryLimit(Manifests manifests, const std::vector<Call>& calls, Duration poll,
                       Quantity limit) {
  manifests.budgets.front().spec.limit = limit;
  auto replayed = Replay(manifests, calls, poll);
  if (!replayed) return replayed.error();
  Tried tried{limit, replayed->all, 0};
  tried.stops =
      std::count_if(replayed->events.begin(), replayed->events.end(),
                    [](const Event& event) { return event.level == policy::Level::kStopped; });
  return tried;
}

}  // namespace

double RefusedPercent(const Outcome& outcome) {
  if (outcome.asked.calls == 0) return 0;
  return 100.0 * static_cast<double>(outcome.refused.calls + outcome.held_back.calls) /
         static_cast<double>(outcome.asked.calls);
}

Result<std::vector<Tried>> TryLimits(const Manifests& manifests, const std::vector<Call>& calls,
                                     Duration poll, const std::vector<Quantity>& limits) {
  PURSER_RETURN_IF_ERROR(WantOne(manifests));
  std::vector<Tried> all;
  for (const auto& limit : limits) {
    auto tried = TryLimit(manifests, calls, poll, limit);
    if (!tried) return tried.error();
    all.push_back(std::move(*tried));
  }
  return all;
}

Result<Tried> SuggestLimit(const Manifests& manifests, const std::vector<Call>& calls,
                           Duration poll, double percent) {
  PURSER_RETURN_IF_ERROR(WantOne(manifests));
  Amounts all;
  for (const auto& call : calls) all += call.amounts;
  const auto& spec = manifests.budgets.front().spec;
  // 80 % of it is all that was asked: nothing is throttled.
  std::int64_t high = policy::MeasureOf(all, spec).count() / 4 * 5 + 5;
  const auto step = std::max<std::int64_t>(1, high / 100);
  std::int64_t low = 0;
  auto best = TryLimit(manifests, calls, poll, Quantity::Of(high));
  if (!best) return best.error();
  while (high - low > step) {
    const auto middle = low + (high - low) / 2;
    auto tried = TryLimit(manifests, calls, poll, Quantity::Of(middle));
    if (!tried) return tried.error();
    if (RefusedPercent(tried->outcome) <= percent) {
      high = middle;
      best = std::move(tried);
    } else {
      low = middle;
    }
  }
  return best;
}

}  // namespace purser::backtest
