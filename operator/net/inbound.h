// Requests that come from outside and their answers: shapes alone, no library. Served by
// net/server.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace purser::net {

// Of a request, before its body has come. Headers that were not sent are empty.
struct RequestHead {
  std::string method;  // "GET"
  std::string path;    // as sent, percent-encoded, without the query
  std::string query;   // as sent, without "?"
  std::string authorization;
  std::string content_type;
  std::string last_event_id;
};

struct Answer {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers = {};  // no line ends in them
};

// One request that waits for its answer. Thread-safe; whoever holds it may answer at any time, on
// any thread, also after the client or the server is gone. When the last reference goes unanswered
// the client is told 503 and to come again: nobody waits for ever.
class Exchange {
 public:
  virtual ~Exchange() = default;

  // Once; what comes later is ignored. `answer` with a status of 200 to 599.
  virtual void Send(Answer answer) = 0;

  // Instead of Send: a stream of events (text/event-stream) that lasts until End, or until the
  // client is gone. Event() takes whole events ("id: 7\ndata: {}\n\n"); false: nobody reads any
  // more, or too slowly (1 MiB waits), and what holds the stream should let go.
  virtual void Begin() = 0;
  virtual bool Event(std::string event) = 0;
  virtual void End() = 0;

  // Called once, on the server's thread, when the client is gone before the end; at once when it
  // is gone already. Must not block.
  virtual void OnGone(std::function<void()> gone) = 0;
};

struct InboundRequest {
  RequestHead head;
  std::string body;           // decompressed
  std::shared_ptr<void> who;  // of Admission
};

// Whether a request may send its body.
struct Admission {
  std::optional<Answer> refusal;  // nothing: yes
  std::shared_ptr<void> who;      // kept for the handler
};

// Both are called on the server's thread and must not block. `Admit` answers once, on any thread.
using Admit = std::function<void(const RequestHead& head, std::function<void(Admission)> answer)>;
using InboundHandler =
    std::function<void(InboundRequest request, std::shared_ptr<Exchange> exchange)>;

}  // namespace purser::net
