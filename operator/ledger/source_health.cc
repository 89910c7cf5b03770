#include "ledger/source_health.h"

namespace purser::ledger {
namespace {

bool SameFindings(const std::shared_ptr<const MeterReport>& a,
                  const std::shared_ptr<const MeterReport>& b) {
  if (a == b) return true;
  static const MeterReport kNothing;
  return (a ? *a : kNothing).findings == (b ? *b : kNothing).findings;
}

}  // namespace

bool SameForReaders(const SourceHealth& a, const SourceHealth& b) {
  return a.state == b.state && a.doubtful == b.doubtful && a.reason == b.reason &&
         a.message == b.message && a.lost_since == b.lost_since && a.epoch == b.epoch &&
         a.gap == b.gap && SameFindings(a.meters, b.meters);
}

}  // namespace purser::ledger
