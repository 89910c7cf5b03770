#include "usage/meter/identity.h"

#include <algorithm>

namespace purser::usage {

void Tracks::Push(std::int64_t value, Seconds at) {
  const std::size_t kept = std::min<std::size_t>(size_, kMost - 1);
  for (std::size_t i = kept; i > 0; --i) {
    values_[i] = values_[i - 1];
    at_[i] = at_[i - 1];
  }
  values_[0] = value;
  at_[0] = at;
  size_ = static_cast<std::uint8_t>(kept + 1);
}

void Tracks::Append(std::int64_t value, Seconds at) {
  if (size_ == kMost) return;
  values_[size_] = value;
  at_[size_] = at;
  ++size_;
}

void Tracks::Remove(std::size_t i) {
  for (; i + 1 < size_; ++i) {
    values_[i] = values_[i + 1];
    at_[i] = at_[i + 1];
  }
  --size_;
}

void Tracks::ForgetBefore(Seconds time) {
  for (std::size_t i = size_; i > 0; --i) {
    if (at_[i - 1] < time) Remove(i - 1);
  }
}

}  // namespace purser::usage
