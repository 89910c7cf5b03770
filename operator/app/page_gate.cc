#include "app/page_gate.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "kube/reviews.h"

namespace purser::app {
namespace {

constexpr const char* kText = "text/plain; charset=utf-8";
constexpr std::string_view kScheme = "bearer ";

// Tokens are not kept.
std::string Hash(const std::string& token) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EVP_Digest(token.data(), token.size(), digest.data(), &size, EVP_sha256(), nullptr);
  return {digest.begin(), digest.begin() + size};
}

// Empty: there is none.
std::string BearerOf(std::string_view authorization) {
  if (authorization.size() <= kScheme.size()) return "";
  const auto scheme = authorization.substr(0, kScheme.size());
  const bool bearer = std::equal(scheme.begin(), scheme.end(), kScheme.begin(), [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) == b;
  });
  return bearer ? std::string(authorization.substr(kScheme.size())) : "";
}

net::ServerResponse Refusal(const Error& error) {
  switch (error.code()) {
    case ErrorCode::kUnauthenticated:
      return {401, kText, error.message() + "\n"};
    case ErrorCode::kPermissionDenied:
      return {403, kText,
              error.message() +
                  "; bind it to a ClusterRole with nonResourceURLs of that path and the verb get, "
                  "such as the chart's NAMESPACE:RELEASE-metrics\n"};
    default:
      return {503, kText, "who asks cannot be found out: " + error.message() + "\n"};
  }
}

}  // namespace

PageGate::PageGate(kube::Client& client, Clock& clock)
    : client_(client),
      clock_(clock),
      thread_([this](const std::stop_token& stop) { Work(stop); }) {}

PageGate::~PageGate() {
  thread_.request_stop();
  thread_.join();
}

void PageGate::Ask(const net::ServerRequest& request, net::HttpServer::GateAnswer answer) {
  if (request.path == "/healthz" || request.path == "/readyz") return answer(std::nullopt);
  const auto token = BearerOf(request.authorization);
  if (token.empty()) {
    return answer(net::ServerResponse{
        401, kText, "send Authorization: Bearer with the token of a ServiceAccount\n"});
  }
  const std::string path(request.path);
  Verdict verdict;
  {
    const std::lock_guard lock(mutex_);
    const auto* known = Find({Hash(token), path});
    if (known == nullptr && questions_.size() < kMostWaiting) {
      questions_.push_back({token, path, std::move(answer)});
      came_.notify_one();
      return;
    }
    verdict = known != nullptr
                  ? *known
                  : Verdict(net::ServerResponse{503, kText, "too many ask at once; come again\n"});
  }
  answer(std::move(verdict));
}

void PageGate::Work(const std::stop_token& stop) {
  while (true) {
    Question question;
    Verdict verdict;
    bool known = false;
    {
      std::unique_lock lock(mutex_);
      if (!came_.wait(lock, stop, [this] { return !questions_.empty(); })) return;
      question = std::move(questions_.front());
      questions_.pop_front();
      // The one before may have asked the same.
      const auto* found = Find({Hash(question.token), question.path});
      known = found != nullptr;
      if (known) verdict = *found;
    }
    if (!known) {
      verdict = Review(question.token, question.path, stop);
      // That nobody could be asked is no answer.
      if (!verdict || verdict->status != 503) {
        const std::lock_guard lock(mutex_);
        Remember({Hash(question.token), question.path}, verdict);
      }
    }
    question.answer(std::move(verdict));
  }
}

PageGate::Verdict PageGate::Review(const std::string& token, const std::string& path,
                                   const std::stop_token& stop) {
  kube::CallOptions options;
  options.timeout = kTimeout;
  options.stop = stop;
  options.wait_if_asked = false;
  const auto user = kube::ReviewToken(client_, token, options);
  if (!user) return Refusal(user.error());
  if (const auto may = kube::ReviewGet(client_, *user, path, options); !may.ok())
    return Refusal(may.error());
  return std::nullopt;
}

const PageGate::Verdict* PageGate::Find(const Key& key) {
  const auto found = known_.find(key);
  if (found == known_.end()) return nullptr;
  if (found->second.until > clock_.Now()) return &found->second.verdict;
  known_.erase(found);
  return nullptr;
}

void PageGate::Remember(const Key& key, const Verdict& verdict) {
  const auto now = clock_.Now();
  if (known_.size() >= kMostRemembered)
    std::erase_if(known_, [&](const auto& entry) { return entry.second.until <= now; });
  // Whoever floods us with tokens makes us ask again, and not remember more.
  if (known_.size() >= kMostRemembered) known_.clear();
  known_[key] = {verdict, now + (verdict ? kRefusedFor : kAllowedFor)};
}

}  // namespace purser::app
