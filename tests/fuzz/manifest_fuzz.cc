// A file given to `purser validate`: several documents, of any origin.
#include <algorithm>

#include "api/config.h"
#include "fuzz/json.h"
#include "fuzz/target.h"

namespace {

// Printed to terminals: what a manifest holds must not steer them.
bool IsPrintable(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == '\x7f'; });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace purser;
  using fuzz::Require;
  for (const auto& finding : api::ValidateFile(fuzz::TextOf(data, size), "file.yaml")) {
    Require(finding.location.starts_with("file.yaml:"), "a finding says where");
    Require(!finding.message.empty(), "a finding says what");
    Require(fuzz::IsUtf8(finding.message), "a finding is UTF-8");
    Require(IsPrintable(finding.message), "a finding has no control characters");
  }
  return 0;
}
