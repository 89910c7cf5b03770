#include "controllers/agent_pool/webhook_outbox.h"

#include <algorithm>
#include <tuple>

#include "controllers/agent_pool/limit_outcome.h"

namespace purser::controllers {

WebhookOutbox::WebhookOutbox(const std::vector<std::string>& webhooks, Send send, Clock& clock)
    : send_(std::move(send)), clock_(clock) {
  for (const auto& name : webhooks) webhooks_.try_emplace(name);
}

void WebhookOutbox::SetOnOutcome(OnOutcome on_outcome) {
  const std::lock_guard lock(mutex_);
  on_outcome_ = std::move(on_outcome);
}

bool WebhookOutbox::Knows(const std::string& webhook) const {
  const std::lock_guard lock(mutex_);
  return webhooks_.contains(webhook);
}

void WebhookOutbox::Put(const kube::ObjectKey& pool, const std::string& webhook,
                        const std::string& document, std::size_t digest, bool anew) {
  const std::lock_guard lock(mutex_);
  const auto found = webhooks_.find(webhook);
  if (found == webhooks_.end()) return;
  auto& entry = found->second.entries[pool];
  entry.gone = false;
  if (entry.version != 0 && entry.digest == digest && !anew) return;
  const auto now = clock_.Now();
  // Who waits keeps his place, and since when; the newest document is what he waits with.
  if (entry.version == 0 || entry.taken) entry.since = now;
  entry.document = document;
  entry.digest = digest;
  entry.version = ++versions_;
  entry.due = now;
  entry.tries = 0;
  entry.taken = entry.refused = false;
  entry.problem.clear();
  found->second.changed = true;
  put_.notify_all();
}

std::optional<WebhookOutbox::Standing> WebhookOutbox::Of(const kube::ObjectKey& pool,
                                                         const std::string& webhook) const {
  const std::lock_guard lock(mutex_);
  const auto found = webhooks_.find(webhook);
  if (found == webhooks_.end()) return std::nullopt;
  const auto entry = found->second.entries.find(pool);
  if (entry == found->second.entries.end()) return std::nullopt;
  const auto& one = entry->second;
  const bool waits = !one.taken && one.problem.empty();
  return Standing{one.taken, one.refused, waits ? found->second.problem : one.problem, one.digest,
                  one.since};
}

std::vector<std::string> WebhookOutbox::Remembered(const kube::ObjectKey& pool) const {
  std::vector<std::string> remembered;
  const std::lock_guard lock(mutex_);
  for (const auto& [name, webhook] : webhooks_) {
    const auto entry = webhook.entries.find(pool);
    if (entry != webhook.entries.end() && !entry->second.gone) remembered.push_back(name);
  }
  return remembered;
}

void WebhookOutbox::Forget(const kube::ObjectKey& pool) {
  for (const auto& webhook : Remembered(pool)) Forget(pool, webhook);
}

void WebhookOutbox::Forget(const kube::ObjectKey& pool, const std::string& webhook) {
  const std::lock_guard lock(mutex_);
  const auto found = webhooks_.find(webhook);
  if (found == webhooks_.end()) return;
  const auto entry = found->second.entries.find(pool);
  if (entry == found->second.entries.end()) return;
  if (entry->second.taken || entry->second.refused) {
    found->second.entries.erase(entry);
  } else {
    entry->second.gone = true;
  }
}

const std::pair<const kube::ObjectKey, WebhookOutbox::Entry>* WebhookOutbox::NextOf(
    const Webhook& webhook, Timestamp now) {
  const std::pair<const kube::ObjectKey, Entry>* next = nullptr;
  if (webhook.paused_until > now) return next;
  for (const auto& one : webhook.entries) {
    const auto& entry = one.second;
    if (entry.taken || entry.due > now) continue;
    // One that always fails holds up nobody for longer than its turn.
    if (next == nullptr ||
        std::tie(entry.tries, entry.version) < std::tie(next->second.tries, next->second.version))
      next = &one;
  }
  return next;
}

std::optional<Timestamp> WebhookOutbox::DueOf(const Webhook& webhook) {
  std::optional<Timestamp> due;
  for (const auto& [pool, entry] : webhook.entries) {
    if (!entry.taken) Earliest(due, std::max(entry.due, webhook.paused_until));
  }
  return due;
}

std::vector<kube::ObjectKey> WebhookOutbox::Take(Webhook& webhook, const kube::ObjectKey& pool,
                                                 std::uint64_t version, const Status& outcome,
                                                 Timestamp now) {
  std::vector<kube::ObjectKey> told;
  const bool got_through = outcome.ok() || Refused(outcome.error());
  const std::string problem = got_through ? "" : outcome.error().message();
  if (got_through) {
    webhook.failures = 0;
    webhook.paused_until = Timestamp{};
  } else {
    const Duration grown = kFirstPause * (1 << std::min(webhook.failures++, 6));
    webhook.paused_until = now + std::min(grown, kLongestPause);
  }
  if (webhook.problem != problem) {
    for (const auto& [other, entry] : webhook.entries) {
      if (!entry.taken) told.push_back(other);
    }
    webhook.problem = problem;
  }
  const auto found = webhook.entries.find(pool);
  // A newer one has come meanwhile: it is sent behind it.
  if (found == webhook.entries.end() || found->second.version != version) return told;
  auto& entry = found->second;
  ++entry.tries;
  if (got_through) {
    told.push_back(pool);
    entry.taken = outcome.ok();
    entry.refused = !outcome.ok();
    entry.problem = outcome.ok() ? "" : outcome.error().message();
    entry.due = now + kTryRefusedEvery;
    if (entry.taken) std::string().swap(entry.document);
    if (entry.gone) webhook.entries.erase(found);
  }
  return told;
}

std::optional<Timestamp> WebhookOutbox::Deliver(const std::string& name,
                                                const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  const auto found = webhooks_.find(name);
  if (found == webhooks_.end()) return std::nullopt;
  auto& webhook = found->second;
  webhook.changed = false;
  while (!stop.stop_requested()) {
    const auto* next = NextOf(webhook, clock_.Now());
    if (next == nullptr) break;
    const auto pool = next->first;
    const auto document = next->second.document;
    const auto version = next->second.version;
    lock.unlock();
    const auto outcome = send_(name, document, stop);
    lock.lock();
    if (stop.stop_requested()) break;
    const auto told = Take(webhook, pool, version, outcome, clock_.Now());
    const auto on_outcome = on_outcome_;
    lock.unlock();
    if (on_outcome) {
      for (const auto& one : told) on_outcome(one);
    }
    lock.lock();
  }
  return DueOf(webhook);
}

void WebhookOutbox::Run(const std::string& name, const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const auto next = Deliver(name, stop);
    std::unique_lock lock(mutex_);
    const auto& webhook = webhooks_.at(name);
    if (webhook.changed) continue;
    if (next) {
      clock_.WaitUntil(lock, put_, *next, stop);
    } else {
      put_.wait(lock, stop, [&webhook] { return webhook.changed; });
    }
  }
}

}  // namespace purser::controllers
