#include "kube/client.h"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/list_splitter.h"
#include "base/pause.h"
#include "base/utf8.h"
#include "net/url.h"

namespace purser::kube {
namespace {

constexpr std::int64_t kMaxObjectBytes = 8 << 20;
constexpr std::size_t kListPieceBytes = 128 << 10;
constexpr int kMostWaits = 3;  // that a server may ask for in one call
constexpr const char* kAuthorization = "Authorization";
constexpr std::size_t kMaxShownMessage = 1024;

using Steady = std::chrono::steady_clock;

constexpr const char* kJson = "application/json";

// How one verb is sent.
struct Verb {
  std::string_view name;
  const char* method;
  const char* content_type;
  bool idempotent;
  const char* accept = kJson;
};
constexpr Verb kGet{"get", "GET", nullptr, true};
constexpr Verb kList{"list", "GET", nullptr, true};
constexpr Verb kWatch{"watch", "GET", nullptr, true};
constexpr Verb kCreate{"create", "POST", "application/json", false};
// A merge patch of absolute values says the same the second time; with a resourceVersion it is
// refused then.
constexpr Verb kPatch{"patch", "PATCH", "application/merge-patch+json", true};
constexpr Verb kStrategicPatch{
    "patch", "PATCH", "application/strategic-merge-patch+json", true,
    "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"};
constexpr Verb kApply{"apply", "PATCH", "application/apply-patch+yaml", true};

// An empty or dot segment would address something else than was meant.
Status CheckPath(std::string_view path) {
  if (path.starts_with('/') && path.find('?') == std::string_view::npos &&
      path.find('#') == std::string_view::npos) {
    std::string_view rest = path.substr(1);
    while (true) {
      const auto slash = rest.find('/');
      const std::string_view segment = rest.substr(0, slash);
      if (segment.empty() || segment == "." || segment == "..") break;
      if (slash == std::string_view::npos) return Ok();
      rest.remove_prefix(slash + 1);
    }
  }
  return Error(ErrorCode::kInvalidArgument,
               "'" + std::string(path) + "' is not a path of an API resource");
}

ErrorCode CodeOf(int status, std::string_view reason) {
  switch (status) {
    case 400:
    case 422:
      return ErrorCode::kInvalidArgument;
    case 401:
      return ErrorCode::kUnauthenticated;
    case 403:
      return ErrorCode::kPermissionDenied;
    case 404:
      return ErrorCode::kNotFound;
    case 409:
      return reason == "AlreadyExists" ? ErrorCode::kAlreadyExists : ErrorCode::kConflict;
    case 410:
      return ErrorCode::kExpired;
    case 413:
    case 429:
      return ErrorCode::kResourceExhausted;
    case 504:
      return ErrorCode::kTimeout;
    default:
      break;
  }
  if (reason == "Timeout") return ErrorCode::kTimeout;
  if (status >= 500) return ErrorCode::kUnavailable;
  // 3xx and what else there is: no API server answers that, retrying does not help.
  return ErrorCode::kInvalidArgument;
}

// What to do about an answer that only people can mend.
std::string_view WayOut(int status, std::string_view message) {
  if (status == 401) {
    return "; the credentials are not accepted: renew the kubeconfig's token or certificate, or "
           "make the service account again; files are read again at every try";
  }
  // As RBAC says it: user "u" cannot list resource "r" in API group "g". Other refusals (a
  // namespace that ends, a quota) say what they want.
  if (status == 403 && message.find(" cannot ") != std::string_view::npos) {
    return "; grant this user that verb on that resource with a (Cluster)Role and its binding, as "
           "charts/purser does";
  }
  return "";
}

// Seconds; the form with a date is not used by API servers.
std::optional<Duration> RetryAfter(const net::HttpResponse& response) {
  const std::string_view text = response.Header("retry-after");
  unsigned seconds = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (text.empty() || problem != std::errc() || end != text.data() + text.size())
    return std::nullopt;
  return std::chrono::seconds(std::min(seconds, 3600U));
}

}  // namespace

std::string CollectionPath(const ResourceType& type, std::string_view ns) {
  std::string path = type.group.empty() ? "/api/" : "/apis/" + net::PercentEncode(type.group) + "/";
  path += net::PercentEncode(type.version);
  if (type.namespaced && !ns.empty()) path += "/namespaces/" + net::PercentEncode(ns);
  path += "/" + net::PercentEncode(type.plural);
  return path;
}

std::string ObjectPath(const ResourceType& type, const ObjectKey& key,
                       std::string_view subresource) {
  std::string path = CollectionPath(type, key.ns) + "/" + net::PercentEncode(key.name);
  if (!subresource.empty()) path += "/" + net::PercentEncode(subresource);
  return path;
}

Error DecodeApiError(int http_status, std::string_view body) {
  std::string message;
  std::string reason;
  simdjson::dom::parser parser;
  simdjson::dom::object status;
  if (body.size() <= (1 << 20) &&
      parser.parse(body.data(), body.size()).get(status) == simdjson::SUCCESS) {
    std::string_view text;
    if (status["message"].get(text) == simdjson::SUCCESS) message = text;
    if (status["reason"].get(text) == simdjson::SUCCESS) reason = text;
  }
  if (message.empty()) {
    // Not an API server's answer: a proxy's page, perhaps. Its beginning tells most.
    message = CutUtf8(body, 200);
    std::ranges::replace_if(
        message, [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
  }
  message.resize(CutUtf8(message, kMaxShownMessage).size());
  return Error(CodeOf(http_status, reason), "HTTP " + std::to_string(http_status) + ": " + message +
                                                std::string(WayOut(http_status, message)));
}

class Client::Implementation {
 public:
  Implementation(net::HttpTransport& transport, Access access, Observer observer)
      : transport_(transport), access_(std::move(access)), observer_(std::move(observer)) {}

  Result<std::string> Call(const Verb& verb, const std::string& path, const Query& query,
                           const std::string& body, const CallOptions& options) {
    auto request = MakeRequest(verb, path, query, options);
    if (!request) return request.error().WithContext(Describe(verb, path));
    request->body = body;
    request->max_body_bytes = kMaxObjectBytes;
    const auto deadline = Steady::now() + options.timeout;
    auto response = Exchange(verb, *request, options, [&]() -> Result<net::HttpResponse> {
      const auto left = std::chrono::floor<Duration>(deadline - Steady::now());
      if (left <= Duration::zero())
        return Error(ErrorCode::kTimeout, "no answer within the time of the call");
      request->timeout = left;
      return transport_.Send(*request, options.stop);
    });
    if (!response) return response.error().WithContext(Describe(verb, path));
    return std::move(response->body);
  }

  Result<std::string> List(const std::string& path, const Query& query, const OnItem& on_item,
                           const CallOptions& options) {
    auto request = MakeRequest(kList, path, query, options);
    if (!request) return request.error().WithContext(Describe(kList, path));
    request->piece_bytes = kListPieceBytes;
    ListSplitter splitter(kMaxEventBytes);
    auto response = Exchange(kList, *request, options, [&] {
      return transport_.Stream(
          *request,
          [&](std::string_view piece) -> Result<bool> {
            PURSER_RETURN_IF_ERROR(splitter.Feed(piece, on_item));
            return true;
          },
          options.stop);
    });
    if (!response) return response.error().WithContext(Describe(kList, path));
    auto around = splitter.Around();
    if (!around) return around.error().WithContext(Describe(kList, path));
    return around;
  }

  Result<void> Watch(const std::string& path, const Query& query,
                     const std::function<bool(std::string_view)>& on_line,
                     const CallOptions& options) {
    auto request = MakeRequest(kWatch, path, query, options);
    if (!request) return request.error().WithContext(Describe(kWatch, path));
    auto response = Exchange(kWatch, *request, options, [&] {
      return transport_.StreamLines(*request, kMaxEventBytes, on_line, options.stop);
    });
    if (!response) return response.error().WithContext(Describe(kWatch, path));
    return Ok();
  }

 private:
  static std::string Describe(const Verb& verb, const std::string& path) {
    return std::string(verb.name) + " " + path;
  }

  Result<net::HttpRequest> MakeRequest(const Verb& verb, const std::string& path,
                                       const Query& query, const CallOptions& options) const {
    PURSER_RETURN_IF_ERROR(CheckPath(path));
    net::HttpRequest request;
    request.method = verb.method;
    request.url = access_.server + path;
    char separator = '?';
    for (const auto& [name, value] : query) {
      request.url += separator + net::PercentEncode(name) + "=" + net::PercentEncode(value);
      separator = '&';
    }
    std::string accept = verb.accept;
    if (options.without_managed_fields && accept == kJson)
      accept = std::string(kJson) + ";drop=metadata.managedFields," + kJson;
    request.headers = {{"Accept", std::move(accept)}, {"User-Agent", "purser"}};
    if (verb.content_type != nullptr)
      request.headers.emplace_back("Content-Type", verb.content_type);
    request.timeout = options.timeout;
    request.idempotent = verb.idempotent;
    return request;
  }

  // `refused`: the value of the header that the server refused, if any.
  Status Authorize(net::HttpRequest& request, const std::string* refused = nullptr) const {
    if (!access_.bearer) return Ok();
    auto token = access_.bearer(false);
    // Another call may have been refused first, and have got the next one already.
    if (token && refused != nullptr && "Bearer " + *token == *refused) token = access_.bearer(true);
    if (!token) return token.error();
    if (token->empty()) return Ok();
    std::string value = "Bearer " + *token;
    for (auto& [name, present] : request.headers) {
      if (name == kAuthorization) {
        present = std::move(value);
        return Ok();
      }
    }
    request.headers.emplace_back(kAuthorization, std::move(value));
    return Ok();
  }

  Status AuthorizeAgain(net::HttpRequest& request) const {
    const std::string* sent = nullptr;
    for (const auto& [name, value] : request.headers) {
      if (name == kAuthorization) sent = &value;
    }
    const std::string refused = sent != nullptr ? *sent : "Bearer ";
    return Authorize(request, &refused);
  }

  // Sends until there is an answer other than a first 401 or one worth waiting for. A status that
  // is not a success becomes an error.
  template <typename SendFunction>
  Result<net::HttpResponse> Exchange(const Verb& verb, net::HttpRequest& request,
                                     const CallOptions& options, SendFunction send) {
    const auto deadline = Steady::now() + options.timeout;
    PURSER_RETURN_IF_ERROR(Authorize(request));
    bool refreshed = false;
    int waits = 0;
    while (true) {
      const auto started = Steady::now();
      auto response = send();
      if (observer_) {
        observer_({verb.name, response ? response->status : 0,
                   std::chrono::duration_cast<Duration>(Steady::now() - started)});
      }
      if (!response) return response;
      if (response->status >= 200 && response->status < 300) return response;
      if (response->status == 401 && access_.bearer && !refreshed) {
        refreshed = true;
        PURSER_RETURN_IF_ERROR(AuthorizeAgain(request));
        continue;
      }
      if ((response->status == 429 || response->status >= 500) && options.wait_if_asked &&
          waits < kMostWaits) {
        const auto after = RetryAfter(*response);
        if (after && Steady::now() + *after < deadline) {
          ++waits;
          if (!Pause(*after, options.stop)) return Error(ErrorCode::kCancelled, "asked to stop");
          continue;
        }
      }
      return DecodeApiError(response->status, response->body);
    }
  }

  net::HttpTransport& transport_;
  const Access access_;
  const Observer observer_;
};

Client::Client(net::HttpTransport& transport, Access access, Observer observer)
    : implementation_(
          std::make_shared<Implementation>(transport, std::move(access), std::move(observer))) {}
Client::Client(std::shared_ptr<Implementation> implementation, std::stop_token stop)
    : implementation_(std::move(implementation)), stop_(std::move(stop)) {}
Client::~Client() = default;

namespace {
Query WithManager(Query query = {}) {
  query.emplace_back("fieldManager", kFieldManager);
  return query;
}
}  // namespace

Client Client::Until(std::stop_token stop) const { return {implementation_, std::move(stop)}; }

CallOptions Client::Ended(const CallOptions& options) const {
  CallOptions ended = options;
  if (!ended.stop.stop_possible()) ended.stop = stop_;
  return ended;
}

Result<std::string> Client::Get(const std::string& path, const CallOptions& options) {
  return implementation_->Call(kGet, path, {}, {}, Ended(options));
}
Result<std::string> Client::List(const std::string& path, const Query& query, const OnItem& on_item,
                                 const CallOptions& options) {
  return implementation_->List(path, query, on_item, Ended(options));
}
Result<std::string> Client::Create(const std::string& collection, const std::string& body,
                                   const CallOptions& options) {
  return implementation_->Call(kCreate, collection, WithManager(), body, Ended(options));
}
Result<std::string> Client::MergePatch(const std::string& path, const std::string& patch,
                                       const Query& query, const CallOptions& options) {
  return implementation_->Call(kPatch, path, WithManager(query), patch, Ended(options));
}
Result<std::string> Client::StrategicMergePatch(const std::string& path, const std::string& patch,
                                                const CallOptions& options) {
  return implementation_->Call(kStrategicPatch, path, WithManager(), patch, Ended(options));
}
Result<std::string> Client::Apply(const std::string& path, const std::string& document,
                                  const CallOptions& options) {
  return implementation_->Call(kApply, path, WithManager({{"force", "true"}}), document,
                               Ended(options));
}
Result<void> Client::Watch(const std::string& path, const Query& query,
                           const std::function<bool(std::string_view)>& on_line,
                           const CallOptions& options) {
  Query watching = query;
  watching.emplace_back("watch", "true");
  return implementation_->Watch(path, watching, on_line, Ended(options));
}

}  // namespace purser::kube
