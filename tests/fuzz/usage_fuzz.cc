// Bodies of call records, in all of their forms, and queries.
#include "fuzz/target.h"
#include "http/router.h"
#include "usage/records/litellm_body.h"
#include "usage/records/record.h"

namespace purser::fuzz {
namespace {

void Check(const Result<usage::records::Decoded>& decoded) {
  if (!decoded) return;
  Require(decoded->records.size() == decoded->indices.size(), "each record has a place");
  for (const auto& record : decoded->records)
    Require(usage::records::WhatIsWrong(record).empty(), "what is taken is well formed");
  for (const auto& rejection : decoded->rejected)
    Require(!rejection.reason.empty(), "what is rejected has a reason");
}

}  // namespace
}  // namespace purser::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace purser;
  std::string body(fuzz::TextOf(data, size));
  static_cast<void>(http::DecodeQuery(body));
  fuzz::Check(usage::records::DecodeLiteLlm(body, "agents"));
  fuzz::Check(usage::records::DecodeUsage(body, "agents"));
  return 0;
}
