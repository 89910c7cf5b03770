#include "net/server/api_server.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <condition_variable>
#include <ctime>
#include <thread>
#include <utility>
#include <vector>

#include "base/address.h"
#include "net/server/connection.h"
#include "net/server/tls_files.h"

namespace purser::net {
namespace {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;

constexpr auto kLookEvery = std::chrono::milliseconds(500);
constexpr int kLooksBetweenFiles = 10;
constexpr auto kAcceptPause = std::chrono::milliseconds(100);
// Beyond most_connections so many are taken to be told 429; those after them wait to be accepted.
constexpr std::size_t kSurplus = 64;

std::string HttpDate() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[40];
  const auto size = std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &utc);
  return {text, size};
}

}  // namespace

class ApiServer::Implementation {
 public:
  Implementation(std::unique_ptr<asio::io_context> context, tcp::acceptor acceptor,
                 ApiServerOptions options, TlsFiles files, Admit admit, InboundHandler handler)
      : context_(std::move(context)),
        acceptor_(std::move(acceptor)),
        timer_(*context_),
        pause_(*context_),
        files_(std::move(files)) {
    house_->options = std::move(options);
    house_->admit = std::move(admit);
    house_->handler = std::move(handler);
    house_->context = context_.get();
    house_->date = HttpDate();
    asio::post(*context_, [this] {
      house_->thread = std::this_thread::get_id();
      Accept();
      LookLater();
    });
    thread_ = std::thread([this] { context_->run(); });
  }

  ~Implementation() {
    asio::post(*context_, [this] { Drain(); });
    thread_.join();
    {
      const std::lock_guard lock(house_->mutex);
      house_->context = nullptr;
    }
  }
  Implementation(const Implementation&) = delete;
  Implementation& operator=(const Implementation&) = delete;

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  std::size_t connections() const { return count_; }

 private:
  void Accept() {
    if (house_->connections.size() >= house_->options.most_connections + kSurplus)
      return AcceptLater();
    acceptor_.async_accept([this](boost::system::error_code error, tcp::socket socket) {
      if (error == asio::error::operation_aborted || house_->draining) return;
      if (error) {
        // No descriptor is free.
        CloseOldestIdle();
        return AcceptLater();
      }
      const bool full = house_->connections.size() >= house_->options.most_connections;
      const bool surplus = full && !CloseOldestIdle();
      std::make_shared<Connection>(std::move(socket), files_.context(), house_, surplus)->Start();
      count_ = house_->connections.size();
      Accept();
    });
  }

  void AcceptLater() {
    pause_.expires_after(kAcceptPause);
    pause_.async_wait([this](boost::system::error_code error) {
      if (!error && !house_->draining) Accept();
    });
  }

  bool CloseOldestIdle() {
    std::shared_ptr<Connection> oldest;
    for (const auto& connection : house_->connections) {
      if (connection->idle() && (oldest == nullptr || connection->since() < oldest->since()))
        oldest = connection;
    }
    if (oldest == nullptr) return false;
    oldest->Close();
    return true;
  }

  // One timer for all connections.
  void LookLater() {
    timer_.expires_after(kLookEvery);
    timer_.async_wait([this](boost::system::error_code error) {
      if (error) return;
      Look();
      if (!house_->draining) LookLater();
    });
  }

  void Look() {
    const auto now = Connection::Clock::now();
    house_->date = HttpDate();
    for (const auto& connection : Living()) connection->LookAtTime(now);
    count_ = house_->connections.size();
    if (++looks_ % kLooksBetweenFiles != 0) return;
    const Status read = files_.Refresh();
    const std::string problem = read.ok() ? "" : read.error().message();
    if (problem != told_ && !problem.empty() && house_->options.on_problem)
      house_->options.on_problem(problem);
    told_ = problem;
  }

  std::vector<std::shared_ptr<Connection>> Living() const {
    return {house_->connections.begin(), house_->connections.end()};
  }

  void Drain() {
    house_->draining = true;
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    drained_by_ = Connection::Clock::now() + house_->options.grace;
    DrainOn();
  }

  // Streams last until somebody ends them: they are not waited for.
  void DrainOn() {
    const bool late = Connection::Clock::now() >= drained_by_;
    for (const auto& connection : Living()) {
      if (late || !connection->busy() || connection->streaming()) connection->Close();
    }
    timer_.cancel();
    pause_.cancel();
    if (house_->connections.empty()) return context_->stop();
    timer_.expires_after(std::chrono::milliseconds(10));
    timer_.async_wait([this](boost::system::error_code error) {
      if (!error) DrainOn();
    });
  }

  const std::unique_ptr<asio::io_context> context_;
  tcp::acceptor acceptor_;
  asio::steady_timer timer_, pause_;
  const std::shared_ptr<ApiHouse> house_ = std::make_shared<ApiHouse>();
  TlsFiles files_;
  std::string told_;
  int looks_ = 0;
  Connection::Clock::time_point drained_by_;
  std::atomic<std::size_t> count_ = 0;
  std::thread thread_;
};

ApiServer::ApiServer(std::unique_ptr<Implementation> implementation)
    : implementation_(std::move(implementation)) {}
ApiServer::~ApiServer() = default;

std::uint16_t ApiServer::port() const { return implementation_->port(); }
std::size_t ApiServer::connections() const { return implementation_->connections(); }

Result<std::unique_ptr<ApiServer>> ApiServer::Start(ApiServerOptions options, Admit admit,
                                                    InboundHandler handler) {
  const auto wanted = ParseListenAddress(options.address);
  boost::system::error_code error;
  const auto ip = asio::ip::make_address(wanted ? wanted->ip : "", error);
  if (error) {
    return Error(ErrorCode::kInvalidArgument,
                 "server.address \"" + options.address + "\": " + kListenAddressForm);
  }
  TlsFiles files(options.cert_file, options.key_file);
  PURSER_RETURN_IF_ERROR(files.Refresh());
  auto context = std::make_unique<asio::io_context>(1);
  tcp::acceptor acceptor(*context);
  const tcp::endpoint endpoint(ip, wanted->port);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return Error(ErrorCode::kUnavailable, "cannot listen on " + options.address + ": " +
                                              error.message() + "; choose another server.address");
  }
  return std::unique_ptr<ApiServer>(new ApiServer(
      std::make_unique<Implementation>(std::move(context), std::move(acceptor), std::move(options),
                                       std::move(files), std::move(admit), std::move(handler))));
}

}  // namespace purser::net
