#include "net/cpprest/cpprest_transport.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include "unit/net/loopback_server.h"

namespace purser::net {
namespace {

using std::chrono::milliseconds;
using support::Connection;
using support::LoopbackServer;
using testing::HasSubstr;
using Steady = std::chrono::steady_clock;

// The sanitizers take hundreds of milliseconds for a report they then suppress.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr milliseconds kPrompt(3000);
#else
constexpr milliseconds kPrompt(50);
#endif

std::unique_ptr<HttpTransport> MakeTransport(CpprestOptions options = {}) {
  options.use_proxy_environment = false;
  return std::move(MakeCpprestTransport(std::move(options))).value();
}

HttpRequest Request(std::string url, std::string method = "GET") {
  HttpRequest request;
  request.method = std::move(method);
  request.url = std::move(url);
  request.timeout = std::chrono::seconds(5);
  return request;
}

// Serves every request on every connection with 200 and the request itself as body.
void Echo(Connection& connection) {
  while (auto request = connection.ReadRequest()) {
    if (!connection.Respond(200, *request)) return;
  }
}

TEST(CpprestTransportTest, SendsWhatItIsToldAndReturnsAnyStatus) {
  LoopbackServer server([](Connection& connection) {
    while (auto request = connection.ReadRequest())
      connection.Respond(418, *request, "Retry-After: 7\r\nX: y\r\n");
  });
  auto request = Request(server.Url("/a%2Fb/c?x=%20&labelSelector=a%3Db,c"), "PATCH");
  request.headers = {{"Content-Type", "application/merge-patch+json"},
                     {"Authorization", "Bearer t"}};
  request.body = R"({"a":1})";
  const auto response = MakeTransport()->Send(request, {});
  ASSERT_TRUE(response.ok()) << response.error().message();
  EXPECT_EQ(response->status, 418);
  EXPECT_EQ(response->Header("retry-after"), "7");
  EXPECT_EQ(response->Header("x"), "");
  EXPECT_THAT(response->body,
              testing::StartsWith("PATCH /a%2Fb/c?x=%20&labelSelector=a%3Db,c HTTP/1.1\r\n"));
  EXPECT_THAT(response->body, HasSubstr("Content-Type:application/merge-patch+json\r\n"));
  EXPECT_THAT(response->body, HasSubstr("Authorization:Bearer t\r\n"));
  EXPECT_THAT(response->body, HasSubstr("Content-Length:7\r\n"));
  EXPECT_THAT(response->body, testing::EndsWith(R"({"a":1})"));
}

TEST(CpprestTransportTest, SendsABodyThatIsReadOnce) {
  LoopbackServer server(Echo);
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, std::size_t{65536}, std::size_t{300'000}}) {
    auto request = Request(server.Url(), "POST");
    request.idempotent = false;
    request.body = std::string(size, 'x') + "end";
    const auto response = MakeTransport()->Send(request, {});
    ASSERT_TRUE(response.ok()) << response.error().message();
    EXPECT_THAT(response->body, testing::EndsWith("end"));
    EXPECT_GT(response->body.size(), size);
  }
}

TEST(CpprestTransportTest, KeepsConnections) {
  LoopbackServer server(Echo);
  const auto transport = MakeTransport();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(transport->Send(Request(server.Url()), {}).ok());
  // The library takes a connection back a moment after the answer: the next request may just miss
  // it.
  EXPECT_LE(server.connections(), 4);
}

TEST(CpprestTransportTest, FollowsNoRedirect) {
  std::atomic<int> asked = 0;
  LoopbackServer elsewhere([&](Connection& connection) {
    ++asked;
    Echo(connection);
  });
  LoopbackServer server([&](Connection& connection) {
    while (connection.ReadRequest())
      connection.Respond(302, "", "Location: " + elsewhere.Url() + "\r\n");
  });
  auto request = Request(server.Url());
  request.headers = {{"Authorization", "Bearer secret"}};
  const auto response = MakeTransport()->Send(request, {});
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->status, 302);
  EXPECT_EQ(response->Header("location"), elsewhere.Url());
  EXPECT_EQ(asked, 0);
}

// Answers GET /warm as often as asked. Any other request is taken and dropped if its connection has
// been used before, as by a server whose patience with idle connections just ended; on a new one it
// is answered.
class StaleConnectionTest : public testing::TestWithParam<std::string> {
 protected:
  // Sends until a request met a used connection: the library takes one back only a moment after the
  // answer. Returns that request's result.
  Result<HttpResponse> SendOnUsedConnection(HttpTransport& transport, HttpRequest request) {
    while (true) {
      EXPECT_TRUE(transport.Send(Request(server_.Url("/warm")), {}).ok());
      received_ = 0;
      auto response = transport.Send(request, {});
      if (dropped_ > 0) return response;
    }
  }

  std::atomic<int> received_ = 0;
  std::atomic<int> dropped_ = 0;
  LoopbackServer server_{[this](Connection& connection) {
    bool used = false;
    while (auto request = connection.ReadRequest()) {
      if (!request->starts_with("GET /warm")) {
        ++received_;
        if (used) {
          ++dropped_;
          return;
        }
      }
      connection.Respond(200, "answered");
      used = true;
    }
  }};
};

TEST_P(StaleConnectionTest, NeverSendsTwiceWhatIsNotIdempotent) {
  auto request = Request(server_.Url(), "POST");
  request.idempotent = false;
  request.body = GetParam();
  const auto response = SendOnUsedConnection(*MakeTransport(), request);
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(received_, 1);
}

INSTANTIATE_TEST_SUITE_P(Bodies, StaleConnectionTest,
                         testing::Values("", "{}", std::string(200'000, 'x')),
                         [](const auto& body) { return std::to_string(body.param.size()); });

TEST_F(StaleConnectionTest, SendsAgainWhatIsIdempotent) {
  const auto response = SendOnUsedConnection(*MakeTransport(), Request(server_.Url()));
  ASSERT_TRUE(response.ok()) << response.error().message();
  EXPECT_EQ(response->body, "answered");
  EXPECT_GE(received_, 2);
}

TEST(CpprestTransportTest, LimitsTheBody) {
  LoopbackServer server([](Connection& connection) {
    const auto request = connection.ReadRequest();
    if (!request) return;
    if (request->find("/chunked") == std::string::npos) {
      connection.Respond(200, std::string(100'000, 'x'));
      connection.WaitForClose();
      return;
    }
    connection.Write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    const std::string chunk = "1000\r\n" + std::string(4096, 'x') + "\r\n";
    while (connection.Write(chunk)) {
    }
  });
  for (const char* path : {"/length", "/chunked"}) {
    auto request = Request(server.Url(path));
    request.max_body_bytes = 99'999;
    const auto response = MakeTransport()->Send(request, {});
    ASSERT_FALSE(response.ok());
    EXPECT_EQ(response.error().code(), ErrorCode::kResourceExhausted) << response.error().message();
  }
  auto request = Request(server.Url("/length"));
  request.max_body_bytes = 100'000;
  EXPECT_TRUE(MakeTransport()->Send(request, {}).ok());
}

TEST(CpprestTransportTest, KeepsTheDeadlineOfTheWholeExchange) {
  LoopbackServer server([](Connection& connection) {
    connection.ReadRequest();
    connection.Write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    // Never silent for long, and never done.
    while (connection.Write("x")) std::this_thread::sleep_for(milliseconds(20));
  });
  auto request = Request(server.Url());
  request.timeout = milliseconds(100);
  const auto started = Steady::now();
  const auto response = MakeTransport()->Send(request, {});
  const auto took = Steady::now() - started;
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.error().code(), ErrorCode::kTimeout);
  EXPECT_GE(took, milliseconds(95));
  EXPECT_LT(took, milliseconds(100) + kPrompt);
}

TEST(CpprestTransportTest, StopsAtOnceWhenAsked) {
  std::promise<void> closed;
  LoopbackServer server([&](Connection& connection) {
    connection.ReadRequest();
    if (connection.WaitForClose()) closed.set_value();
  });
  const auto transport = MakeTransport();
  std::stop_source stop;
  auto answer = std::async(
      std::launch::async, [&] { return transport->Send(Request(server.Url()), stop.get_token()); });
  while (server.connections() == 0) std::this_thread::yield();
  const auto asked = Steady::now();
  stop.request_stop();
  const auto response = answer.get();
  EXPECT_LT(Steady::now() - asked, kPrompt);
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.error().code(), ErrorCode::kCancelled);
  EXPECT_EQ(closed.get_future().wait_for(std::chrono::seconds(5)), std::future_status::ready);
  EXPECT_EQ(transport->Send(Request(server.Url()), stop.get_token()).error().code(),
            ErrorCode::kCancelled);
}

TEST(CpprestTransportTest, ReportsWhatCannotBeReached) {
  std::uint16_t port = 0;
  { port = LoopbackServer(Echo).port(); }
  const auto refused =
      MakeTransport()->Send(Request("http://127.0.0.1:" + std::to_string(port)), {});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), ErrorCode::kUnavailable);
  EXPECT_THAT(refused.error().message(), HasSubstr("http://127.0.0.1:"));

  const auto unknown = MakeTransport()->Send(Request("http://no-such-host.invalid"), {});
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().code(), ErrorCode::kUnavailable);
}

TEST(CpprestTransportTest, SurvivesAnswersThatAreNotHttp) {
  for (const char* answer :
       {"", "\r\n\r\n", "nonsense\r\n\r\n", "HTTP/1.1 abc\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "HTTP/1.1 99999 X\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", "HTTP/1.1 200 OK\r\nbroken\r\n\r\n"}) {
    LoopbackServer server([&](Connection& connection) {
      connection.ReadRequest();
      connection.Write(answer);
    });
    auto request = Request(server.Url());
    request.timeout = milliseconds(500);
    const auto response = MakeTransport()->Send(request, {});
    // Whether a stray header line is an error is the library's business; that it ends is ours.
    if (!response) {
      EXPECT_THAT(response.error().code(),
                  testing::AnyOf(ErrorCode::kUnavailable, ErrorCode::kTimeout))
          << answer;
    }
  }
}

TEST(CpprestTransportTest, RefusesWhatWouldBreakTheRequest) {
  const auto transport = MakeTransport();
  const auto code = [&](const HttpRequest& request) {
    return transport->Send(request, {}).error().code();
  };
  for (const char* url : {"", "http://", "http://[::1]:80/", "http://a b/", "http://h/\r\nX: y",
                          "file:///etc/passwd"}) {
    EXPECT_EQ(code(Request(url)), ErrorCode::kInvalidArgument) << url;
  }
  auto request = Request("http://127.0.0.1:1/");
  request.headers = {{"Authorization", "a\r\nX: y"}};
  EXPECT_EQ(code(request), ErrorCode::kInvalidArgument);
  request.headers = {{"Bad Name", "x"}};
  EXPECT_EQ(code(request), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code(Request("http://127.0.0.1:1/", "GET /")), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code(Request("http://127.0.0.1:1/", "")), ErrorCode::kInvalidArgument);
}

TEST(CpprestTransportTest, ServesManyThreadsAtOnce) {
  LoopbackServer server(Echo);
  const auto transport = MakeTransport();
  std::atomic<int> succeeded = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 16; ++i) {
      threads.emplace_back([&] {
        for (int j = 0; j < 20; ++j)
          succeeded += transport->Send(Request(server.Url()), {}).ok() ? 1 : 0;
      });
    }
  }
  EXPECT_EQ(succeeded, 320);
}

// --- streams

std::string Chunk(std::string_view text) {
  char size[32];
  std::snprintf(size, sizeof(size), "%zx\r\n", text.size());
  return size + std::string(text) + "\r\n";
}
constexpr std::string_view kStreamHeader = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

struct Streamed {
  std::vector<std::string> lines;
  Result<HttpResponse> result = Error(ErrorCode::kInternal, "not run");
};

Streamed Stream(const LoopbackServer& server, std::size_t max_line,
                Duration timeout = std::chrono::seconds(5)) {
  Streamed streamed;
  auto request = Request(server.Url());
  request.timeout = timeout;
  streamed.result = MakeTransport()->StreamLines(request, max_line,
                                                 [&](std::string_view line) {
                                                   streamed.lines.emplace_back(line);
                                                   return true;
                                                 },
                                                 {});
  return streamed;
}

TEST(CpprestStreamTest, SplitsLinesWhereverTheChunksEnd) {
  LoopbackServer server([](Connection& connection) {
    connection.ReadRequest();
    connection.Write(kStreamHeader);
    for (const char* part : {"on", "e\ntwo\n\nth", "r", "ee\n", "rest"})
      connection.Write(Chunk(part));
    connection.Write("0\r\n\r\n");
  });
  const auto streamed = Stream(server, 100);
  ASSERT_TRUE(streamed.result.ok()) << streamed.result.error().message();
  EXPECT_EQ(streamed.result->status, 200);
  EXPECT_THAT(streamed.lines, testing::ElementsAre("one", "two", "three", "rest"));
}

TEST(CpprestStreamTest, GivesALineAsSoonAsItIsThere) {
  std::promise<void> seen;
  LoopbackServer server([&](Connection& connection) {
    connection.ReadRequest();
    connection.Write(kStreamHeader);
    connection.Write(Chunk("one\n"));
    // Only a line that was delivered lets the stream go on.
    if (seen.get_future().wait_for(std::chrono::seconds(5)) == std::future_status::ready)
      connection.Write(Chunk("two\n"));
    connection.Write("0\r\n\r\n");
  });
  std::vector<std::string> lines;
  const auto result = MakeTransport()->StreamLines(Request(server.Url()), 100,
                                                   [&](std::string_view line) {
                                                     lines.emplace_back(line);
                                                     if (lines.size() == 1) seen.set_value();
                                                     return true;
                                                   },
                                                   {});
  EXPECT_TRUE(result.ok());
  EXPECT_THAT(lines, testing::ElementsAre("one", "two"));
}

TEST(CpprestStreamTest, GathersPieces) {
  std::promise<void> seen;
  LoopbackServer server([&](Connection& connection) {
    connection.ReadRequest();
    connection.Write(kStreamHeader);
    for (int i = 0; i < 10; ++i) connection.Write(Chunk(std::string(100, 'a')));
    // A piece was gathered, or the rest is silence.
    if (seen.get_future().wait_for(std::chrono::seconds(5)) != std::future_status::ready) return;
    connection.Write(Chunk("slow"));
    connection.WaitForClose();
  });
  auto request = Request(server.Url());
  request.piece_bytes = 1000;
  request.timeout = milliseconds(200);
  std::vector<std::string> pieces;
  const auto result = MakeTransport()->Stream(request,
                                              [&](std::string_view piece) -> Result<bool> {
                                                pieces.emplace_back(piece);
                                                if (pieces.size() == 1) seen.set_value();
                                                return true;
                                              },
                                              {});
  // Less than a piece is given when nothing more comes in time; silence after that is an error.
  EXPECT_THAT(pieces, testing::ElementsAre(std::string(1000, 'a'), "slow"));
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code(), ErrorCode::kTimeout);
}

TEST(CpprestStreamTest, EndsWithTheErrorOfThePiece) {
  LoopbackServer server([](Connection& connection) {
    connection.ReadRequest();
    connection.Write(kStreamHeader);
    connection.Write(Chunk("one"));
    connection.WaitForClose();
  });
  const auto result = MakeTransport()->Stream(
      Request(server.Url()),
      [](std::string_view) -> Result<bool> { return Error(ErrorCode::kCorrupt, "no list"); }, {});
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code(), ErrorCode::kCorrupt);
  EXPECT_THAT(result.error().message(), testing::HasSubstr("no list"));
}

TEST(CpprestStreamTest, ReturnsTheBodyOfAnError) {
  LoopbackServer server([](Connection& connection) {
    connection.ReadRequest();
    connection.Respond(410, "{\"code\":410}\n");
  });
  const auto streamed = Stream(server, 100);
  ASSERT_TRUE(streamed.result.ok());
  EXPECT_EQ(streamed.result->status, 410);
  EXPECT_EQ(streamed.result->body, "{\"code\":410}\n");
  EXPECT_TRUE(streamed.lines.empty());
}

TEST(CpprestStreamTest, LimitsTheLine) {
  LoopbackServer server([](Connection& connection) {
    connection.ReadRequest();
    connection.Write(kStreamHeader);
    connection.Write(Chunk("short\n"));
    while (connection.Write(Chunk(std::string(1000, 'x')))) {
    }
  });
  const auto streamed = Stream(server, 10'000);
  ASSERT_FALSE(streamed.result.ok());
  EXPECT_EQ(streamed.result.error().code(), ErrorCode::kResourceExhausted);
  EXPECT_THAT(streamed.lines, testing::ElementsAre("short"));
}

TEST(CpprestStreamTest, TellsAnAbruptEnd) {
  for (const bool reset : {false, true}) {
    LoopbackServer server([&](Connection& connection) {
      connection.ReadRequest();
      connection.Write(kStreamHeader);
      connection.Write(Chunk("one\n"));
      connection.Write("100\r\nhalf a chu");
      std::this_thread::sleep_for(milliseconds(20));  // a reset overtakes what was not read yet
      if (reset) connection.Reset();
    });
    const auto streamed = Stream(server, 100);
    ASSERT_FALSE(streamed.result.ok());
    EXPECT_EQ(streamed.result.error().code(), ErrorCode::kUnavailable)
        << streamed.result.error().message();
    EXPECT_THAT(streamed.lines, testing::ElementsAre("one"));
  }
}

TEST(CpprestStreamTest, TellsSilence) {
  LoopbackServer server([](Connection& connection) {
    connection.ReadRequest();
    connection.Write(kStreamHeader);
    connection.Write(Chunk("one\n"));
    connection.WaitForClose();
  });
  const auto streamed = Stream(server, 100, milliseconds(150));
  ASSERT_FALSE(streamed.result.ok());
  EXPECT_EQ(streamed.result.error().code(), ErrorCode::kTimeout);
  EXPECT_EQ(streamed.lines.size(), 1u);
}

TEST(CpprestStreamTest, StopsAtOnceAndClosesTheConnection) {
  for (const bool by_return : {false, true}) {
    std::promise<void> closed;
    std::promise<void> first;
    LoopbackServer server([&](Connection& connection) {
      connection.ReadRequest();
      connection.Write(kStreamHeader);
      connection.Write(Chunk("one\n"));
      if (connection.WaitForClose()) closed.set_value();
    });
    const auto transport = MakeTransport();
    std::stop_source stop;
    auto streaming = std::async(std::launch::async, [&] {
      return transport->StreamLines(
          Request(server.Url()), 100,
          [&](std::string_view) {
            first.set_value();
            return !by_return;
          },
          stop.get_token());
    });
    first.get_future().wait();
    const auto asked = Steady::now();
    stop.request_stop();
    const auto result = streaming.get();
    EXPECT_LT(Steady::now() - asked, kPrompt);
    EXPECT_EQ(result.ok(), by_return);
    EXPECT_EQ(closed.get_future().wait_for(std::chrono::seconds(5)), std::future_status::ready);
  }
}

TEST(CpprestStreamTest, HoldsTheServerBackWhileTheCallerIsBusy) {
  std::atomic<std::size_t> written = 0;
  constexpr std::size_t kTotal = 64 << 20;
  LoopbackServer server([&](Connection& connection) {
    connection.ReadRequest();
    connection.Write(kStreamHeader);
    const std::string chunk = Chunk(std::string(65535, 'x') + "\n");
    while (written < kTotal && connection.Write(chunk)) written += 65536;
    connection.Write("0\r\n\r\n");
  });
  std::size_t lines = 0;
  std::size_t at_first = 0;
  const auto result =
      MakeTransport()->StreamLines(Request(server.Url()), 100'000,
                                   [&](std::string_view) {
                                     if (lines++ == 0) {
                                       // Until the server no longer moves.
                                       std::size_t last = 0;
                                       do {
                                         last = written;
                                         std::this_thread::sleep_for(milliseconds(100));
                                       } while (last != written);
                                       at_first = last;
                                     }
                                     return true;
                                   },
                                   {});
  EXPECT_TRUE(result.ok());
  EXPECT_EQ(lines, kTotal / 65536);
  EXPECT_LT(at_first, kTotal / 2);  // the rest is what the kernel's buffers took
}

}  // namespace
}  // namespace purser::net
