// Short stories of one counter, in dollars, a value a scrape.
#pragma once

#include <initializer_list>
#include <vector>

#include "unit/meter/meter_driver.h"

namespace purser::usage {

using Values = std::vector<double>;

inline Values Repeat(const Values& values, int times) {
  Values all;
  for (; times > 0; --times) all.insert(all.end(), values.begin(), values.end());
  return all;
}
inline Values Join(std::initializer_list<Values> parts) {
  Values all;
  for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

struct Telling {
  double scrape = 15;
  bool baseline = true;  // the first value is not spend
  bool aggregated = false;
};

inline RawSeries SeriesOf(const Values& values, const Telling& how = {}) {
  RawSeries series;
  series.identity = 1;
  series.aggregated = how.aggregated;
  for (std::size_t i = 0; i < values.size(); ++i)
    series.Add(static_cast<double>(i) * how.scrape, Dollars(values[i]));
  return series;
}

inline MeterRules RulesOf(double scrape) {
  MeterRules rules;
  rules.scrape_interval = Duration(static_cast<std::int64_t>(scrape * 1000));
  return rules;
}

// What came of it, read at every scrape.
inline Driver Tell(const Values& values, const Telling& how = {}) {
  Driver driver(RulesOf(how.scrape));
  Poll(driver, {SeriesOf(values, how)}, 0, static_cast<double>(values.size()) * how.scrape,
       {how.scrape, how.scrape, how.scrape * 3, how.baseline});
  return driver;
}

inline std::string ReasonOf(const Driver& driver) {
  const auto troubles = driver.meter().Troubles();
  return troubles.empty() ? "" : std::string(troubles.front().reason);
}

}  // namespace purser::usage
