#include "http/limits_api.h"

#include <utility>

#include "http/problem.h"

namespace purser::http {
namespace {

std::string EventOf(const std::string& id, const std::string& document) {
  return "id: " + id + "\nevent: limits\ndata: " + document + "\n\n";
}

}  // namespace

LiveLimits::LiveLimits(Clock& clock)
    : clock_(clock),
      term_(std::to_string(clock.Now().time_since_epoch().count())),
      thread_([this](const std::stop_token& stop) { Beat(stop); }) {}

LiveLimits::~LiveLimits() {
  thread_.request_stop();
  thread_.join();
}

void LiveLimits::Put(const controllers::Limits& limits) {
  const std::lock_guard lock(mutex_);
  auto& known = pools_[{limits.ns, limits.pool}];
  if (!known.document.empty() && known.limits == limits) return;
  known.limits = limits;
  known.document = controllers::LimitsDocument(limits, clock_.Now());
  known.id = term_ + "-" + std::to_string(++number_);
  const auto event = EventOf(known.id, known.document);
  followers_ -= std::erase_if(known.followers,
                              [&](const Reply& follower) { return !follower->Event(event); });
}

void LiveLimits::Remove(const kube::ObjectKey& pool) {
  std::vector<Reply> followers;  // ended outside of the lock
  const std::lock_guard lock(mutex_);
  const auto found = pools_.find(pool);
  if (found == pools_.end()) return;
  followers = std::move(found->second.followers);
  followers_ -= followers.size();
  pools_.erase(found);
}

void LiveLimits::AddTo(Router& router) {
  router.Add("GET", "/v1/limits/{namespace}/{pool}", Right{"get", "agentlimits"},
             [this](Request& request, const Reply& reply) { Answer(request, reply); });
}

void LiveLimits::Answer(Request& request, const Reply& reply) {
  const auto& watch = request.Query("watch");
  if (!watch.empty() && watch != "true" && watch != "false")
    return reply->Send(Problem(400, "want true or false", "watch"));
  const std::lock_guard lock(mutex_);
  const auto found = pools_.find({request.segments["namespace"], request.segments["pool"]});
  if (found == pools_.end()) {
    return reply->Send(Problem(404, "no limits of pool " + request.segments["namespace"] + "/" +
                                        request.segments["pool"] +
                                        " are known: it is not there, or was not decided yet"));
  }
  auto& known = found->second;
  if (watch != "true") {
    net::Answer answer{200, "application/json", known.document, {}};
    answer.headers.emplace_back("ETag", "\"" + known.id + "\"");
    return reply->Send(std::move(answer));
  }
  if (followers_ >= kMostFollowers)
    return reply->Send(Problem(429, "too many follow limits; ask now and then instead"));
  reply->Begin();
  // Who comes again with what is still in force has it.
  reply->Event(request.last_event_id == known.id ? ": as it was\n\n"
                                                 : EventOf(known.id, known.document));
  known.followers.push_back(reply);
  ++followers_;
}

void LiveLimits::Beat(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    never_.wait_for(lock, stop, kHeartbeat, [] { return false; });
    for (auto& [pool, known] : pools_) {
      followers_ -= std::erase_if(known.followers, [](const Reply& follower) {
        return !follower->Event(": still so\n\n");
      });
    }
  }
}

}  // namespace purser::http
