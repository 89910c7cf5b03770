// The hazards of cpprestsdk 2.10.18 and what is done here against each:
// - It follows redirects with the Authorization header: set_max_redirects(0).
// - It trusts the system's authorities beside ours: TlsMaterial begins with an empty store.
// - It sends IP literals as SNI: SNI is off for them, the address is still verified.
// - It sends a POST on a dead kept connection twice: a read-once body unless idempotent.
// - An unobserved task exception ends the process: every chain ends in a task-based continuation.
// - It asserts and throws on odd input: URL, method and headers are checked before.
// - Its timeout is inactivity, per client: off in effect; the caller's wait keeps the deadline.
// - Its bodies and lines have no bound: a stream buffer of our own with limits.
// - It starts 40 threads, and hands every step to another one: InitializeThreads, InlineScheduler.
// - It knows no proxy environment: ProxyRules.
// - It does not notice dead peers on a silent stream: TCP keep-alive.
#include "net/cpprest/cpprest_transport.h"

#include <cpprest/http_client.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pplx/threadpool.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <utility>

#include "net/cpprest/exchange.h"
#include "net/cpprest/inline_scheduler.h"
#include "net/cpprest/tls_material.h"
#include "net/proxy.h"
#include "net/url.h"

namespace purser::net {
namespace {

namespace web_http = web::http;
namespace web_client = web::http::client;

constexpr std::size_t kStreamBufferBytes = 256 << 10;
constexpr std::size_t kErrorBodyBytes = 1 << 20;
constexpr std::size_t kMaxHeaderBytes = 64 << 10;
constexpr Duration kHeaderTimeout{30'000};
constexpr auto kLibraryTimeout = std::chrono::hours(24);

bool IsToken(std::string_view text) {
  constexpr std::string_view kAllowed = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kAllowed.find(c) != std::string_view::npos;
  });
}

bool IsHeaderValue(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= ' ' && c <= '~') || c == '\t'; });
}

Status Check(const HttpRequest& request) {
  if (!IsToken(request.method))
    return Error(ErrorCode::kInvalidArgument, "the HTTP method is not a token");
  std::size_t bytes = 0;
  for (const auto& [name, value] : request.headers) {
    bytes += name.size() + value.size();
    if (!IsToken(name)) return Error(ErrorCode::kInvalidArgument, "a header name is not a token");
    // The value is not shown: it may be a credential.
    if (!IsHeaderValue(value)) {
      return Error(ErrorCode::kInvalidArgument,
                   "header " + name + " holds a character that is not printable ASCII");
    }
  }
  if (bytes > kMaxHeaderBytes)
    return Error(ErrorCode::kInvalidArgument, "the headers are longer than 65536 bytes");
  if (request.max_body_bytes <= 0)
    return Error(ErrorCode::kInvalidArgument, "max_body_bytes must be positive");
  if (request.timeout <= Duration::zero())
    return Error(ErrorCode::kInvalidArgument, "timeout must be positive");
  return Ok();
}

// Without them a peer that vanished is noticed only after the longest silence a watch may have.
void KeepAlive(int socket) {
  int is_set = 0;
  socklen_t size = sizeof(is_set);
  if (getsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &is_set, &size) == 0 && is_set != 0) return;
  const auto set = [socket](int level, int name, int value) {
    setsockopt(socket, level, name, &value, sizeof(value));
  };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 15);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 5);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, 30'000);
}

HttpResponse ToResponse(const web_http::http_response& answer) {
  HttpResponse response;
  response.status = answer.status_code();
  for (const char* name : {"content-type", "retry-after", "date", "location"}) {
    const auto found = answer.headers().find(name);
    if (found != answer.headers().end()) response.headers.emplace_back(name, found->second);
  }
  return response;
}

class CpprestTransport final : public HttpTransport {
 public:
  CpprestTransport(TlsOptions tls, ProxyRules rules, std::optional<Proxy> proxy)
      : tls_(std::make_shared<TlsMaterial>(std::move(tls))),
        rules_(std::move(rules)),
        proxy_(std::move(proxy)) {}

  Result<HttpResponse> Send(const HttpRequest& request, std::stop_token stop) override {
    const auto deadline = std::chrono::steady_clock::now() + request.timeout;
    auto call = Begin(request, static_cast<std::size_t>(request.max_body_bytes),
                      Exchange::Overflow::kFail, stop);
    if (!call) return call.error();
    // One wait for both: the header alone is of no use here.
    auto body = call->exchange->WaitForBody(deadline, stop);
    if (!body) return Failed(body.error(), *call);
    auto response = call->exchange->WaitForHeader(deadline, stop);
    if (!response) return Failed(response.error(), *call);
    call->ended = true;
    response->body = std::move(body).value();
    return response;
  }

  Result<HttpResponse> Stream(const HttpRequest& request, const OnPiece& on_piece,
                              std::stop_token stop) override {
    auto call = Begin(request, kStreamBufferBytes, Exchange::Overflow::kHold, stop);
    if (!call) return call.error();
    const auto silence = [&] { return std::chrono::steady_clock::now() + request.timeout; };
    // A stream may be silent for long, but it begins at once: nobody waits minutes for a dead
    // address.
    const auto header_by =
        std::chrono::steady_clock::now() + std::min<Duration>(request.timeout, kHeaderTimeout);
    auto response = call->exchange->WaitForHeader(header_by, stop);
    if (!response) return Failed(response.error(), *call);
    const bool success = response->status >= 200 && response->status < 300;

    std::string data;  // just arrived
    while (true) {
      if (auto status = call->exchange->WaitForData(data, silence(), stop); !status) {
        return Failed(status.error(), *call);
      }
      if (data.empty()) break;
      if (!success) {
        if (response->body.size() < kErrorBodyBytes) response->body += data;
        continue;
      }
      const auto goes_on = on_piece(data);
      if (!goes_on) return Failed(goes_on.error(), *call);
      if (!*goes_on) return response;
    }
    call->ended = true;
    return response;
  }

 private:
  struct Target {
    Url url;
    std::shared_ptr<web_client::http_client> client;
  };

  // Ends the exchange when the caller leaves, however it leaves.
  struct Call {
    Call(std::shared_ptr<Exchange> exchange_, std::string origin_)
        : exchange(std::move(exchange_)), origin(std::move(origin_)) {}
    Call(Call&&) = default;
    ~Call() {
      if (!exchange || ended) return;
      exchange->Leave();
      source.cancel();
    }
    std::shared_ptr<Exchange> exchange;
    std::string origin;
    pplx::cancellation_token_source source;
    bool ended = false;
  };

  Result<Call> Begin(const HttpRequest& request, std::size_t limit, Exchange::Overflow overflow,
                     const std::stop_token& stop) {
    if (stop.stop_requested()) return Error(ErrorCode::kCancelled, "asked to stop");
    PURSER_RETURN_IF_ERROR(Check(request));
    auto target = Find(request.url);
    if (!target) return target.error();
    Call call(std::make_shared<Exchange>(limit, overflow, request.piece_bytes),
              target->url.Origin());
    try {
      web_http::http_request message(request.method);
      message.set_request_uri(web::uri(target->url.target));
      for (const auto& [name, value] : request.headers) message.headers().add(name, value);
      // The library verifies, and sends as SNI, what Host says.
      const auto& server_name = tls_->options().server_name;
      if (target->url.secure() && !server_name.empty()) message.headers()["Host"] = server_name;
      SetBody(request, message);
      message.set_response_stream(MakeOutput(call.exchange));
      target->client->request(message, call.source.get_token())
          .then([exchange = call.exchange](const web_http::http_response& answer) {
            exchange->SetHeader(ToResponse(answer));
            return answer.content_ready();
          })
          .then([exchange = call.exchange,
                 client = target->client](const pplx::task<web_http::http_response>& done) {
            try {
              done.get();
              exchange->Finish(nullptr);
            } catch (...) {
              exchange->Finish(std::current_exception());
            }
          });
    } catch (const std::exception& exception) {
      return Error(ErrorCode::kInvalidArgument, call.origin + ": " + exception.what());
    }
    return call;
  }

  static void SetBody(const HttpRequest& request, web_http::http_request& message) {
    const bool has_type = message.headers().has("Content-Type");
    const std::string type = has_type ? message.headers()["Content-Type"] : "application/json";
    if (!request.idempotent) {
      message.set_body(MakeReadOnceInput(request.body), request.body.size(), type);
    } else if (!request.body.empty()) {
      message.set_body(request.body, type);
    }
  }

  Error Failed(const Error& error, const Call& call) const {
    std::string message = call.origin + ": " + error.message();
    if (error.code() == ErrorCode::kUnavailable && call.origin.starts_with("https:")) {
      if (const auto problem = tls_->LastProblem(); !problem.empty())
        message += " (" + problem + ")";
    }
    return Error(error.code(), std::move(message));
  }

  Result<Target> Find(const std::string& text) {
    auto url = ParseUrl(text);
    if (!url) return url.error();
    const std::string origin = url->Origin();
    {
      const std::shared_lock lock(mutex_);
      if (const auto found = clients_.find(origin); found != clients_.end()) {
        return Target{std::move(url).value(), found->second};
      }
    }
    const std::unique_lock lock(mutex_);
    auto& client = clients_[origin];
    if (!client) {
      try {
        client = std::make_shared<web_client::http_client>(web::uri(origin), ConfigFor(*url));
      } catch (const std::exception& exception) {
        clients_.erase(origin);
        return Error(ErrorCode::kInvalidArgument, origin + ": " + exception.what());
      }
    }
    return Target{std::move(url).value(), client};
  }

  web_client::http_client_config ConfigFor(const Url& url) const {
    web_client::http_client_config config;
    config.set_max_redirects(0);
    config.set_timeout(kLibraryTimeout);
    config.set_validate_certificates(!tls_->options().insecure_skip_verify);
    const auto& server_name = tls_->options().server_name;
    const std::string verified = server_name.empty() ? url.host : server_name;
    const bool address = server_name.empty() ? url.host_is_address : IsAddress(server_name);
    config.set_tlsext_sni_enabled(!address);
    config.set_ssl_context_callback(
        [tls = tls_, verified, address](boost::asio::ssl::context& context) {
          tls->Apply(context.native_handle(), verified, address);
        });
    const auto proxy = proxy_ ? proxy_ : rules_.For(url);
    // Called before every request; only a connection used again is open then, as a watch's is after
    // its list.
    config.set_nativehandle_options(
        [tls = url.secure(), proxied = proxy.has_value()](web_client::native_handle handle) {
          using Socket = boost::asio::ip::tcp::socket;
          if (handle == nullptr || (tls && proxied))
            return;  // through a proxy it is either of the two, unsaid which
          auto& socket = tls ? static_cast<boost::asio::ssl::stream<Socket&>*>(handle)->next_layer()
                             : *static_cast<Socket*>(handle);
          if (socket.is_open()) KeepAlive(socket.native_handle());
        });
    if (proxy) {
      web::web_proxy through{web::uri(proxy->url.Origin())};
      if (!proxy->user.empty())
        through.set_credentials(web::credentials(proxy->user, proxy->password));
      config.set_proxy(through);
    }
    return config;
  }

  static bool IsAddress(const std::string& host) {
    const auto url = ParseUrl("https://" + host);
    return url && url->host_is_address;
  }

  const std::shared_ptr<TlsMaterial> tls_;
  const ProxyRules rules_;
  const std::optional<Proxy> proxy_;
  std::shared_mutex mutex_;
  std::map<std::string, std::shared_ptr<web_client::http_client>> clients_;
};

}  // namespace

void InitializeThreads(std::size_t threads) {
  static const bool initialized = [threads] {
    try {
      crossplat::threadpool::initialize_with_threads(threads);
      pplx::set_ambient_scheduler(std::make_shared<InlineScheduler>());
    } catch (const std::exception&) {
      return false;  // somebody made a client before: the pool runs with the library's own number
    }
    return true;
  }();
  static_cast<void>(initialized);
}

Result<std::unique_ptr<HttpTransport>> MakeCpprestTransport(CpprestOptions options) {
  InitializeThreads();
  if (!options.tls.server_name.empty()) {
    if (auto name = ParseUrl("https://" + options.tls.server_name);
        !name || name->target != "/" || name->port != 443) {
      return Error(ErrorCode::kInvalidArgument,
                   "server name '" + options.tls.server_name + "' is not a host name");
    }
  }
  std::optional<Proxy> proxy;
  ProxyRules rules;
  if (!options.proxy_url.empty()) {
    auto parsed = ParseProxy(options.proxy_url);
    if (!parsed) return parsed.error();
    proxy = std::move(parsed).value();
  } else if (options.use_proxy_environment) {
    auto parsed = ProxyRules::FromEnvironment([](const char* name) {
      return std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets any
    });
    if (!parsed) return parsed.error();
    rules = std::move(parsed).value();
  }
  PURSER_RETURN_IF_ERROR(TlsMaterial(options.tls).Validate());
  return std::unique_ptr<HttpTransport>(std::make_unique<CpprestTransport>(
      std::move(options.tls), std::move(rules), std::move(proxy)));
}

}  // namespace purser::net
