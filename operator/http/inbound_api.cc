#include "http/inbound_api.h"

#include <atomic>
#include <shared_mutex>
#include <thread>
#include <utility>

#include "http/openapi.h"
#include "http/problem.h"

namespace purser::http {
namespace {

constexpr const char* kOpenApiPath = "/openapi.json";

}  // namespace

struct InboundApi::Term {
  std::shared_ptr<const Router> router;
  std::shared_mutex calling;  // shared: something of the router is being called
  bool over = false;          // guarded by calling
};

// Keeps answers away from a term that is over.
class InboundApi::TermCaller final : public Caller {
 public:
  TermCaller(std::shared_ptr<const Caller> caller, std::weak_ptr<Term> term)
      : caller_(std::move(caller)), term_(std::move(term)) {}

  const std::string& name() const override { return caller_->name(); }
  const std::string& home() const override { return caller_->home(); }
  std::shared_ptr<Term> term() const { return term_.lock(); }

  void Check(const Right& right, const std::vector<std::string>& namespaces,
             std::function<void(Status)> done) const override {
    // Called back at once, it is still the caller's turn; later, it is nobody's.
    const auto at_once = std::make_shared<std::atomic<bool>>(true);
    caller_->Check(right, namespaces,
                   [at_once, here = std::this_thread::get_id(), term = term_,
                    done = std::move(done)](const Status& may) {
                     if (*at_once && here == std::this_thread::get_id()) return done(may);
                     const auto living = term.lock();
                     if (living == nullptr) return;
                     const std::shared_lock lock(living->calling);
                     if (!living->over) done(may);
                   });
    *at_once = false;
  }

 private:
  const std::shared_ptr<const Caller> caller_;
  const std::weak_ptr<Term> term_;
};

InboundApi::InboundApi(Authenticator& authenticator, std::function<std::string()> leader)
    : authenticator_(authenticator), leader_(std::move(leader)) {}

std::shared_ptr<InboundApi::Term> InboundApi::Current() const {
  const std::lock_guard lock(mutex_);
  return term_;
}

net::Answer InboundApi::StandingBy() const {
  const std::string leader = leader_ ? leader_() : "";
  auto answer = Problem(503, leader.empty() ? "this replica does not lead; nobody is known to"
                                            : "this replica does not lead: " + leader + " does");
  if (!leader.empty()) answer.headers.emplace_back("Purser-Leader", leader);
  return answer;
}

void InboundApi::Admit(const net::RequestHead& head, std::function<void(net::Admission)> answer) {
  if (head.path == kOpenApiPath) return answer({});
  const auto term = Current();
  if (term == nullptr) return answer({StandingBy(), nullptr});
  net::Answer otherwise;
  if (!term->router->Find(head.method, head.path, otherwise))
    return answer({std::move(otherwise), nullptr});
  authenticator_.Identify(head.authorization, [term = std::weak_ptr<Term>(term),
                                               answer = std::move(answer)](auto caller) {
    if (!caller) return answer({ProblemOf(caller.error()), nullptr});
    answer({std::nullopt, std::make_shared<TermCaller>(std::move(*caller), term)});
  });
}

void InboundApi::Handle(net::InboundRequest request,
                        const std::shared_ptr<net::Exchange>& exchange) {
  if (request.head.path == kOpenApiPath) {
    if (request.head.method != "GET" && request.head.method != "HEAD") {
      auto refused = Problem(405, "this path takes GET");
      refused.headers.emplace_back("Allow", "GET, HEAD");
      return exchange->Send(std::move(refused));
    }
    return exchange->Send({200, "application/json", std::string(OpenApiDocument())});
  }
  const auto caller = std::static_pointer_cast<const TermCaller>(request.who);
  const auto term = caller == nullptr ? nullptr : caller->term();
  if (term == nullptr) return exchange->Send(StandingBy());
  const std::shared_lock lock(term->calling);
  if (term->over) return exchange->Send(StandingBy());
  term->router->Serve(std::move(request), caller, exchange);
}

void InboundApi::Serve(std::shared_ptr<const Router> router) {
  auto term = std::make_shared<Term>();
  term->router = std::move(router);
  const std::lock_guard lock(mutex_);
  term_ = std::move(term);
}

void InboundApi::StopServing() {
  std::shared_ptr<Term> term;
  {
    const std::lock_guard lock(mutex_);
    term = std::exchange(term_, nullptr);
  }
  if (term == nullptr) return;
  const std::unique_lock lock(term->calling);
  term->over = true;
}

}  // namespace purser::http
