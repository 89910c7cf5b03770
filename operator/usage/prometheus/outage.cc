#include "usage/prometheus/outage.h"

#include <utility>

#include "base/time_text.h"

namespace purser::usage {

bool Outage::Begin(Timestamp now, Timestamp complete, std::optional<Timestamp> newest_sample,
                   Duration usual) {
  if (now_ || now - complete <= usual) return false;
  now_ = State{complete, newest_sample && *newest_sample >= complete - usual, std::nullopt};
  return true;
}

void Outage::Found(Timestamp oldest_new) {
  if (now_ && oldest_new > now_->from && !now_->oldest_new) now_->oldest_new = oldest_new;
}

std::optional<ledger::Gap> Outage::End(Duration usual) {
  if (!now_) return std::nullopt;
  const State outage = *std::exchange(now_, std::nullopt);
  if (!outage.had_series || !outage.oldest_new || *outage.oldest_new - outage.from <= usual)
    return std::nullopt;
  return ledger::Gap{
      *outage.oldest_new,
      "no samples between " + FormatUtc(outage.from) + " and " + FormatUtc(*outage.oldest_new) +
          " could be read: what counters still showed afterwards is booked at that time, what "
          "agents that ended or restarted in between had spent is missing"};
}

}  // namespace purser::usage
