// Decoding of JSON written in a test.
#pragma once

#include <simdjson.h>

#include <string>

#include "api/codec.h"

namespace purser::api {

inline Result<AgentBudget> BudgetOf(const std::string& json,
                                    UnknownFields unknown = UnknownFields::kIgnore) {
  simdjson::dom::parser parser;
  return DecodeAgentBudget(parser.parse(json).value(), unknown);
}

inline Result<AgentPool> PoolOf(const std::string& json,
                                UnknownFields unknown = UnknownFields::kIgnore) {
  simdjson::dom::parser parser;
  return DecodeAgentPool(parser.parse(json).value(), unknown);
}

inline Result<SpendCorrection> CorrectionOf(const std::string& json,
                                            UnknownFields unknown = UnknownFields::kIgnore) {
  simdjson::dom::parser parser;
  return DecodeSpendCorrection(parser.parse(json).value(), unknown);
}

inline Result<AgentBudget> BudgetWithSpec(const std::string& spec,
                                          UnknownFields unknown = UnknownFields::kIgnore) {
  return BudgetOf(R"({"metadata":{"name":"b","namespace":"n"},"spec":)" + spec + "}", unknown);
}

inline Result<AgentPool> PoolWithSpec(const std::string& spec,
                                      UnknownFields unknown = UnknownFields::kIgnore) {
  return PoolOf(R"({"metadata":{"name":"p","namespace":"n"},"spec":)" + spec + "}", unknown);
}

inline Result<SpendCorrection> CorrectionWithSpec(const std::string& spec,
                                                  UnknownFields unknown = UnknownFields::kIgnore) {
  return CorrectionOf(R"({"metadata":{"name":"c","namespace":"n"},"spec":)" + spec + "}", unknown);
}

}  // namespace purser::api
