// The inbound API of one replica: who asks is found out here, and while this replica leads, the
// term's router serves. Between net/server, which knows no rights, and handlers, which know no
// tokens.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "http/authenticator.h"
#include "http/router.h"
#include "net/inbound.h"

namespace purser::http {

// Thread-safe; outlives the server it serves.
class InboundApi {
 public:
  // `leader`: who leads, as far as known, for the answer of a replica that does not; "" unknown.
  InboundApi(Authenticator& authenticator, std::function<std::string()> leader);

  // For net::ApiServer.
  void Admit(const net::RequestHead& head, std::function<void(net::Admission)> answer);
  void Handle(net::InboundRequest request, const std::shared_ptr<net::Exchange>& exchange);

  // Served from now on, while leading.
  void Serve(std::shared_ptr<const Router> router);
  // No handler of the router and no answer to Caller::Check is called once it returns. Requests
  // that wait are told to come again as their replies are let go.
  void StopServing();

 private:
  struct Term;
  class TermCaller;
  std::shared_ptr<Term> Current() const;
  net::Answer StandingBy() const;

  Authenticator& authenticator_;
  const std::function<std::string()> leader_;
  mutable std::mutex mutex_;
  std::shared_ptr<Term> term_;  // null: not leading
};

}  // namespace purser::http
