// Which fields the decoder knows: what a test compares with the schemas under crds/, both ways.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace purser::api {

struct KnownField {
  std::string path;  // "spec.agents[].workloadRef.kind"
  std::string
      type;  // string | integer | boolean | object | array | scalar (one of the first three)
  bool implemented = true;                  // false: refused when given
  std::vector<std::string> values;          // of an enumeration; empty: not one
  std::vector<std::string> refused_values;  // known, but not implemented yet: refused
  std::int64_t minimum = 0;                 // of an integer
  std::int64_t maximum = 0;                 // of an integer, or the most entries of an array
};

// Everything under spec and status, parents before children.
std::vector<KnownField> AgentPoolFields();
std::vector<KnownField> AgentBudgetFields();
std::vector<KnownField> SpendCorrectionFields();

}  // namespace purser::api
