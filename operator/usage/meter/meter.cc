#include "usage/meter/meter.h"

namespace purser::usage {

class Meter::Implementation {};

Meter::Meter(const MeterRules&) : implementation_(std::make_unique<Implementation>()) {}
Meter::~Meter() = default;
void Meter::Load(const std::vector<ledger::SeriesCursor>&) {}
void Meter::LoadRate(std::uint32_t, std::int64_t, Timestamp) {}
bool Meter::Knows(const ledger::SeriesId&) const { return false; }
void Meter::Begin(Timestamp, bool) {}
void Meter::Take(const Observation&) {}
void Meter::Quarantine(std::uint32_t, std::span<const Label>, std::string_view, Timestamp) {}
std::vector<Question> Meter::Questions(std::size_t) const { return {}; }
void Meter::Tell(std::size_t, Timestamp) {}
Reading Meter::Finish() { return {}; }
void Meter::Commit() {}
void Meter::Abandon() {}
std::vector<Trouble> Meter::Troubles() const { return {}; }
void Meter::Forget(Timestamp) {}
std::size_t Meter::size() const { return 0; }
std::string Describe(std::span<const Label>) { return {}; }

}  // namespace purser::usage
