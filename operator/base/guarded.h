// A barrier for exceptions: around each item of work, so that one that throws ends neither the
// thread nor the process.
#pragma once

#include <exception>
#include <string>
#include <type_traits>
#include <utility>

#include "base/result.h"

namespace purser {

// What `function` returns, as a Result; whatever it throws is an Error kInternal that holds its
// text, and sets `threw`. A Result is returned as it is. Thread-safe.
template <typename Function>
auto Guarded(Function&& function, bool& threw) {
  using Returned = std::invoke_result_t<Function>;
  using Wrapped = std::conditional_t < requires(Returned returned) { returned.error(); }
  , Returned, Result < Returned >> ;
  const auto thrown = [&threw](const std::string& what) {
    threw = true;
    return Wrapped(Error(ErrorCode::kInternal, "an exception was thrown: " + what +
                                                   "; this is a defect, please report it"));
  };
  threw = false;
  try {
    if constexpr (std::is_void_v<Returned>) {
      std::forward<Function>(function)();
      return Wrapped();
    } else {
      return Wrapped(std::forward<Function>(function)());
    }
  } catch (const std::exception& exception) {
    return thrown(exception.what());
  } catch (...) {
    return thrown("of no known type");
  }
}

template <typename Function>
auto Guarded(Function&& function) {
  bool ignored = false;
  return Guarded(std::forward<Function>(function), ignored);
}

}  // namespace purser
