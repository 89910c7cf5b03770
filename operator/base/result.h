// Result<T>: a value or an Error. Exceptions stop at the adapters of third-party libraries.
#pragma once

#include <cassert>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace purser {

// A closed list: callers switch on it, people read the message.
enum class ErrorCode {
  kInvalidArgument,  // the input is wrong and stays wrong; the message names field, value and way
                     // out
  kNotFound,
  kAlreadyExists,
  kConflict,           // somebody else changed it: read again and retry
  kUnauthenticated,    // HTTP 401
  kPermissionDenied,   // HTTP 403
  kExpired,            // HTTP 410 or an expired watch: list again
  kResourceExhausted,  // HTTP 429, or a bound of ours was reached
  kUnavailable,        // not reachable, or 5xx: retry with backoff
  kTimeout,
  kCancelled,  // asked to stop
  kFenced,     // another leader holds a newer epoch: stop booking
  kCorrupt,    // stored or received data contradicts itself
  kInternal,
};

std::string_view ToString(ErrorCode code);

class Error {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}

  ErrorCode code() const { return code_; }
  const std::string& message() const { return message_; }

  // "context: message", the code kept.
  Error WithContext(std::string_view context) const {
    return Error(code_, std::string(context) + ": " + message_);
  }

  bool operator==(const Error&) const = default;

 private:
  ErrorCode code_;
  std::string message_;
};

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Result(Error error)
      : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & {
    assert(ok());
    return std::get<0>(state_);
  }
  const T& value() const& {
    assert(ok());
    return std::get<0>(state_);
  }
  T&& value() && {
    assert(ok());
    return std::get<0>(std::move(state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const {
    assert(!ok());
    return std::get<1>(state_);
  }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Error& error() const {
    assert(!ok());
    return *error_;
  }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;
inline Status Ok() { return {}; }

// For what goes on after an error: `first` becomes the first one of several.
inline void KeepFirst(Status& first, Status status) {
  if (!status.ok() && first.ok()) first = std::move(status);
}

}  // namespace purser

// Returns the error of `expression` to the caller; otherwise nothing.
#define PURSER_RETURN_IF_ERROR(expression)                                                       \
  do {                                                                                           \
    if (auto purser_status_ = (expression); !purser_status_.ok()) return purser_status_.error(); \
  } while (false)
