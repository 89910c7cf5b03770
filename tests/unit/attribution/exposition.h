// Series of a text exposition, as Prometheus would keep them: labels sorted, empty ones left out.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "usage/meter/meter.h"

namespace purser::usage::attribution {

struct ExposedSeries {
  std::vector<std::pair<std::string, std::string>> labels;  // __name__ among them
  std::string value;

  std::vector<Label> Views() const;
  std::string Value(const std::string& name) const;  // "" when there is none
};

// `expositions/<name>.prom` of this folder.
std::vector<ExposedSeries> ReadExposition(const std::string& name);

// Whether a selector made by Selector picks the series; knows `name{…}` and `{__name__=~"a|b",…}`
// with equality matchers.
bool Selects(const std::string& selector, const ExposedSeries& series);

}  // namespace purser::usage::attribution
