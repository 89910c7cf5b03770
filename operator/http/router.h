// Which handler a request of the inbound API is for.
//
// To add an endpoint: write a function (Request, Reply) in a folder that may include http/ (or none
// of this: pure code behind it), and register it where the term's router is built (app/inbound.cc):
//   router.Add("POST", "/v1/route", [&](const Request& request, const Reply& reply) {
//     request.caller->Check({"create", "agentroutes"}, {ns}, [reply](Status may) {
//       if (!may.ok()) return reply->Send(ProblemOf(may.error()));
//       reply->Send({200, "application/json", body});
//     });
//   });
// Handlers are called on the server's only thread: they must not wait for anything. To answer later
// (a long poll, a commit) keep `reply` and Send from any thread; to stream, Begin and Event. A
// reply that is let go unanswered tells the client 503 and to come again.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/caller.h"
#include "net/inbound.h"

namespace purser::http {

using Reply = std::shared_ptr<net::Exchange>;

struct Request {
  std::string method;
  std::string path;
  std::map<std::string, std::string, std::less<>> segments;  // of the pattern's {names}, decoded
  std::map<std::string, std::string, std::less<>> query;     // decoded; the first of a name counts
  std::string content_type;
  std::string last_event_id;
  std::string body;                      // decompressed
  std::shared_ptr<const Caller> caller;  // never null

  // Of `query`; "": not given.
  const std::string& Query(std::string_view name) const;
};

// `request` may be moved from.
using Handler = std::function<void(Request& request, const Reply& reply)>;

// Filled before it serves; thread-safe afterwards.
class Router {
 public:
  // `pattern`: "/v1/limits/{namespace}/{pool}"; a {name} takes one segment, not empty.
  void Add(std::string method, std::string_view pattern, Handler handler);
  // The same, once the caller has `right` in the namespace that the pattern's {namespace} says.
  void Add(std::string method, std::string_view pattern, Right right, Handler handler);

  struct Match {
    const Handler* handler = nullptr;
    const std::optional<Right>* right = nullptr;
    std::map<std::string, std::string, std::less<>> segments;
  };
  // The handler; else 404, or 405 with Allow where only the method is another.
  std::optional<Match> Find(std::string_view method, std::string_view path,
                            net::Answer& otherwise) const;
  // Whether some method is registered for the path.
  bool Knows(std::string_view path) const;

  // Gives the request to its handler, and an exception of it to nobody.
  void Serve(net::InboundRequest request, std::shared_ptr<const Caller> caller,
             const Reply& reply) const;

 private:
  struct Route {
    std::string method;
    std::vector<std::string> pattern;  // "{…}" with its braces
    std::optional<Right> right;
    Handler handler;
  };
  void Put(std::string method, std::string_view pattern, std::optional<Right> right,
           Handler handler);

  std::vector<Route> routes_;
};

// "a=b&c=%20" decoded; nothing: a broken percent sign, or more than 64 pairs.
std::optional<std::map<std::string, std::string, std::less<>>> DecodeQuery(std::string_view text);

}  // namespace purser::http
