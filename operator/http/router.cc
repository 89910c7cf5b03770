#include "http/router.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "base/guarded.h"
#include "http/problem.h"

namespace purser::http {
namespace {

constexpr std::size_t kMostParameters = 64;
constexpr std::size_t kMostSegments = 16;

std::optional<int> HexOf(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

std::optional<std::string> Decode(std::string_view text, bool plus_is_space) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      decoded += ' ';
    } else if (text[i] != '%') {
      decoded += text[i];
    } else {
      if (i + 2 >= text.size()) return std::nullopt;
      const auto high = HexOf(text[i + 1]);
      const auto low = HexOf(text[i + 2]);
      if (!high || !low) return std::nullopt;
      decoded += static_cast<char>(*high * 16 + *low);
      i += 2;
    }
  }
  return decoded;
}

// Nothing: no path of ours.
std::optional<std::vector<std::string_view>> Split(std::string_view path) {
  if (path.empty() || path.front() != '/') return std::nullopt;
  std::vector<std::string_view> segments;
  for (std::size_t from = 1;;) {
    const auto to = std::min(path.find('/', from), path.size());
    segments.push_back(path.substr(from, to - from));
    if (to == path.size()) return segments;
    if (segments.size() == kMostSegments) return std::nullopt;
    from = to + 1;
  }
}

bool IsName(const std::string& part) { return part.size() > 2 && part.front() == '{'; }

// The segments under the pattern's names; nothing: another path.
std::optional<std::map<std::string, std::string, std::less<>>> MatchPath(
    const std::vector<std::string>& pattern, const std::vector<std::string_view>& path) {
  if (pattern.size() != path.size()) return std::nullopt;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (!IsName(pattern[i]) && pattern[i] != path[i]) return std::nullopt;
  }
  std::map<std::string, std::string, std::less<>> segments;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (!IsName(pattern[i])) continue;
    auto value = Decode(path[i], false);
    if (!value || value->empty()) return std::nullopt;
    segments.emplace(pattern[i].substr(1, pattern[i].size() - 2), std::move(*value));
  }
  return segments;
}

}  // namespace

const std::string& Request::Query(std::string_view name) const {
  static const std::string kNone;
  const auto found = query.find(name);
  return found == query.end() ? kNone : found->second;
}

std::optional<std::map<std::string, std::string, std::less<>>> DecodeQuery(std::string_view text) {
  std::map<std::string, std::string, std::less<>> query;
  std::size_t pairs = 0;
  for (std::size_t from = 0; from < text.size();) {
    const auto to = std::min(text.find('&', from), text.size());
    const auto pair = text.substr(from, to - from);
    from = to + 1;
    if (pair.empty()) continue;
    if (++pairs > kMostParameters) return std::nullopt;
    const auto equals = std::min(pair.find('='), pair.size());
    auto name = Decode(pair.substr(0, equals), true);
    auto value = Decode(equals == pair.size() ? "" : pair.substr(equals + 1), true);
    if (!name || !value) return std::nullopt;
    query.emplace(std::move(*name), std::move(*value));
  }
  return query;
}

void Router::Add(std::string method, std::string_view pattern, Handler handler) {
  Put(std::move(method), pattern, std::nullopt, std::move(handler));
}

void Router::Add(std::string method, std::string_view pattern, Right right, Handler handler) {
  Put(std::move(method), pattern, std::move(right), std::move(handler));
}

void Router::Put(std::string method, std::string_view pattern, std::optional<Right> right,
                 Handler handler) {
  Route route{std::move(method), {}, std::move(right), std::move(handler)};
  const auto parts = Split(pattern);
  for (const auto part : parts.value_or(std::vector<std::string_view>{}))
    route.pattern.emplace_back(part);
  routes_.push_back(std::move(route));
}

std::optional<Router::Match> Router::Find(std::string_view method, std::string_view path,
                                          net::Answer& otherwise) const {
  std::string allowed;
  if (const auto segments = Split(path)) {
    for (const auto& route : routes_) {
      auto matched = MatchPath(route.pattern, *segments);
      if (!matched) continue;
      if (route.method == method) return Match{&route.handler, &route.right, std::move(*matched)};
      allowed += (allowed.empty() ? "" : ", ") + route.method;
    }
  }
  if (allowed.empty()) {
    otherwise = Problem(404, "nothing is served at this path: see /openapi.json");
  } else {
    otherwise = Problem(405, "this path takes " + allowed);
    otherwise.headers.emplace_back("Allow", allowed);
  }
  return std::nullopt;
}

bool Router::Knows(std::string_view path) const {
  const auto segments = Split(path);
  return segments && std::ranges::any_of(routes_, [&](const Route& route) {
           return MatchPath(route.pattern, *segments).has_value();
         });
}

void Router::Serve(net::InboundRequest request, std::shared_ptr<const Caller> caller,
                   const Reply& reply) const {
  net::Answer otherwise;
  auto match = Find(request.head.method, request.head.path, otherwise);
  if (!match) return reply->Send(std::move(otherwise));
  auto query = DecodeQuery(request.head.query);
  if (!query) return reply->Send(Problem(400, "the query is not percent-encoded well", "query"));
  auto asked = std::make_shared<Request>();
  asked->method = std::move(request.head.method);
  asked->path = std::move(request.head.path);
  asked->segments = std::move(match->segments);
  asked->query = std::move(*query);
  asked->content_type = std::move(request.head.content_type);
  asked->last_event_id = std::move(request.head.last_event_id);
  asked->body = std::move(request.body);
  asked->caller = std::move(caller);
  const Handler& handler = *match->handler;
  const auto call = [asked, reply, &handler] {
    const Status called = Guarded([&]() -> Status {
      handler(*asked, reply);
      return Ok();
    });
    if (called.ok()) return;
    spdlog::error("api {} {}: {}", asked->method, asked->path, called.error().message());
    reply->Send(Problem(500, "this request could not be served; the operator's log says why"));
  };
  if (!*match->right) return call();
  asked->caller->Check(**match->right, {asked->segments["namespace"]}, [call, reply](Status may) {
    if (!may.ok()) return reply->Send(ProblemOf(may.error()));
    call();
  });
}

}  // namespace purser::http
