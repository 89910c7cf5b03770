// One TLS connection of the API's server: bytes in, requests out, answers back. Of net/server
// alone, on its thread alone.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "net/inbound.h"
#include "net/server/api_server.h"
#include "net/server/tls_files.h"

struct ssl_st;

namespace purser::net {

class Connection;
using Connections = std::list<std::shared_ptr<Connection>>;  // in the order they came

// What connections share. All but `context` of the server's thread alone.
struct ApiHouse {
  ApiServerOptions options;
  Admit admit;
  InboundHandler handler;
  std::mutex mutex;
  boost::asio::io_context* context = nullptr;  // null: the server is gone; guarded by mutex
  Connections connections;
  std::size_t body_bytes = 0;  // of requests being served
  bool draining = false;
  std::thread::id thread;  // the server's
  std::string date;        // of answers, to the second
  std::vector<char> scratch = std::vector<char>(std::size_t{64} << 10);  // what is read lands here

  // Runs it on the server's thread (at once, where this is it), or never once the server is gone.
  void Post(std::function<void()> function);
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Clock = std::chrono::steady_clock;

  Connection(boost::asio::ip::tcp::socket socket, const TlsFiles::Context& tls,
             std::shared_ptr<ApiHouse> house, bool surplus);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Takes its place among the house's connections and begins.
  void Start();
  // Ends what has taken too long.
  void LookAtTime(Clock::time_point now);
  // Between requests: nobody loses anything by its end.
  bool idle() const { return phase_ == Phase::kHead && input_.empty(); }
  // Whether an answer is under way.
  bool busy() const { return phase_ >= Phase::kAdmission && phase_ != Phase::kClosed; }
  bool streaming() const { return phase_ == Phase::kStreaming; }
  Clock::time_point since() const { return since_; }
  void Close();

  // Of an exchange.
  struct Talk;
  void OnAnswer(const std::shared_ptr<Talk>& talk, Answer answer);
  void OnBegin(const std::shared_ptr<Talk>& talk);
  void OnEvents(const std::shared_ptr<Talk>& talk);
  void OnEnd(const std::shared_ptr<Talk>& talk);

 private:
  enum class Phase {
    kHandshake,
    kHead,
    kLinger,  // all is said; the client is given time to read it
    kAdmission,
    kBody,
    kHandling,
    kStreaming,
    kWriting,
    kClosed
  };
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;

  void Enter(Phase phase, std::optional<std::chrono::seconds> lasts);
  void Drive();
  // Whether there is more to do at once, as of all of these.
  bool Handshake();
  bool Read();
  bool Parse();
  bool Write();
  bool Linger();
  // Waits for what TLS wants, or closes.
  bool Blocked(int result);
  void BeginRequest();
  void HeadDone();
  void OnAdmission(const std::shared_ptr<Talk>& talk, Admission admission);
  void BodyDone();
  void Refuse(int status, const std::string& detail);
  void Put(const Answer& answer, bool keep_alive);
  void Continue();  // says that the body may come
  void WaitToRead();
  void WaitToWrite();
  void Listen();  // for the end of a client that waits for an answer
  void ReturnBody();

  boost::asio::ip::tcp::socket socket_;
  ssl_st* ssl_;
  const TlsFiles::Context tls_;
  const std::shared_ptr<ApiHouse> house_;
  const bool surplus_;
  Phase phase_ = Phase::kHandshake;
  Clock::time_point deadline_;
  Clock::time_point since_;
  std::string input_;  // read, not parsed
  std::optional<Parser> parser_;
  RequestHead head_;
  std::shared_ptr<void> who_;
  std::string output_;
  std::size_t written_ = 0;
  bool keep_alive_ = false;
  bool gzip_ = false;
  bool unknown_encoding_ = false;
  bool head_only_ = false;
  bool waits_to_read_ = false;
  bool waits_to_write_ = false;
  bool driving_ = false;
  std::size_t body_bytes_ = 0;  // counted in the house
  std::shared_ptr<Talk> talk_;
  std::optional<Connections::iterator> place_;
};

}  // namespace purser::net
