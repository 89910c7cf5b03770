// An HttpTransport that answers what the test says.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "net/http_transport.h"

namespace purser::kube {

using net::HttpRequest;
using net::HttpResponse;

inline HttpResponse Respond(int status, std::string body, net::HttpHeaders headers = {}) {
  return {status, std::move(headers), std::move(body)};
}

class FakeTransport final : public net::HttpTransport {
 public:
  std::function<Result<HttpResponse>(const HttpRequest&)> on_send;
  // What a watch brings; given in order, also over several watches.
  struct Delivery {
    enum class Kind { kLine, kEnd, kBreak, kRefuse } kind = Kind::kLine;
    std::string text;  // the line, or the body of a refusal
    int status = 200;
  };

  Result<HttpResponse> Send(const HttpRequest& request, std::stop_token stop) override {
    {
      const std::lock_guard lock(mutex_);
      sent_.push_back(request);
      changed_.notify_all();
    }
    if (stop.stop_requested()) return Error(ErrorCode::kCancelled, "asked to stop");
    return on_send(request);
  }

  // A watch brings what is delivered; everything else is sent, and its body given in two pieces.
  Result<HttpResponse> Stream(const HttpRequest& request, const OnPiece& on_piece,
                              std::stop_token stop) override {
    if (request.url.find("watch=") == std::string::npos) {
      auto response = Send(request, stop);
      if (!response || response->status != 200) return response;
      const std::string body = std::exchange(response->body, {});
      const auto middle = body.size() / 2;
      for (const auto piece :
           {std::string_view(body).substr(0, middle), std::string_view(body).substr(middle)}) {
        const auto goes_on = on_piece(piece);
        if (!goes_on) return goes_on.error();
        if (!*goes_on) break;
      }
      return response;
    }
    std::unique_lock lock(mutex_);
    watches_.push_back(request);
    changed_.notify_all();
    while (true) {
      if (!changed_.wait(lock, stop, [this] { return !deliveries_.empty(); })) {
        return Error(ErrorCode::kCancelled, "asked to stop");
      }
      const Delivery delivery = deliveries_.front();
      deliveries_.pop_front();
      switch (delivery.kind) {
        case Delivery::Kind::kEnd:
          return Respond(200, "");
        case Delivery::Kind::kBreak:
          return Error(ErrorCode::kUnavailable, "broken off");
        case Delivery::Kind::kRefuse:
          return Respond(delivery.status, delivery.text);
        case Delivery::Kind::kLine:
          break;
      }
      lock.unlock();
      const auto goes_on = on_piece(delivery.text + "\n");
      lock.lock();
      ++delivered_;
      changed_.notify_all();
      if (!goes_on) return goes_on.error();
      if (!*goes_on) return Respond(200, "");
    }
  }

  void Deliver(std::string line) { Push({Delivery::Kind::kLine, std::move(line)}); }
  void Push(Delivery delivery) {
    const std::lock_guard lock(mutex_);
    deliveries_.push_back(std::move(delivery));
    changed_.notify_all();
  }

  // Waits until a condition on what was asked holds; false after 5 s.
  bool WaitForSent(std::size_t count) {
    return Wait([&] { return sent_.size() >= count; });
  }
  bool WaitForWatches(std::size_t count) {
    return Wait([&] { return watches_.size() >= count; });
  }
  bool WaitForDelivered(std::size_t count) {
    return Wait([&] { return delivered_ >= count; });
  }

  std::vector<HttpRequest> sent() {
    const std::lock_guard lock(mutex_);
    return sent_;
  }
  std::vector<HttpRequest> watches() {
    const std::lock_guard lock(mutex_);
    return watches_;
  }

 private:
  template <typename Condition>
  bool Wait(Condition condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(5), condition);
  }

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<HttpRequest> sent_;
  std::vector<HttpRequest> watches_;
  std::deque<Delivery> deliveries_;
  std::size_t delivered_ = 0;
};

inline std::string Header(const HttpRequest& request, std::string_view name) {
  for (const auto& [key, value] : request.headers) {
    if (key == name) return value;
  }
  return "";
}

}  // namespace purser::kube
