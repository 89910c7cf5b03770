// Amounts written as text: read exactly, printed exactly, never in the wrong order.
#include "money/money.h"

#include <cmath>
#include <cstdlib>
#include <string>

#include "fuzz/target.h"

namespace purser::fuzz {
namespace {

void CheckSums(Money amount, Money limit) {
  Require(amount + Money() == amount && amount - Money() == amount,
          "adding nothing changes nothing");
  Require(amount + limit >= amount && amount - limit <= amount,
          "what is not negative does not lower a sum, even at the end of the range");
  const auto used = PercentUsed(amount, limit);
  Require(used >= 0 && used <= 1'000'000, "the percentage is within its bounds");
  if (limit > Money() && used < 1'000'000) {
    Require(ReachesPercent(amount, limit, used), "the percentage used is reached");
    Require(!ReachesPercent(amount, limit, used + 1), "and one more is not");
  }
}

// By another way, through floating point: right to its precision.
void CheckAgainstDouble(Money amount, const std::string& text) {
  const double dollars = std::strtod(text.c_str(), nullptr);
  const double nanos = dollars * 1e9;
  Require(std::abs(nanos - static_cast<double>(amount.nanos())) <= 1 + std::abs(nanos) * 1e-12,
          "a sample is what strtod reads, to the nano-dollar");
}

void CheckSample(Money amount, const std::string& text) {
  Require(amount >= Money(), "a sample is not negative");
  const auto again = Money::ParseSample(amount.ToDecimal());
  Require(again.ok() && *again == amount, "a sample printed and read again is equal");
  CheckAgainstDouble(amount, text);
  // With one digit more behind the point it is not less, and at most a nano-dollar more.
  if (text.find_first_of("eE") != std::string::npos || text.find('.') == std::string::npos) return;
  const auto longer = Money::ParseSample(text + "9");
  if (!longer || text.front() == '-') return;
  Require(*longer >= amount, "a longer literal is not less");
}

}  // namespace
}  // namespace purser::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using purser::Money;
  using namespace purser::fuzz;
  std::string_view rest = TextOf(data, size);
  const std::string text(TakeLine(rest));
  const auto sample = Money::ParseSample(text);
  if (sample) CheckSample(*sample, text);
  const auto limit = Money::ParseLimit(text);
  if (limit) {
    Require(sample.ok() && *sample == *limit, "a limit reads the same as a sample");
    const auto again = Money::ParseLimit(limit->ToDecimal());
    Require(again.ok() && *again == *limit, "a limit printed and read again is equal");
  }
  const auto other = Money::ParseSample(rest);
  if (sample && other) CheckSums(*sample, *other);
  if (!sample) Require(!sample.error().message().empty(), "a refusal says why");
  return 0;
}
