// The parts of a Meter, shared by the files that make it: meter.cc takes answers, first_values.cc
// judges series that are new, troubles.cc tells what stands.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "usage/meter/books.h"
#include "usage/meter/counter_rules.h"
#include "usage/meter/deferred.h"
#include "usage/meter/hand_over.h"
#include "usage/meter/identities.h"
#include "usage/meter/learned_rates.h"
#include "usage/meter/meter.h"
#include "usage/meter/unreadable.h"

namespace purser::usage {

class Meter::Implementation {
 public:
  explicit Implementation(const MeterRules& rules) : rules_(rules) {}

  void Begin(Timestamp at, bool baseline);
  void Take(const Observation& observation);
  Reading Finish();
  void Commit();
  void Abandon();
  std::vector<Trouble> Troubles() const;
  void Forget(Timestamp before);

  Identities identities_;
  LearnedRates rates_;
  Books books_;
  DeferredList deferred_;
  Unreadable unreadable_;

 private:
  void Seen(std::span<const Sample> samples);
  bool TakeFirst(const Observation& observation, std::span<const Sample>& samples);
  void TakeKnown(Number number, const Observation& observation, std::span<const Sample> samples);
  void Defer(const Observation& observation, std::span<const Sample> samples, const Ask& ask);
  void AskFurther(const Observation& observation, std::span<const Sample> samples);

  bool IsRollout(std::span<const Deferred* const> all);
  HandOver::Found FindClient(const Deferred& deferred);
  void Returned(Identity& identity, std::uint32_t key, std::span<const Sample> samples);
  void Process(const Deferred& deferred);
  Number ProcessFirst(const Deferred& deferred, const Series& series,
                      std::span<const Sample> samples);
  std::optional<Timestamp> StartAt(const Deferred& deferred, std::size_t number,
                                   Timestamp at) const;
  Number Make(const ledger::SeriesId& id, std::uint32_t raw, std::uint32_t client,
              const Subject& subject, const Sample& sample);
  static bool Troubled(const Identity& identity) {
    return identity.writers || identity.not_counter || identity.suspect;
  }
  void Name(Number number, const Subject& subject);
  void New(Timestamp at);

  const MeterRules rules_;
  CounterRules counter_{rules_, rates_, books_};
  HandOver hand_over_{rules_, counter_, identities_};

  Timestamp at_;
  bool baseline_ = false;
  bool rollout_ = false;  // in this answer
  Reading reading_;
  // What troubled ones are called; kept for all that were, once.
  std::map<ledger::SeriesId, std::string> names_;
};

}  // namespace purser::usage
