#include "unit/attribution/exposition.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <regex>

namespace purser::usage::attribution {

std::vector<Label> ExposedSeries::Views() const {
  std::vector<Label> views;
  for (const auto& [name, text] : labels) views.push_back({name, text});
  return views;
}

std::string ExposedSeries::Value(const std::string& name) const {
  for (const auto& [label, text] : labels) {
    if (label == name) return text;
  }
  return "";
}

std::vector<ExposedSeries> ReadExposition(const std::string& name) {
  std::ifstream stream(PURSER_SOURCE_DIR "/tests/unit/attribution/expositions/" + name + ".prom");
  EXPECT_TRUE(stream.good()) << name;
  const std::regex label("([a-zA-Z_0-9]+)=\"([^\"]*)\"");
  std::vector<ExposedSeries> all;
  for (std::string line; std::getline(stream, line);) {
    if (line.empty() || line.front() == '#') continue;
    const auto open = line.find('{');
    const auto close = line.rfind('}');
    ExposedSeries series;
    series.value = line.substr(close + 2);
    series.labels.emplace_back("__name__", line.substr(0, open));
    const auto inner = line.substr(open + 1, close - open - 1);
    for (auto it = std::sregex_iterator(inner.begin(), inner.end(), label);
         it != std::sregex_iterator(); ++it) {
      if (!(*it)[2].str().empty()) series.labels.emplace_back((*it)[1], (*it)[2]);
    }
    std::sort(series.labels.begin(), series.labels.end());
    all.push_back(std::move(series));
  }
  return all;
}

bool Selects(const std::string& selector, const ExposedSeries& series) {
  const auto brace = selector.find('{');
  const auto metric = selector.substr(0, brace);
  if (!metric.empty() && metric != series.Value("__name__")) return false;
  if (brace == std::string::npos) return true;
  const auto inner = selector.substr(brace + 1, selector.size() - brace - 2);
  const std::regex matcher("([a-zA-Z_0-9]+)(=~?)\"([^\"]*)\"");
  for (auto it = std::sregex_iterator(inner.begin(), inner.end(), matcher);
       it != std::sregex_iterator(); ++it) {
    const auto value = series.Value((*it)[1]);
    if ((*it)[2] == "=" ? value != (*it)[3] : !std::regex_match(value, std::regex((*it)[3].str())))
      return false;
  }
  return true;
}

}  // namespace purser::usage::attribution
