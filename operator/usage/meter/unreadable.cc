#include "usage/meter/unreadable.h"

#include "usage/meter/counter_rules.h"

namespace purser::usage {
namespace {

std::string NameOf(std::span<const Label> labels, std::string_view what) {
  std::string name(what);
  for (const auto& label : labels) {
    name += '\n';
    name += label.name;
    name += '\t';
    name += label.value;
  }
  return name;
}

}  // namespace

void Unreadable::Add(std::uint32_t key, std::span<const Label> labels, std::string_view what,
                     Timestamp at, Books& books) {
  auto name = NameOf(labels, what);
  const auto found = entries_.find(name);
  const bool known = found != entries_.end();
  const bool lasts = known && at - found->second.last <= kRemember;
  if (!lasts) {
    const Subject subject{key, Quantity::kCost, labels, {}};
    books.Write(subject, {ledger::JournalKind::kQuarantine, at, {}, {}, 0, false},
                "cannot be read as a counter (" + std::string(what) + "): nothing of it is booked");
  }
  if (known) {
    before_.emplace_back(name, found->second);
    found->second.last = std::max(found->second.last, at);
    return;
  }
  if (entries_.size() >= kMost) return;
  before_.emplace_back(name, std::nullopt);
  Entry entry;
  entry.key = key;
  entry.histogram = what.find("histogram") != std::string_view::npos;
  entry.message = Describe(labels) + " cannot be read as a counter (" + std::string(what) +
                  "): nothing of it is booked; mend its exporter, or leave it out with match";
  entry.last = at;
  entries_.emplace(std::move(name), std::move(entry));
}

void Unreadable::Abandon() {
  for (auto entry = before_.rbegin(); entry != before_.rend(); ++entry) {
    if (entry->second) {
      entries_[entry->first] = *entry->second;
    } else {
      entries_.erase(entry->first);
    }
  }
  before_.clear();
}

void Unreadable::Forget(Timestamp before) {
  std::erase_if(entries_, [before](const auto& entry) { return entry.second.last < before; });
}

void Unreadable::Tell(Timestamp now, std::vector<Trouble>& troubles) const {
  for (const auto& [name, entry] : entries_) {
    if (now - entry.last > std::chrono::minutes(10)) continue;
    troubles.push_back({entry.key, entry.histogram ? "NotACounter" : "NotANumber", entry.message});
  }
}

}  // namespace purser::usage
