#include "kube/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "unit/kube/fake_transport.h"

namespace purser::kube {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const ResourceType kPods{"", "v1", "pods", "Pod"};
const ResourceType kBudgets{"purser.dev", "v1alpha1", "agentbudgets", "AgentBudget"};
const ResourceType kNodes{"", "v1", "nodes", "Node", false};

Access Server(std::string server = "https://api:6443") {
  Access access;
  access.server = std::move(server);
  return access;
}

TEST(PathTest, NamesCollectionsAndObjects) {
  EXPECT_EQ(CollectionPath(kPods, ""), "/api/v1/pods");
  EXPECT_EQ(CollectionPath(kPods, "a"), "/api/v1/namespaces/a/pods");
  EXPECT_EQ(CollectionPath(kBudgets, "a"), "/apis/purser.dev/v1alpha1/namespaces/a/agentbudgets");
  EXPECT_EQ(CollectionPath(kNodes, "ignored"), "/api/v1/nodes");
  EXPECT_EQ(ObjectPath(kBudgets, {"a", "b"}, "status"),
            "/apis/purser.dev/v1alpha1/namespaces/a/agentbudgets/b/status");
  EXPECT_EQ(ObjectPath(kPods, {"a/b", "c d?"}), "/api/v1/namespaces/a%2Fb/pods/c%20d%3F");
}

TEST(ClientTest, SendsEachVerbAsTheApiWantsIt) {
  FakeTransport transport;
  transport.on_send = [](const HttpRequest& request) {
    return Respond(200, request.url.ends_with("pods?limit=500&continue=a%3D%2F%2B")
                            ? R"({"items":[{"a":1},{"b":2}]})"
                            : "body");
  };
  std::vector<std::string> observed;
  Client client(transport, Server("https://api:6443/prefix"),
                [&](const Client::Call& call) { observed.emplace_back(call.verb); });
  const std::string path = "/api/v1/namespaces/a/pods/b";
  EXPECT_EQ(*client.Get(path), "body");
  std::string items;
  const auto listed = client.List("/api/v1/pods", {{"limit", "500"}, {"continue", "a=/+"}},
                                  [&](std::string_view item) {
                                    items += item;
                                    return Ok();
                                  });
  ASSERT_TRUE(listed.ok()) << listed.error().message();
  EXPECT_EQ(*listed, R"({"items":[]})");
  EXPECT_EQ(items, R"({"a":1}{"b":2})");
  ASSERT_TRUE(client.Create("/api/v1/namespaces/a/pods", "{1}").ok());
  ASSERT_TRUE(client.MergePatch(path, "{2}").ok());
  ASSERT_TRUE(client.Apply(path + "/status", "{3}").ok());

  const struct {
    const char* method;
    const char* url;
    const char* type;
    const char* body;
    bool idempotent;
  } wanted[] = {
      {"GET", "https://api:6443/prefix/api/v1/namespaces/a/pods/b", "", "", true},
      {"GET", "https://api:6443/prefix/api/v1/pods?limit=500&continue=a%3D%2F%2B", "", "", true},
      {"POST", "https://api:6443/prefix/api/v1/namespaces/a/pods?fieldManager=purser",
       "application/json", "{1}", false},
      {"PATCH", "https://api:6443/prefix/api/v1/namespaces/a/pods/b?fieldManager=purser",
       "application/merge-patch+json", "{2}", true},
      {"PATCH",
       "https://api:6443/prefix/api/v1/namespaces/a/pods/b/status?force=true&fieldManager=purser",
       "application/apply-patch+yaml", "{3}", true},
  };
  const auto sent = transport.sent();
  ASSERT_EQ(sent.size(), std::size(wanted));
  for (std::size_t i = 0; i < sent.size(); ++i) {
    EXPECT_EQ(sent[i].method, wanted[i].method);
    EXPECT_EQ(sent[i].url, wanted[i].url);
    EXPECT_EQ(Header(sent[i], "Content-Type"), wanted[i].type);
    EXPECT_EQ(sent[i].body, wanted[i].body);
    EXPECT_EQ(sent[i].idempotent, wanted[i].idempotent) << wanted[i].method;
  }
  EXPECT_THAT(observed, ElementsAre("get", "list", "create", "patch", "apply"));
}

TEST(ClientTest, RefusesPathsThatWouldAddressSomethingElse) {
  FakeTransport transport;
  Client client(transport, Server());
  for (const char* path : {"", "api", "/", "/api//pods", "/api/v1/namespaces/a/pods/", "/api/../x",
                           "/api/./x", "/api/v1/pods?watch=1", "/api#x"}) {
    const auto answer = client.Get(path);
    ASSERT_FALSE(answer.ok()) << path;
    EXPECT_EQ(answer.error().code(), ErrorCode::kInvalidArgument);
  }
  EXPECT_FALSE(client.MergePatch(ObjectPath(kPods, {"a", ""}), "{}").ok());
  EXPECT_TRUE(transport.sent().empty());
}

TEST(ClientTest, DecodesApiErrors) {
  const struct {
    int status;
    const char* body;
    ErrorCode code;
    const char* message;
  } cases[] = {
      {400, R"({"message":"bad","reason":"BadRequest"})", ErrorCode::kInvalidArgument,
       "HTTP 400: bad"},
      {401, R"({"message":"Unauthorized"})", ErrorCode::kUnauthenticated,
       "HTTP 401: Unauthorized; the credentials are not accepted: renew the kubeconfig's token or "
       "certificate, or make the service account again; files are read again at every try"},
      {403, R"({"message":"User \"u\" cannot list resource \"r\" in API group \"g\""})",
       ErrorCode::kPermissionDenied,
       "HTTP 403: User \"u\" cannot list resource \"r\" in API group \"g\"; grant this user that "
       "verb on that resource with a (Cluster)Role and its binding, as charts/purser does"},
      {403, R"({"message":"forbidden: x"})", ErrorCode::kPermissionDenied,
       "HTTP 403: forbidden: x"},
      {404, R"({"message":"pods \"x\" not found"})", ErrorCode::kNotFound,
       "HTTP 404: pods \"x\" not found"},
      {409, R"({"reason":"AlreadyExists","message":"m"})", ErrorCode::kAlreadyExists,
       "HTTP 409: m"},
      {409, R"({"reason":"Conflict","message":"m"})", ErrorCode::kConflict, "HTTP 409: m"},
      {410, R"({"reason":"Expired","message":"m"})", ErrorCode::kExpired, "HTTP 410: m"},
      {413, "", ErrorCode::kResourceExhausted, "HTTP 413: "},
      {422, R"({"message":"spec.limit: invalid"})", ErrorCode::kInvalidArgument,
       "HTTP 422: spec.limit: invalid"},
      {429, R"({"message":"m"})", ErrorCode::kResourceExhausted, "HTTP 429: m"},
      {500, R"({"reason":"InternalError","message":"m"})", ErrorCode::kUnavailable, "HTTP 500: m"},
      {500, R"({"reason":"Timeout","message":"m"})", ErrorCode::kTimeout, "HTTP 500: m"},
      {503, "<html>\nnope</html>", ErrorCode::kUnavailable, "HTTP 503: <html> nope</html>"},
      {504, R"({"message":"m"})", ErrorCode::kTimeout, "HTTP 504: m"},
      {302, "", ErrorCode::kInvalidArgument, "HTTP 302: "},
  };
  for (const auto& c : cases) {
    const Error error = DecodeApiError(c.status, c.body);
    EXPECT_EQ(error.code(), c.code) << c.status << c.body;
    EXPECT_EQ(error.message(), c.message);
  }
  EXPECT_LT(
      DecodeApiError(400, R"({"message":")" + std::string(5000, 'x') + "\"}").message().size(),
      1100U);
  // Cut between characters, so that logs and conditions stay UTF-8.
  const std::string odd = "x\xc3\xa4";
  EXPECT_EQ(DecodeApiError(400, std::string(198, 'x') + odd).message(),
            "HTTP 400: " + std::string(199, 'x'));
  EXPECT_EQ(DecodeApiError(400, R"({"message":")" + std::string(1022, 'x') + odd + "\"}").message(),
            "HTTP 400: " + std::string(1023, 'x'));
}

TEST(ClientTest, ErrorsSayWhatWasAsked) {
  FakeTransport transport;
  transport.on_send = [](const HttpRequest&) { return Respond(404, R"({"message":"gone"})"); };
  Client client(transport, Server());
  EXPECT_EQ(client.Get("/api/v1/pods").error().message(), "get /api/v1/pods: HTTP 404: gone");
  transport.on_send = [](const HttpRequest&) { return Error(ErrorCode::kUnavailable, "no route"); };
  EXPECT_EQ(client.Get("/api/v1/pods").error().message(), "get /api/v1/pods: no route");
}

TEST(ClientTest, ReadsCredentialsAgainOnceWhenRefused) {
  FakeTransport transport;
  std::vector<bool> asked;
  std::string token = "old";
  auto access = Server();
  access.bearer = [&](bool refresh) -> Result<std::string> {
    asked.push_back(refresh);
    if (refresh) token = "new";
    return token;
  };
  transport.on_send = [](const HttpRequest& request) {
    return Header(request, "Authorization") == "Bearer new" ? Respond(200, "in")
                                                            : Respond(401, "{}");
  };
  Client client(transport, access);
  EXPECT_EQ(*client.Get("/api/v1/pods"), "in");
  EXPECT_THAT(asked, ElementsAre(false, false, true));
  EXPECT_EQ(transport.sent().size(), 2U);

  transport.on_send = [](const HttpRequest&) { return Respond(401, "{}"); };
  EXPECT_EQ(client.Get("/api/v1/pods").error().code(), ErrorCode::kUnauthenticated);
  EXPECT_EQ(transport.sent().size(), 4U);

  access.bearer = [](bool) -> Result<std::string> {
    return Error(ErrorCode::kUnavailable, "no program");
  };
  Client broken(transport, access);
  EXPECT_THAT(broken.Get("/api/v1/pods").error().message(), HasSubstr("no program"));
}

TEST(ClientTest, WaitsWhenTheServerSaysSo) {
  FakeTransport transport;
  int left = 2;
  transport.on_send = [&](const HttpRequest&) {
    return left-- > 0 ? Respond(429, "{}", {{"retry-after", "0"}}) : Respond(200, "in");
  };
  Client client(transport, Server());
  EXPECT_EQ(*client.Get("/api/v1/pods"), "in");
  left = 100;
  EXPECT_EQ(client.Get("/api/v1/pods").error().code(), ErrorCode::kResourceExhausted);
  EXPECT_EQ(left, 96);  // three retries

  transport.on_send = [](const HttpRequest&) { return Respond(429, "{}"); };
  EXPECT_EQ(client.Get("/api/v1/pods").error().code(), ErrorCode::kResourceExhausted);

  transport.on_send = [](const HttpRequest&) { return Respond(429, "{}", {{"retry-after", "9"}}); };
  std::stop_source stop;
  std::jthread stopper([&] {
    transport.WaitForSent(9);
    stop.request_stop();
  });
  const auto started = std::chrono::steady_clock::now();
  EXPECT_EQ(client.Get("/api/v1/pods", {std::chrono::seconds(10), stop.get_token()}).error().code(),
            ErrorCode::kCancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(5));
}

TEST(ClientTest, ItsTimeIsThatOfTheWholeCall) {
  FakeTransport transport;
  std::string code = "429";
  transport.on_send = [&](const HttpRequest&) {
    return Respond(std::stoi(code), "{}", {{"retry-after", "1"}});
  };
  Client client(transport, Server());
  const auto get = [&](CallOptions options) {
    const auto started = std::chrono::steady_clock::now();
    EXPECT_FALSE(client.Get("/api/v1/pods", options).ok());
    return std::chrono::steady_clock::now() - started;
  };
  // A wait that would end after the call is not begun.
  EXPECT_LT(get({std::chrono::milliseconds(900)}), std::chrono::milliseconds(300));
  EXPECT_EQ(transport.sent().size(), 1U);
  // Of three waits one fits, and the second try has what is left.
  const auto took = get({std::chrono::milliseconds(1900)});
  EXPECT_GE(took, std::chrono::seconds(1));
  EXPECT_LT(took, std::chrono::milliseconds(1900));
  ASSERT_EQ(transport.sent().size(), 3U);
  EXPECT_GT(transport.sent()[1].timeout, std::chrono::milliseconds(1500));
  EXPECT_LE(transport.sent()[2].timeout, std::chrono::milliseconds(900));
  // Who does not want to wait does not.
  CallOptions impatient;
  impatient.wait_if_asked = false;
  EXPECT_LT(get(impatient), std::chrono::milliseconds(300));
  // An overloaded server that says when is waited for as well; one that does not is not.
  code = "503";
  EXPECT_GE(get({std::chrono::milliseconds(1500)}), std::chrono::seconds(1));
  transport.on_send = [&](const HttpRequest&) { return Respond(503, "{}"); };
  EXPECT_LT(get({std::chrono::seconds(10)}), std::chrono::milliseconds(300));
}

TEST(ClientTest, ATokenThatAnotherCallGotIsTaken) {
  FakeTransport transport;
  std::vector<bool> asked;
  auto access = Server();
  access.bearer = [&](bool refresh) -> Result<std::string> {
    asked.push_back(refresh);
    return std::string(asked.size() == 1 ? "old" : "new");
  };
  transport.on_send = [](const HttpRequest& request) {
    return Header(request, "Authorization") == "Bearer new" ? Respond(200, "in")
                                                            : Respond(401, "{}");
  };
  Client client(transport, access);
  EXPECT_EQ(*client.Get("/api/v1/pods"), "in");
  EXPECT_THAT(asked, ElementsAre(false, false));
}

TEST(ClientTest, ManagedFieldsAreLeftOutOnRequest) {
  FakeTransport transport;
  transport.on_send = [](const HttpRequest&) { return Respond(200, "{}"); };
  Client client(transport, Server());
  CallOptions options;
  options.without_managed_fields = true;
  ASSERT_TRUE(client.Get("/api/v1/pods", options).ok());
  EXPECT_EQ(Header(transport.sent()[0], "Accept"),
            "application/json;drop=metadata.managedFields,application/json");
  ASSERT_TRUE(client.Get("/api/v1/pods").ok());
  EXPECT_EQ(Header(transport.sent()[1], "Accept"), "application/json");
}

TEST(ClientTest, UntilEndsEveryCallThatBringsNoTokenOfItsOwn) {
  FakeTransport transport;
  transport.on_send = [](const HttpRequest&) { return Respond(429, "{}", {{"retry-after", "9"}}); };
  const std::string path = "/api/v1/namespaces/a/pods/b";
  Client client(transport, Server());
  std::stop_source stop;
  Client leading = client.Until(stop.get_token());
  std::jthread stopper([&] {
    transport.WaitForSent(1);
    stop.request_stop();
  });
  const auto started = std::chrono::steady_clock::now();
  EXPECT_EQ(leading.MergePatch(path, "{}").error().code(), ErrorCode::kCancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(5));
  EXPECT_EQ(leading.Apply(path, "{}").error().code(), ErrorCode::kCancelled);

  transport.on_send = [](const HttpRequest&) { return Respond(200, "body"); };
  EXPECT_TRUE(client.Get(path).ok());
  std::stop_source own;
  EXPECT_TRUE(leading.Get(path, {std::chrono::seconds(1), own.get_token()}).ok());
}

TEST(ClientTest, WatchesAndTellsWhyNot) {
  FakeTransport transport;
  Client client(transport, Server());
  transport.Deliver("one");
  transport.Deliver("two");
  transport.Push({FakeTransport::Delivery::Kind::kEnd, ""});
  std::vector<std::string> lines;
  const auto take = [&](std::string_view line) {
    lines.emplace_back(line);
    return true;
  };
  EXPECT_TRUE(client.Watch("/api/v1/pods", {{"resourceVersion", "7"}}, take, {}).ok());
  EXPECT_THAT(lines, ElementsAre("one", "two"));
  EXPECT_EQ(transport.watches()[0].url,
            "https://api:6443/api/v1/pods?resourceVersion=7&watch=true");

  transport.Push({FakeTransport::Delivery::Kind::kRefuse, R"({"message":"too old"})", 410});
  EXPECT_EQ(client.Watch("/api/v1/pods", {}, take, {}).error().code(), ErrorCode::kExpired);
}

}  // namespace
}  // namespace purser::kube
