// Builds the input of a decision a word at a time; whatever is not said is an ordinary day in New
// York.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "instant.h"
#include "policy/budget_decision.h"

namespace purser::policy {

inline Money Dollars(std::string_view text) { return Money::ParseLimit(text).value(); }

class BudgetBuilder {
 public:
  BudgetBuilder() {
    spec_.limit = Dollars("50");
    spec_.window.time_zone = "America/New_York";
    spec_.thresholds = {{80, api::Action::kThrottle}, {100, api::Action::kStop}};
    source_.kind = SourceState::Kind::kHealthy;
  }

  BudgetBuilder& Limit(std::string_view text) { return spec_.limit = Dollars(text), *this; }
  BudgetBuilder& Spent(std::string_view text) { return spent_ = Dollars(text), *this; }
  BudgetBuilder& SpentNanos(std::int64_t nanos) { return spent_ = Money::FromNanos(nanos), *this; }
  BudgetBuilder& LastHour(std::string_view text) { return last_hour_ = Dollars(text), *this; }
  BudgetBuilder& Last5Minutes(std::string_view text) { return last_5_ = Dollars(text), *this; }
  BudgetBuilder& Audit() { return spec_.mode = api::Mode::kAudit, *this; }
  BudgetBuilder& Now(const std::string& text) { return now_ = At(text), *this; }
  BudgetBuilder& Zone(std::string zone) { return spec_.window.time_zone = std::move(zone), *this; }
  BudgetBuilder& Thresholds(std::vector<api::Threshold> thresholds) {
    return spec_.thresholds = std::move(thresholds), *this;
  }
  BudgetBuilder& Rolling(Duration length) {
    spec_.window.type = api::WindowType::kRolling;
    spec_.window.length = length;
    return *this;
  }
  BudgetBuilder& Lifetime() { return spec_.window.type = api::WindowType::kLifetime, *this; }
  BudgetBuilder& Of(Unit unit) { return spec_.unit = unit, *this; }
  // With what was spent within its two times.
  BudgetBuilder& Burning(api::BurnRate rule, std::string_view within, std::string_view confirm) {
    spec_.burn_rates.push_back(std::move(rule));
    burns_.push_back({Dollars(within), Dollars(confirm)});
    return *this;
  }
  BudgetBuilder& After(const BudgetDecision& decision) {
    return latches_ = decision.latches, *this;
  }
  BudgetBuilder& Asked(std::string_view up_to, const std::string& until) {
    return grace_ = BudgetInput::Grace{Dollars(up_to), At(until), "on-call"}, *this;
  }
  BudgetBuilder& Source(SourceState source) { return source_ = std::move(source), *this; }

  BudgetBuilder& OnSourceLoss(api::SourceLossAction action, std::int32_t after_seconds) {
    return spec_.on_source_loss = {action, after_seconds}, *this;
  }

  BudgetDecision Decide() const {
    const auto window = WindowAt(now_, spec_.window, At("2026-11-01T00:00:00Z")).value();
    const Sight sight =
        Look({spec_, source_, {}, {}, samples_expected_, before_ ? &*before_ : nullptr, now_});
    return policy::Decide({spec_, "", spec_.limit, window, spent_, last_hour_, last_5_, source_,
                           sight, now_, burns_, &latches_, grace_});
  }

 private:
  api::AgentBudgetSpec spec_;
  SourceState source_;
  bool samples_expected_ = true;
  std::optional<Sight> before_;
  Money spent_, last_hour_, last_5_;
  std::vector<BurnSpend> burns_;
  Latches latches_;
  std::optional<BudgetInput::Grace> grace_;
  Timestamp now_ = At("2026-11-23T19:48:00Z");  // 9 h 12 min before midnight in New York
};

}  // namespace purser::policy
