// Posts pools' limits to the webhooks of the operator's configuration, signed, each by a thread of
// its own: one that hangs holds up none of the others.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "api/config.h"
#include "base/clock.h"
#include "base/result.h"
#include "controllers/agent_pool/webhook_outbox.h"

namespace purser::app {

// As the Standard Webhooks specification writes it: "v1," and the base64 of the HMAC-SHA256, by
// `secret`, of "id.timestamp.body". A secret "whsec_" and base64 is what that base64 stands for.
std::string SignatureOf(std::string_view secret, std::string_view id, std::string_view timestamp,
                        std::string_view body);

class LimitWebhooks {
 public:
  // Error kInvalidArgument: TLS material that cannot be used. `clock` must outlive it.
  static Result<std::unique_ptr<LimitWebhooks>> Make(const std::vector<api::LimitWebhook>& configs,
                                                     Clock& clock);
  ~LimitWebhooks();
  LimitWebhooks(const LimitWebhooks&) = delete;
  LimitWebhooks& operator=(const LimitWebhooks&) = delete;

  controllers::WebhookOutbox& outbox();
  // Adds threads that deliver until `stop`; they end before this does.
  void Start(const std::stop_token& stop, std::vector<std::jthread>& threads);

 private:
  struct Webhook;
  explicit LimitWebhooks(Clock& clock);
  Status Post(const std::string& name, const std::string& document, const std::stop_token& stop);

  Clock& clock_;
  std::vector<std::unique_ptr<Webhook>> webhooks_;
  std::unique_ptr<controllers::WebhookOutbox> outbox_;
};

}  // namespace purser::app
