// Series that cannot be read as counters at all: told while they last, journalled once.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "usage/meter/books.h"
#include "usage/meter/meter.h"

namespace purser::usage {

class Unreadable {
 public:
  void Add(std::uint32_t key, std::span<const Label> labels, std::string_view what, Timestamp at,
           Books& books);
  void Commit() { before_.clear(); }
  void Abandon();
  void Forget(Timestamp before);
  void Tell(Timestamp now, std::vector<Trouble>& troubles) const;

 private:
  struct Entry {
    std::uint32_t key = 0;
    bool histogram = false;
    std::string message;
    Timestamp last;
  };
  // Beyond so many they are only journalled.
  static constexpr std::size_t kMost = 10'000;

  std::map<std::string, Entry> entries_;  // by what, and all labels
  std::vector<std::pair<std::string, std::optional<Entry>>> before_;
};

}  // namespace purser::usage
