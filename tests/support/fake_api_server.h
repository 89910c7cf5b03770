// An API server in memory: objects with versions, generations, finalizers and owners of replicas;
// lists in pages, watches, and what can go wrong with them.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/http_transport.h"
#include "support/lifeline.h"

namespace purser::support {

// Thread-safe. Objects are named by plural ("deployments"), namespace and name.
class FakeApiServer {
 public:
  using Json = nlohmann::json;

  // As somebody else would: kubectl create, a merge patch by a field manager (of the object, or of
  // its status), kubectl delete.
  void Create(const std::string& plural, Json object, const std::string& manager = "kubectl");
  void Patch(const std::string& plural, const std::string& ns, const std::string& name,
             const Json& patch, const std::string& manager = "kubectl");
  void Delete(const std::string& plural, const std::string& ns, const std::string& name);
  Json Get(const std::string& plural, const std::string& ns,
           const std::string& name) const;  // null: not there
  std::vector<Json> All(const std::string& plural) const;
  // Controllers that make pods and end them at once: the status of each workload and Job becomes
  // what its spec says.
  void RunWorkloads();

  // Before Kubernetes 1.35 the status of a Deployment leaves out pods that are about to end.
  void TellNoTerminating() { tells_terminating_ = false; }

  // What goes to it in one life of a client; writes go by the lifeline. Both must outlive it.
  std::unique_ptr<net::HttpTransport> Connect(Lifeline& life);

  // Whether a watch of each of `plurals` is there, and has brought all it may, as those of
  // `where_watched` have where there are any; false after 5 s.
  bool Idle(const std::set<std::string>& plurals, const std::set<std::string>& where_watched = {});

  // Behind one address another API server answers, which is behind: lists and watches of `plural`
  // see nothing newer than `version`; nothing: all.
  void SeeUpTo(const std::string& plural, std::optional<std::uint64_t> version);
  std::uint64_t version() const;
  // Ends the watches of `plural`, as the end of a connection does.
  void BreakWatches(const std::string& plural);
  // Older versions than the present are gone, and what was remembered of them: who asks for one is
  // answered 410.
  void Compact();
  // Versions go on from `version`, as after etcd was restored; the objects stay as they are. Every
  // connection breaks.
  void RestoreEtcd(std::uint64_t version);
  // Called with each event of a watch; what it returns is delivered instead.
  using Deliver = std::function<std::vector<Json>(const Json& event)>;
  void SetDeliver(Deliver deliver);
  // Called with each write before it is carried out; an answer takes its place.
  using Intercept =
      std::function<std::optional<net::HttpResponse>(const net::HttpRequest& request)>;
  void SetIntercept(Intercept intercept);
  // GETs of one object so far.
  std::uint64_t reads() const { return reads_; }

 private:
  using Key = std::pair<std::string, std::string>;  // namespace, name
  struct Event {
    std::uint64_t version;
    std::string plural;
    std::string type;
    Json object;
  };
  struct Target;
  struct Watch {
    std::string plural;
    std::string ns;
    std::string label;  // that its objects have; empty: all
    std::uint64_t position = 0;
    bool waits = false;
    bool broken = false;
    bool failed = false;  // not in order
  };
  class Connection;

  net::HttpResponse Write(const net::HttpRequest& request);
  net::HttpResponse Read(const net::HttpRequest& request) const;
  net::HttpResponse List(const Target& target) const;
  Result<net::HttpResponse> Stream(const Target& target,
                                   const net::HttpTransport::OnPiece& on_piece,
                                   const std::stop_token& stop);
  // Under mutex_.
  net::HttpResponse Change(const std::string& plural, const Key& key, Json patch, bool of_status,
                           const std::string& manager);
  void Make(const std::string& plural, Json object, const std::string& manager);
  void Record(const std::string& plural, const std::string& type, Json& object);
  std::map<Key, Json> Seen(const std::string& plural, std::uint64_t version) const;
  std::uint64_t Newest(const std::string& plural) const;

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::uint64_t version_ = 1000;
  std::uint64_t oldest_ = 0;  // that may be asked for
  std::map<std::string, std::map<Key, Json>> objects_;
  std::map<std::string, int> made_;  // by plural, namespace and name
  std::vector<Event> events_;
  std::map<std::string, std::uint64_t> see_up_to_;
  std::vector<std::shared_ptr<Watch>> watches_;
  Deliver deliver_;
  Intercept intercept_;
  bool tells_terminating_ = true;
  mutable std::atomic<std::uint64_t> reads_ = 0;
};

}  // namespace purser::support
