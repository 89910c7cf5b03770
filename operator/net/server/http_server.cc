#include "net/server/http_server.h"

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/address.h"

namespace purser::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;

constexpr std::size_t kMaxConnections = 64;
constexpr std::uint32_t kMaxHeaderBytes = 16 * 1024;
constexpr auto kRequestTimeout = std::chrono::seconds(10);
// An error of accept lasts (no descriptor is free): asking again at once would only burn a core.
constexpr auto kAcceptPause = std::chrono::milliseconds(100);

Result<tcp::endpoint> ParseAddress(const std::string& address) {
  const auto wanted = ParseListenAddress(address);
  boost::system::error_code error;
  const auto ip = asio::ip::make_address(wanted ? wanted->ip : "", error);
  if (!error) return tcp::endpoint(ip, wanted->port);
  return Error(ErrorCode::kInvalidArgument,
               "server.metricsAddress \"" + address + "\": " + kListenAddressForm);
}

class Session;
using Sessions = std::list<Session*>;  // those that live, in the order they came

// What sessions are given. `context` is null once the server is gone.
struct House {
  HttpServer::Handler handler;
  HttpServer::Gate gate;
  std::mutex mutex;
  asio::io_context* context = nullptr;
};

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket socket, std::shared_ptr<House> house, Sessions& sessions)
      : stream_(std::move(socket)),
        house_(std::move(house)),
        sessions_(sessions),
        place_(sessions.insert(sessions.end(), this)) {}
  ~Session() { sessions_.erase(place_); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Whether it is still the client's turn.
  bool waiting() const { return waiting_; }

  void Close() {
    waiting_ = false;
    beast::error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_both, ignored);
  }

  // Ends the wait for a gate that answers no more.
  void GiveUp() { held_.reset(); }

  void Read() {
    waiting_ = true;
    parser_.emplace();
    parser_->header_limit(kMaxHeaderBytes);
    parser_->body_limit(0);
    stream_.expires_after(kRequestTimeout);
    http::async_read(
        stream_, buffer_, *parser_,
        [self = shared_from_this()](beast::error_code error, std::size_t) { self->OnRead(error); });
  }

 private:
  void OnRead(beast::error_code error) {
    waiting_ = false;
    if (error == http::error::body_limit)
      return Answer({413, "text/plain", "no request body is taken\n"}, false);
    if (error) return Close();
    const auto& request = parser_->get();
    if (request.method() != http::verb::get && request.method() != http::verb::head) {
      return Answer({405, "text/plain", "only GET and HEAD\n"}, false);
    }
    const std::string target(request.target().data(), request.target().size());
    const std::string path = target.substr(0, target.find('?'));
    const std::string method = request.method() == http::verb::get ? "GET" : "HEAD";
    const auto header = request.find(http::field::authorization);
    const std::string authorization(header == request.end() ? std::string()
                                                            : std::string(header->value()));
    if (!house_->gate) return Answer(house_->handler({method, path}), request.keep_alive());
    held_ = shared_from_this();
    house_->gate({method, path, authorization},
                 [house = house_, weak = weak_from_this(), method, path](auto refusal) {
                   const std::lock_guard lock(house->mutex);
                   if (house->context == nullptr) return;
                   asio::post(*house->context, [weak, method, path, refusal = std::move(refusal)] {
                     if (const auto self = weak.lock()) self->OnGate(method, path, refusal);
                   });
                 });
  }

  void OnGate(const std::string& method, const std::string& path,
              const std::optional<ServerResponse>& refusal) {
    const auto self = std::move(held_);
    if (self == nullptr) return;  // answered before
    const bool keep_alive = parser_->get().keep_alive();
    if (refusal) return Answer(*refusal, keep_alive);
    Answer(house_->handler({method, path}), keep_alive);
  }

  void Answer(ServerResponse answer, bool keep_alive) {
    const bool head = parser_->get().method() == http::verb::head;
    response_ = {};
    response_.version(11);
    response_.result(static_cast<unsigned>(answer.status));
    response_.set(http::field::content_type, answer.content_type);
    response_.set("X-Content-Type-Options", "nosniff");
    if (answer.status == 401) response_.set(http::field::www_authenticate, "Bearer");
    response_.keep_alive(keep_alive);
    const auto size = answer.body.size();
    if (!head) response_.body() = std::move(answer.body);
    response_.content_length(size);
    http::async_write(
        stream_, response_,
        [self = shared_from_this(), keep_alive, head](beast::error_code error, std::size_t) {
          if (error || !keep_alive || head) return self->Close();
          self->Read();
        });
  }

  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::empty_body>> parser_;
  http::response<http::string_body> response_;
  const std::shared_ptr<House> house_;
  std::shared_ptr<Session> held_;  // while the gate is asked, and nothing else holds us
  Sessions& sessions_;
  const Sessions::iterator place_;
  bool waiting_ = false;
};

}  // namespace

class HttpServer::Implementation {
 public:
  Implementation(tcp::acceptor acceptor, std::unique_ptr<asio::io_context> context, Handler handler,
                 Gate gate)
      : context_(std::move(context)), acceptor_(std::move(acceptor)), pause_(*context_) {
    house_->handler = std::move(handler);
    house_->gate = std::move(gate);
    house_->context = context_.get();
    Accept();
    thread_ = std::thread([this] { context_->run(); });
  }
  ~Implementation() {
    context_->stop();
    thread_.join();
    {
      const std::lock_guard lock(house_->mutex);
      house_->context = nullptr;
    }
    const Sessions living = sessions_;
    for (auto* session : living) session->GiveUp();
  }
  Implementation(const Implementation&) = delete;
  Implementation& operator=(const Implementation&) = delete;

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

 private:
  void Accept() {
    acceptor_.async_accept([this](beast::error_code error, tcp::socket socket) {
      if (error == asio::error::operation_aborted) return;
      if (error) return AcceptLater();
      // Whoever connects and stays silent gives way to whoever comes.
      if (sessions_.size() < kMaxConnections || CloseOldestWaiting())
        std::make_shared<Session>(std::move(socket), house_, sessions_)->Read();
      Accept();
    });
  }

  void AcceptLater() {
    pause_.expires_after(kAcceptPause);
    pause_.async_wait([this](beast::error_code error) {
      if (!error) Accept();
    });
  }

  bool CloseOldestWaiting() {
    const auto oldest = std::ranges::find_if(sessions_, &Session::waiting);
    if (oldest == sessions_.end()) return false;
    (*oldest)->Close();
    return true;
  }

  Sessions sessions_;  // of the thread alone; outlives the context, which holds the sessions
  std::unique_ptr<asio::io_context> context_;
  tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  const std::shared_ptr<House> house_ = std::make_shared<House>();
  std::thread thread_;
};

HttpServer::HttpServer(std::unique_ptr<Implementation> implementation)
    : implementation_(std::move(implementation)) {}
HttpServer::~HttpServer() = default;

std::uint16_t HttpServer::port() const { return implementation_->port(); }

Result<std::unique_ptr<HttpServer>> HttpServer::Start(const std::string& address, Handler handler,
                                                      Gate gate) {
  auto endpoint = ParseAddress(address);
  if (!endpoint) return endpoint.error();
  auto context = std::make_unique<asio::io_context>(1);
  tcp::acceptor acceptor(*context);
  beast::error_code error;
  acceptor.open(endpoint->protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(*endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return Error(ErrorCode::kUnavailable, "cannot listen on " + address + ": " + error.message() +
                                              "; choose another server.metricsAddress");
  }
  return std::unique_ptr<HttpServer>(new HttpServer(std::make_unique<Implementation>(
      std::move(acceptor), std::move(context), std::move(handler), std::move(gate))));
}

}  // namespace purser::net
