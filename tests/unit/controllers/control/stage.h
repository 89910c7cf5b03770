// All controllers on an API server in memory and a real ledger, on one thread and a time of their
// own: a world in which lives begin and end.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "controllers/control.h"
#include "support/clocks.h"
#include "support/fake_api_server.h"
#include "support/lifeline.h"

namespace purser::controllers {

// Stands still until moved, and delays with it.
class StageClock final : public Clock {
 public:
  explicit StageClock(Timestamp now) : now_(now) {}
  Timestamp Now() const override { return now_.load(); }
  std::chrono::steady_clock::time_point Steady() const override {
    return std::chrono::steady_clock::time_point(Now().time_since_epoch());
  }
  void WaitUntil(std::unique_lock<std::mutex>&, std::condition_variable_any&, Timestamp,
                 std::stop_token) override {}  // nobody waits
  void Advance(Duration by) { now_ = Now() + by; }

 private:
  std::atomic<Timestamp> now_;
};

inline constexpr const char* kStageNamespace = "agents";
inline constexpr const char* kStageSource = "default";

class Stage {
 public:
  Stage();
  ~Stage();
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  support::FakeApiServer& api() { return api_; }
  const support::FakeApiServer& api() const { return api_; }
  StageClock& clock() { return clock_; }

  // What people make.
  void Deployment(const std::string& name, int replicas, const std::string& kind = "deployments");
  void Job(const std::string& name, const nlohmann::json& labels);
  // A kind that is watched once the pools ask for it.
  void AlsoWatched(const std::string& plural);
  void WatchedNoMore() { also_watched_.clear(); }
  void Pool(const std::string& name, const std::vector<std::string>& agents,
            const nlohmann::json& more = nlohmann::json::object());
  void Budget(const std::string& name, const nlohmann::json& spec,
              const std::vector<std::string>& pools = {"team"});
  void Spend(const std::string& agent, Money amount);
  // A call that is told as a record; nobody hears it where no life is.
  void Call(const std::string& agent, const std::string& task, std::int64_t input_tokens,
            bool failed = false);

  // A life of the operator: it starts, leads, and ends as a killed process does. `die_at`: see
  // Lifeline; 0: by itself it lives on.
  void Start(int die_at = 0, support::Lifeline::Kill kill = support::Lifeline::Kill::kBefore);
  void Kill();
  // Ends the life, and runs `purser restore`, which dies as Start says. What it has written.
  std::vector<std::string> Uninstall(
      int die_at = 0, support::Lifeline::Kill kill = support::Lifeline::Kill::kBefore);
  bool alive() const;
  // A life that dies is followed by none until Start.
  void StayDown() { stays_down_ = true; }
  // What the life that Start began has written.
  std::vector<std::string> written() const;

  // The webhook "gateway" of the configuration: what it answers, and what it took, in order.
  using Gateway = std::function<Status(const std::string& document)>;
  void SetGateway(Gateway gateway) { gateway_ = std::move(gateway); }
  const std::vector<nlohmann::json>& posted() const { return posted_; }

  // Lets so much time pass, in which what there is to be done is done; a life that died is followed
  // by another one at once. Without a life only time passes, and pods come and go.
  void Pass(std::chrono::seconds time);
  // Does what is to be done now; watches that are held back bring nothing.
  void Settle();

  int Replicas(const std::string& name, const std::string& kind = "deployments") const;
  nlohmann::json StatusOf(const std::string& plural, const std::string& name) const;
  // "True/Reason"; "": there is none.
  std::string ConditionOf(const std::string& plural, const std::string& name,
                          const std::string& type) const;
  Money Booked(const std::string& agent) const;
  // Everything there is, but what means nothing: versions, the ledger's random name, and times of
  // which a kill may cost a second.
  nlohmann::json State() const;
  // Every life's writes to workloads, as "namespace/name: replicas", in order.
  const std::vector<std::string>& scaled() const { return scaled_; }

 private:
  class Life;

  void Begin();

  StageClock clock_;
  support::FakeApiServer api_;
  std::set<std::string> also_watched_;
  bool asked_ = false;  // they are watched in this life
  std::string folder_;
  std::map<std::string, Money> spent_;  // as the source tells it
  std::unique_ptr<support::Lifeline> lifeline_;
  std::unique_ptr<Life> life_;
  bool stays_down_ = false;
  bool died_ = false;                 // the life that Start began
  std::vector<std::string> written_;  // by it
  std::vector<std::string> scaled_;
  Gateway gateway_;
  std::vector<nlohmann::json> posted_;
  int calls_ = 0;
};

}  // namespace purser::controllers
