// What stands: series that are no counters, or have several writers.
#include "usage/meter/implementation.h"

namespace purser::usage {

void Meter::Implementation::Name(Number number, const Subject& subject) {
  const auto& id = identities_.id(number);
  if (names_.contains(id)) return;
  names_.emplace(id, subject.text.empty() ? Describe(subject.labels) : std::string(subject.text));
}

std::vector<Trouble> Meter::Implementation::Troubles() const {
  std::vector<Trouble> troubles;
  for (const auto& [id, name] : names_) {
    const Number number = identities_.Find(id);
    if (number == kNobody) continue;
    const Identity& identity = identities_[number];
    if (!Troubled(identity) || at_ - identity.at() > kRemember) continue;
    Trouble trouble;
    trouble.key = identities_.key(number);
    trouble.reason = identity.writers ? "DuplicateWriters" : "NotACounter";
    if (identity.writers) {
      trouble.message =
          name +
          " is answered by several writers in turns (workers of one process, two exporters "
          "under the same labels, or a sum whose members come and go): the growth of each "
          "is booked, all else is held in doubt. Give each writer labels of its own, or sum "
          "them before they are scraped (multiprocess mode)";
    } else if (identity.not_counter) {
      trouble.message =
          name +
          " falls too often to be a counter: it is not booked, what it shows is held in "
          "doubt. If each sample is what was spent since the last one, set cumulative "
          "temporality (OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=cumulative) or "
          "send OTLP to Purser";
    } else {
      trouble.message =
          name +
          " rises and falls as counters do not: if each sample is what was spent since the "
          "last one, set cumulative temporality "
          "(OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=cumulative) or send OTLP to "
          "Purser; if several writers answer in turns, give each labels of its own";
    }
    troubles.push_back(std::move(trouble));
  }
  unreadable_.Tell(at_, troubles);
  return troubles;
}

}  // namespace purser::usage
