#include "app/limit_webhooks.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "base/base64.h"
#include "base/guarded.h"
#include "base/pause.h"
#include "base/small_file.h"
#include "net/cpprest/cpprest_transport.h"
#include "net/http_transport.h"

namespace purser::app {
namespace {

constexpr std::size_t kLargestSecret = 4096;
constexpr std::size_t kLargestAnswer = 64 << 10;
constexpr std::size_t kIdBytes = 16;
constexpr std::string_view kEncodedSecret = "whsec_";
constexpr std::chrono::seconds kAgain{10};

// The same for each try of a document, so that whoever has seen it knows it again.
std::string IdOf(std::string_view document) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  EVP_Digest(document.data(), document.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string id = "limits_";
  for (std::size_t i = 0; i < kIdBytes; ++i) {
    id += kDigits[digest[i] >> 4U];
    id += kDigits[digest[i] & 15U];
  }
  return id;
}

// What is told to tenants: where it is and what it says concerns who runs the operator.
Status StatusOf(const net::HttpResponse& response) {
  if (response.status >= 200 && response.status < 300) return Ok();
  const std::string answered = "answered " + std::to_string(response.status);
  const bool later = response.status >= 500 || response.status == 408 || response.status == 425 ||
                     response.status == 429;
  if (later) return Error(ErrorCode::kUnavailable, answered + "; tried again with backoff");
  return Error(ErrorCode::kInvalidArgument,
               answered + (response.status < 400 ? ", and redirects are not followed" : "") +
                   "; tried again every 5 min");
}

}  // namespace

std::string SignatureOf(std::string_view secret, std::string_view id, std::string_view timestamp,
                        std::string_view body) {
  std::string key(secret);
  if (secret.starts_with(kEncodedSecret)) {
    if (const auto decoded = DecodeBase64(secret.substr(kEncodedSecret.size()))) key = *decoded;
  }
  std::string content;
  content.reserve(id.size() + timestamp.size() + body.size() + 2);
  content.append(id).append(".").append(timestamp).append(".").append(body);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(content.data()), content.size(), digest.data(),
       &size);
  return "v1," + EncodeBase64({reinterpret_cast<const char*>(digest.data()), size});
}

struct LimitWebhooks::Webhook {
  api::LimitWebhook config;
  std::unique_ptr<net::HttpTransport> transport;
};

LimitWebhooks::LimitWebhooks(Clock& clock) : clock_(clock) {}
LimitWebhooks::~LimitWebhooks() = default;

Result<std::unique_ptr<LimitWebhooks>> LimitWebhooks::Make(
    const std::vector<api::LimitWebhook>& configs, Clock& clock) {
  std::unique_ptr<LimitWebhooks> made(new LimitWebhooks(clock));
  std::vector<std::string> names;
  for (const auto& config : configs) {
    net::CpprestOptions options;
    options.tls.ca_file = config.ca_file;
    auto transport = net::MakeCpprestTransport(options);
    if (!transport) return transport.error().WithContext("limitWebhooks[" + config.name + "]");
    made->webhooks_.push_back(std::make_unique<Webhook>(config, std::move(*transport)));
    names.push_back(config.name);
  }
  made->outbox_ = std::make_unique<controllers::WebhookOutbox>(
      names,
      [self = made.get()](const std::string& name, const std::string& document,
                          const std::stop_token& stop) { return self->Post(name, document, stop); },
      clock);
  return made;
}

controllers::WebhookOutbox& LimitWebhooks::outbox() { return *outbox_; }

void LimitWebhooks::Start(const std::stop_token& stop, std::vector<std::jthread>& threads) {
  for (const auto& webhook : webhooks_) {
    threads.emplace_back([this, stop, name = webhook->config.name] {
      while (!stop.stop_requested()) {
        bool threw = false;
        const auto run = Guarded([&] { outbox_->Run(name, stop); }, threw);
        if (!threw) return;
        spdlog::error("webhook={} {}", name, run.error().message());
        Pause(kAgain, stop);
      }
    });
  }
}

Status LimitWebhooks::Post(const std::string& name, const std::string& document,
                           const std::stop_token& stop) {
  const auto found = std::find_if(webhooks_.begin(), webhooks_.end(),
                                  [&](const auto& one) { return one->config.name == name; });
  if (found == webhooks_.end()) return Error(ErrorCode::kInvalidArgument, "is not configured");
  const auto& config = (*found)->config;
  // Unsigned nothing is sent. A secret that is mounted late comes.
  auto secret = ReadSmallFile(config.secret_file, kLargestSecret);
  while (secret && !secret->empty() && (secret->back() == '\n' || secret->back() == '\r'))
    secret->pop_back();
  if (!secret || secret->empty()) {
    spdlog::warn("webhook={} secretFile {}", name,
                 secret ? "'" + config.secret_file + "' is empty" : secret.error().message());
    return Error(ErrorCode::kUnavailable, "has no secret to sign with; tried again with backoff");
  }
  const auto id = IdOf(document);
  const auto timestamp = std::to_string(
      std::chrono::duration_cast<std::chrono::seconds>(clock_.Now().time_since_epoch()).count());
  net::HttpRequest request;
  request.method = "POST";
  request.url = config.url;
  request.headers = {{"content-type", "application/json"},
                     {"webhook-id", id},
                     {"webhook-timestamp", timestamp},
                     {"webhook-signature", SignatureOf(*secret, id, timestamp, document)}};
  request.body = document;
  request.timeout = config.timeout;
  request.max_body_bytes = kLargestAnswer;
  const auto response = (*found)->transport->Send(request, stop);
  if (!response) {
    spdlog::warn("webhook={} {}", name, response.error().message());
    return Error(ErrorCode::kUnavailable, "cannot be reached; tried again with backoff");
  }
  auto status = StatusOf(*response);
  if (!status.ok()) spdlog::warn("webhook={} {}", name, status.error().message());
  return status;
}

}  // namespace purser::app
