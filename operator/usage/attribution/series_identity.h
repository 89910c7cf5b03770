// Which series are one counter seen several times: a pod that two jobs scrape, the replicas of a
// Prometheus, a metric that was renamed.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/store.h"
#include "usage/attribution/source_rules.h"
#include "usage/meter/meter.h"

struct evp_md_st;
struct evp_md_ctx_st;

namespace purser::usage::attribution {

struct Identified {
  ledger::SeriesId identity;  // of what is the counter's own
  ledger::SeriesId raw;       // of all labels; equal to identity where scraping added none
  bool aggregated = false;    // neither instance nor pod
  // A hash of what is left without the names of pods and targets; 0: nothing is left but who spends
  // (a pod's own counter). The same under another pod may be the same client's total there.
  std::uint32_t client = 0;
};

// Identity: all labels but ignoreLabels. Labels that a rule of the source reads are always part of
// it. Of an aggregated series job, service and endpoint are part of it, too: nothing else may tell
// one from another.
// Not thread-safe; no allocation once its buffer has grown.
class SeriesIdentifier {
 public:
  // `rules` must outlive it.
  explicit SeriesIdentifier(const SourceRules& rules);

  // The hash of source and all labels; cheaper than Identify, to look up what is known already.
  ledger::SeriesId Raw(std::span<const Label> labels);
  Identified Identify(std::span<const Label> labels);

 private:
  bool Ignored(std::string_view name, bool aggregated) const;
  // What stands for the metric's name; "" when the name itself does.
  std::string_view CanonicalName(std::span<const Label> labels) const;
  ledger::SeriesId Digest() const;
  std::uint32_t Client(std::span<const Label> labels);

  // Of OpenSSL, looked up once: that takes longer than a hash.
  struct Free {
    void operator()(evp_md_st* algorithm) const;
    void operator()(evp_md_ctx_st* context) const;
  };
  struct Hash {
    std::unique_ptr<evp_md_st, Free> algorithm;
    std::unique_ptr<evp_md_ctx_st, Free> context;
  };

  const SourceRules& rules_;
  Hash hash_;
  std::vector<std::string> ignored_;  // sorted
  std::vector<std::string> who_;      // labels that the rules read, sorted
  std::size_t prefix_ = 0;
  std::string buffer_;
};

}  // namespace purser::usage::attribution
