// One request's answer on its way from the library's threads to the caller's.
#pragma once

#include <cpprest/astreambuf.h>
#include <cpprest/http_msg.h>
#include <pplx/pplxtasks.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "net/http_transport.h"

namespace purser::net {

// Thread-safe: the library writes, one caller waits. The caller may leave before the library is
// done: what arrives later is refused.
class Exchange {
 public:
  enum class Overflow {
    kFail,  // Send: a body over the limit ends the exchange
    kHold,  // Stream: the library stops reading until the caller has taken what there is
  };
  // With kHold, the caller is woken when `piece` bytes are there.
  Exchange(std::size_t limit, Overflow overflow, std::size_t piece)
      : limit_(limit), overflow_(overflow), piece_(std::clamp<std::size_t>(piece, 1, limit)) {}

  // The library's side.
  void SetHeader(HttpResponse response);
  pplx::task<std::size_t> Write(const std::uint8_t* data, std::size_t size);
  void Finish(const std::exception_ptr& failure);

  // The caller's side. Each waits until `deadline` at most: kTimeout, kCancelled, or the failure.
  using SteadyTime = std::chrono::steady_clock::time_point;
  Result<HttpResponse> WaitForHeader(SteadyTime deadline, const std::stop_token& stop);
  // The whole body, once it is there. Only with kFail.
  Result<std::string> WaitForBody(SteadyTime deadline, const std::stop_token& stop);
  // What has arrived, swapped into `data`: a piece, or less at the deadline or the end; empty at
  // the end of the body.
  Status WaitForData(std::string& data, SteadyTime deadline, const std::stop_token& stop);
  // From now on everything written is refused.
  void Leave();

 private:
  template <typename Ready>
  Status Wait(std::unique_lock<std::mutex>& lock, SteadyTime deadline, const std::stop_token& stop,
              Ready ready);
  void Release(std::unique_lock<std::mutex>& lock);

  const std::size_t limit_;
  const Overflow overflow_;
  const std::size_t piece_;
  std::mutex mutex_;
  // Plain: one that takes a stop token has a second lock, which waker and woken contend for.
  std::condition_variable changed_;
  std::optional<HttpResponse> header_;
  std::string data_;
  bool finished_ = false;
  bool left_ = false;
  bool too_long_ = false;
  std::optional<std::string> failure_;
  // A write that waits for room.
  std::optional<pplx::task_completion_event<std::size_t>> held_;
  std::size_t held_size_ = 0;
};

// The stream the library writes an answer's body to.
concurrency::streams::ostream MakeOutput(std::shared_ptr<Exchange> exchange);

// A request body that can be read once: the library cannot send it again behind our back.
concurrency::streams::istream MakeReadOnceInput(std::string body);

}  // namespace purser::net
