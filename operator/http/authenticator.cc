#include "http/authenticator.h"

#include <openssl/evp.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/base64.h"
#include "base/guarded.h"
#include "base/small_file.h"
#include "kube/reviews.h"

namespace purser::http {
namespace {

constexpr std::string_view kScheme = "bearer ";
constexpr std::size_t kLargestTokensFile = std::size_t{1} << 20;
constexpr std::string_view kServiceAccount = "system:serviceaccount:";

std::string Hash(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr);
  return {digest.begin(), digest.begin() + size};
}

// "": there is none.
std::string_view BearerOf(std::string_view authorization) {
  if (authorization.size() <= kScheme.size()) return "";
  const auto scheme = authorization.substr(0, kScheme.size());
  const bool bearer = std::equal(scheme.begin(), scheme.end(), kScheme.begin(), [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) == b;
  });
  return bearer ? authorization.substr(kScheme.size()) : "";
}

// When a JWT says that it ends; nothing: it says nothing of the kind.
std::optional<Timestamp> ExpiryOf(std::string_view token) {
  const auto first = token.find('.');
  const auto second = first == token.npos ? first : token.find('.', first + 1);
  if (second == token.npos) return std::nullopt;
  std::string payload(token.substr(first + 1, second - first - 1));
  std::ranges::replace(payload, '-', '+');
  std::ranges::replace(payload, '_', '/');
  payload.append((4 - payload.size() % 4) % 4, '=');
  const auto text = DecodeBase64(payload);
  if (!text) return std::nullopt;
  const auto claims = nlohmann::json::parse(*text, nullptr, false);
  if (!claims.is_object() || !claims.contains("exp") || !claims["exp"].is_number_integer())
    return std::nullopt;
  const auto seconds = claims["exp"].get<std::int64_t>();
  if (seconds < 0 || seconds > 253'402'300'799) return std::nullopt;
  return Timestamp(std::chrono::seconds(seconds));
}

struct Identity {
  std::string name, home;
  std::string user;                         // of TokenReview; "" for a static token
  std::optional<api::BearerToken> granted;  // of a static token
};

// A ServiceAccount's namespace.
std::string HomeOf(const std::string& name) {
  if (!name.starts_with(kServiceAccount)) return "";
  const auto rest = name.substr(kServiceAccount.size());
  return rest.substr(0, rest.find(':'));
}

std::string UserName(const std::string& user) {
  const auto document = nlohmann::json::parse(user, nullptr, false);
  const auto name = document.find("username");
  return name != document.end() && name->is_string() ? name->get<std::string>() : "";
}

}  // namespace

class Authenticator::Core : public std::enable_shared_from_this<Authenticator::Core> {
 public:
  Core(kube::Client& client, Clock& clock, std::string tokens_file)
      : client_(client), clock_(clock), tokens_file_(std::move(tokens_file)) {}

  void Identify(const std::string& authorization, Done done);
  void Check(const std::shared_ptr<const Identity>& who, const Right& right,
             const std::vector<std::string>& namespaces, std::function<void(Status)> done);

  void Work(const std::stop_token& stop) {
    while (true) {
      std::function<void(const std::stop_token&)> question;
      {
        std::unique_lock lock(mutex_);
        if (!came_.wait(lock, stop, [this] { return !questions_.empty(); })) return;
        question = std::move(questions_.front());
        questions_.pop_front();
      }
      const Status asked = Guarded([&]() -> Status {
        question(stop);
        return Ok();
      });
      if (!asked.ok()) spdlog::error("api: {}", asked.error().message());
    }
  }
  void End() {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    questions_.clear();
  }

 private:
  template <typename Answer>
  struct Known {
    Answer answer;
    Timestamp until;
  };
  using Who = Result<std::shared_ptr<const Identity>>;

  kube::CallOptions Options(const std::stop_token& stop) const {
    kube::CallOptions options;
    options.timeout = kTimeout;
    options.stop = stop;
    options.wait_if_asked = false;
    return options;
  }

  // False: too many wait.
  bool Ask(std::function<void(const std::stop_token&)> question) {
    {
      const std::lock_guard lock(mutex_);
      if (ended_ || questions_.size() >= kMostWaiting) return false;
      questions_.push_back(std::move(question));
    }
    came_.notify_one();
    return true;
  }

  template <typename Key, typename Answer>
  std::optional<Answer> Find(std::map<Key, Known<Answer>>& known, const Key& key) {
    const std::lock_guard lock(mutex_);
    const auto found = known.find(key);
    if (found == known.end()) return std::nullopt;
    if (found->second.until > clock_.Now()) return found->second.answer;
    known.erase(found);
    return std::nullopt;
  }

  template <typename Key, typename Answer>
  void Remember(std::map<Key, Known<Answer>>& known, const Key& key, Answer answer,
                Timestamp until) {
    const std::lock_guard lock(mutex_);
    const auto now = clock_.Now();
    if (known.size() >= kMostRemembered)
      std::erase_if(known, [&](const auto& entry) { return entry.second.until <= now; });
    // Whoever floods us with tokens makes us ask again, and not remember more.
    if (known.size() >= kMostRemembered) known.clear();
    known.insert_or_assign(key, Known<Answer>{std::move(answer), until});
  }

  Who Review(const std::string& token, const std::stop_token& stop);
  std::shared_ptr<const Identity> Static(const std::string& token);
  void ReadTokens();
  Status ReviewIn(const Identity& who, const Right& right, const std::string& ns,
                  const std::stop_token& stop);
  std::shared_ptr<const Caller> CallerFor(std::shared_ptr<const Identity> who);

  kube::Client& client_;
  Clock& clock_;
  const std::string tokens_file_;
  std::mutex mutex_;
  std::condition_variable_any came_;
  bool ended_ = false;
  std::deque<std::function<void(const std::stop_token&)>> questions_;
  std::map<std::string, Known<Who>> tokens_;     // by the token's hash
  std::map<std::string, Known<Status>> access_;  // by user, right and namespace

  std::mutex static_mutex_;
  std::string static_text_, static_problem_;
  std::optional<Timestamp> static_read_;
  std::map<std::string, std::shared_ptr<const Identity>> static_;  // by the token's hash

  class KnownCaller;
};

class Authenticator::Core::KnownCaller final : public Caller {
 public:
  KnownCaller(std::weak_ptr<Core> core, std::shared_ptr<const Identity> who)
      : core_(std::move(core)), who_(std::move(who)) {}
  const std::string& name() const override { return who_->name; }
  const std::string& home() const override { return who_->home; }
  void Check(const Right& right, const std::vector<std::string>& namespaces,
             std::function<void(Status)> done) const override {
    if (const auto core = core_.lock())
      return core->Check(who_, right, namespaces, std::move(done));
    done(Error(ErrorCode::kUnavailable, "this replica is ending; send it again"));
  }

 private:
  const std::weak_ptr<Core> core_;
  const std::shared_ptr<const Identity> who_;
};

std::shared_ptr<const Caller> Authenticator::Core::CallerFor(std::shared_ptr<const Identity> who) {
  return std::make_shared<KnownCaller>(weak_from_this(), std::move(who));
}

void Authenticator::Core::Identify(const std::string& authorization, Done done) {
  const auto bearer = BearerOf(authorization);
  if (bearer.empty()) {
    return done(Error(ErrorCode::kUnauthenticated,
                      "send Authorization: Bearer with a token: of a ServiceAccount, made for the "
                      "audience purser, or one of the operator's server.tokensFile"));
  }
  const std::string hash = Hash(bearer);
  const auto tell = [this](const Who& who) -> Result<std::shared_ptr<const Caller>> {
    if (!who) return who.error();
    return CallerFor(*who);
  };
  if (const auto known = Find(tokens_, hash)) return done(tell(*known));
  const bool asked = Ask([this, token = std::string(bearer), hash, done, tell](const auto& stop) {
    // The one before may have asked the same.
    if (const auto known = Find(tokens_, hash)) return done(tell(*known));
    const auto now = clock_.Now();
    const Who who = Review(token, stop);
    if (who && (*who)->granted) {
      Remember(tokens_, hash, who, now + kStaticFor);
    } else if (who) {
      const auto until = now + kKnownFor;
      Remember(tokens_, hash, who, std::min(until, ExpiryOf(token).value_or(until)));
    } else if (who.error().code() == ErrorCode::kUnauthenticated) {
      Remember(tokens_, hash, who, now + kRefusedFor);
    }
    done(tell(who));
  });
  if (!asked)
    done(Error(ErrorCode::kResourceExhausted, "too many ask who they are at once; come again"));
}

Authenticator::Core::Who Authenticator::Core::Review(const std::string& token,
                                                     const std::stop_token& stop) {
  if (auto who = Static(token)) return who;
  const auto user = kube::ReviewToken(client_, token, Options(stop), kAudience);
  if (!user) return user.error();
  auto who = std::make_shared<Identity>();
  who->name = UserName(*user);
  who->home = HomeOf(who->name);
  who->user = *user;
  return std::shared_ptr<const Identity>(std::move(who));
}

std::shared_ptr<const Identity> Authenticator::Core::Static(const std::string& token) {
  if (tokens_file_.empty()) return nullptr;
  const std::lock_guard lock(static_mutex_);
  const auto now = clock_.Now();
  if (!static_read_ || now - *static_read_ >= std::chrono::seconds(2)) ReadTokens();
  static_read_ = now;
  const auto found = static_.find(Hash(token));
  return found == static_.end() ? nullptr : found->second;
}

// What cannot be read leaves the tokens as they were.
void Authenticator::Core::ReadTokens() {
  const auto text = ReadSmallFile(tokens_file_, kLargestTokensFile);
  std::string problem;
  if (!text) {
    problem = "server.tokensFile: " + text.error().message();
  } else if (*text != static_text_) {
    const auto tokens = api::ParseBearerTokens(*text, tokens_file_);
    if (tokens) {
      static_.clear();
      for (const auto& one : *tokens) {
        auto who = std::make_shared<Identity>();
        who->name = "token:" + one.name;
        if (one.namespaces.size() == 1) who->home = one.namespaces.front();
        who->granted = one;
        who->granted->token.clear();
        static_.emplace(Hash(one.token), std::move(who));
      }
      static_text_ = *text;
    } else {
      problem = tokens.error().message();
    }
  }
  if (problem != static_problem_ && !problem.empty())
    spdlog::error("{}; the tokens read before stay in force", problem);
  static_problem_ = problem;
}

void Authenticator::Core::Check(const std::shared_ptr<const Identity>& who, const Right& right,
                                const std::vector<std::string>& namespaces,
                                std::function<void(Status)> done) {
  if (who->granted) {
    for (const auto& ns : namespaces) {
      const auto& granted = *who->granted;
      if (std::ranges::find(granted.namespaces, ns) != granted.namespaces.end() &&
          std::ranges::find(granted.rights, right.resource) != granted.rights.end())
        continue;
      return done(Error(ErrorCode::kPermissionDenied, who->name + " may not " + right.verb + " " +
                                                          right.resource + " in namespace " + ns +
                                                          ": see server.tokensFile"));
    }
    return done(Ok());
  }
  std::vector<std::string> unknown;
  const std::string prefix = Hash(who->user) + right.verb + "/" + right.resource + "/";
  for (const auto& ns : namespaces) {
    const auto known = Find(access_, prefix + ns);
    if (known && !known->ok()) return done(*known);
    if (!known) unknown.push_back(ns);
  }
  if (unknown.empty()) return done(Ok());
  const bool asked = Ask([this, who, right, unknown, prefix, done](const auto& stop) {
    for (const auto& ns : unknown) {
      auto may = Find(access_, prefix + ns);
      if (!may) {
        may = ReviewIn(*who, right, ns, stop);
        const auto now = clock_.Now();
        if (may->ok()) {
          Remember(access_, prefix + ns, *may, now + kAllowedFor);
        } else if (may->error().code() == ErrorCode::kPermissionDenied) {
          Remember(access_, prefix + ns, *may, now + kRefusedFor);
        }
      }
      if (!may->ok()) return done(*may);
    }
    done(Ok());
  });
  if (!asked)
    done(Error(ErrorCode::kResourceExhausted, "too many ask what they may at once; come again"));
}

Status Authenticator::Core::ReviewIn(const Identity& who, const Right& right, const std::string& ns,
                                     const std::stop_token& stop) {
  const Status may = kube::ReviewAccess(
      client_, who.user, {right.verb, kGroup, right.resource, ns == kEveryNamespace ? "" : ns},
      Options(stop));
  if (may.ok() || may.error().code() != ErrorCode::kPermissionDenied) return may;
  return Error(ErrorCode::kPermissionDenied,
               may.error().message() + "; bind it to a Role with apiGroups: [" + kGroup +
                   "], resources: [" + right.resource + "], verbs: [" + right.verb + "]");
}

Authenticator::Authenticator(kube::Client& client, Clock& clock, std::string tokens_file)
    : core_(std::make_shared<Core>(client, clock, std::move(tokens_file))) {
  for (std::size_t i = 0; i < kThreads; ++i)
    threads_.emplace_back([core = core_.get()](const std::stop_token& stop) { core->Work(stop); });
}

Authenticator::~Authenticator() {
  for (auto& thread : threads_) thread.request_stop();
  threads_.clear();
  core_->End();
}

void Authenticator::Identify(const std::string& authorization, Done done) {
  core_->Identify(authorization, std::move(done));
}

}  // namespace purser::http
