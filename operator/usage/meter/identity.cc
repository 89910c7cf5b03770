#include "usage/meter/identity.h"

#include <algorithm>
#include <tuple>

namespace purser::usage {

void Tracks::Push(std::int64_t value, Seconds at) {
  const std::size_t kept = std::min<std::size_t>(size_, kMost - 1);
  for (std::size_t i = kept; i > 0; --i) {
    values_[i] = values_[i - 1];
    at_[i] = at_[i - 1];
  }
  values_[0] = value;
  at_[0] = at;
  size_ = static_cast<std::uint8_t>(kept + 1);
}

void Tracks::Append(std::int64_t value, Seconds at) {
  if (size_ == kMost) return;
  values_[size_] = value;
  at_[size_] = at;
  ++size_;
}

void Tracks::Remove(std::size_t i) {
  for (; i + 1 < size_; ++i) {
    values_[i] = values_[i + 1];
    at_[i] = at_[i + 1];
  }
  --size_;
}

void Tracks::ForgetBefore(Seconds time) {
  for (std::size_t i = size_; i > 0; --i) {
    if (at_[i - 1] < time) Remove(i - 1);
  }
}

Claim MakeClaim(Claim::Of of, Timestamp at, Timestamp last, std::int64_t amount) {
  Claim claim;
  claim.of = of;
  claim.at = SecondsOf(at);
  claim.ms = static_cast<std::uint16_t>((at - TimeOf(claim.at)).count());
  claim.last = SecondsOf(last);
  claim.amount = amount;
  return claim;
}

std::int64_t Past::Since() const {
  std::int64_t sum = 0;
  for (const auto& step : steps) sum += step.amount;
  return sum;
}

void Past::AddStep(const Unproved& step) {
  if (step.amount == 0) return;
  if (!steps.empty() && steps.back().at / 60 == step.at / 60 && steps.back().fell == step.fell) {
    steps.back().amount += step.amount;
    return;
  }
  if (steps.size() == kMostSteps) steps.erase(steps.begin());
  steps.push_back(step);
}

void Past::AddClaim(const Claim& claim) {
  if (claims.size() == kMostClaims) claims.erase(claims.begin());
  claims.push_back(claim);
}

bool Identity::operator==(const Identity& other) const {
  const auto plain = [](const Identity& i) {
    return std::tuple(i.time, i.value, i.top, i.low, i.start, i.born, i.changed, i.fell, i.dipped,
                      i.persisted, i.leader, i.returns, i.changes, i.falls, i.quantity,
                      bool{i.rooted}, bool{i.handed_over}, bool{i.writers}, bool{i.not_counter},
                      bool{i.suspect}, bool{i.only_rose}, bool{i.jumped}, bool{i.took_over});
  };
  if (plain(*this) != plain(other)) return false;
  if (past == other.past) return true;
  return (past ? *past : Past()) == (other.past ? *other.past : Past());
}

const Tracks& Identity::tracks() const {
  static const Tracks kNoTracks;
  return past ? past->tracks : kNoTracks;
}

Past& Identity::ChangePast() {
  if (!past) {
    past = std::make_shared<Past>();
  } else if (past.use_count() > 1) {
    past = std::make_shared<Past>(*past);
  }
  return *past;
}

}  // namespace purser::usage
