#include "admissions/routes.h"

#include <functional>
#include <utility>

#include "http/problem.h"

namespace purser::admissions {
namespace {

using http::Problem;
using http::ProblemOf;
using http::Reply;
using http::Request;

const http::Right kAsk{"create", "agentadmissions"};
const http::Right kRoute{"create", "agentroutes"};

// "field: what" as a problem that names the field.
net::Answer BadBody(const Error& error) {
  const auto& message = error.message();
  const auto colon = message.find(": ");
  if (colon == std::string::npos) return ProblemOf(error);
  return Problem(400, message, message.substr(0, colon));
}

void WithRight(const Request& request, const http::Right& right, const std::string& ns,
               const Reply& reply, std::function<void()> go) {
  if (ns.empty()) {
    reply->Send(
        Problem(400, "namespace: is required of a caller that belongs to none", "namespace"));
    return;
  }
  request.caller->Check(right, {ns}, [reply, go = std::move(go)](const Status& may) {
    if (!may.ok()) return reply->Send(ProblemOf(may.error()));
    go();
  });
}

void Ask(AdmissionService& service, const Request& request, const Reply& reply) {
  auto question = ParseQuestion(request.body);
  if (!question) return reply->Send(BadBody(question.error()));
  if (question->ns.empty()) question->ns = request.caller->home();
  WithRight(request, kAsk, question->ns, reply,
            [&service, question = *question, reply] { service.Ask(question, reply); });
}

void End(AdmissionService& service, const Request& request, const Reply& reply,
         const std::function<void(const std::string& id)>& end) {
  const auto id = request.segments.find("id")->second;
  const auto ns = service.NamespaceOf(id);
  // Who may ask nowhere learns nothing of what there is.
  if (ns.empty())
    return reply->Send(Problem(404,
                               "no admission of this id is known: it was refused, ended more than "
                               "24 hours ago, or never was; send what was spent to /v1/usage"));
  WithRight(request, kAsk, ns, reply, [end, id] { end(id); });
}

void Choose(AdmissionService& service, const Request& request, const Reply& reply) {
  auto question = ParseRouteQuestion(request.body);
  if (!question) return reply->Send(BadBody(question.error()));
  if (question->ns.empty()) question->ns = request.caller->home();
  WithRight(request, kRoute, question->ns, reply, [&service, question = *question, reply] {
    reply->Send({200, "application/json", ToJson(service.Route(question))});
  });
}

}  // namespace

void AddRoutes(http::Router& router, AdmissionService& service) {
  router.Add("POST", "/v1/admissions",
             [&service](Request& request, const Reply& reply) { Ask(service, request, reply); });
  router.Add("POST", "/v1/admissions/{id}/settle",
             [&service](Request& request, const Reply& reply) {
               const auto fact = ParseFact(request.body);
               if (!fact) return reply->Send(BadBody(fact.error()));
               End(service, request, reply, [&service, fact = *fact, reply](const std::string& id) {
                 service.Settle(id, fact, reply);
               });
             });
  router.Add("POST", "/v1/admissions/{id}/cancel",
             [&service](Request& request, const Reply& reply) {
               End(service, request, reply,
                   [&service, reply](const std::string& id) { service.Cancel(id, reply); });
             });
  router.Add("POST", "/v1/route",
             [&service](Request& request, const Reply& reply) { Choose(service, request, reply); });
}

}  // namespace purser::admissions
