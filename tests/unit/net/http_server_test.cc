// The server of health and metrics, byte by byte: what it refuses, and who cannot hold it up.
#include "net/server/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <ctime>
#include <list>
#include <mutex>
#include <optional>

#include "support/http_exchange.h"

namespace purser::net {
namespace {

using namespace std::chrono_literals;
using support::HttpConnection;
using support::HttpExchange;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class HttpServerTest : public testing::Test {
 protected:
  HttpServerTest() {
    auto server = HttpServer::Start("127.0.0.1:0", [](const ServerRequest& request) {
      return ServerResponse{200, "text/plain",
                            std::string(request.method) + " " + std::string(request.path)};
    });
    EXPECT_TRUE(server.ok());
    server_ = std::move(*server);
  }
  std::uint16_t port() const { return server_->port(); }
  std::string Get() const {
    return HttpExchange(port(),
                        "GET /metrics?x=1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  }

  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, AnswersGetAndHead) {
  EXPECT_THAT(Get(), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(Get(), EndsWith("\r\n\r\nGET /metrics"));
  const auto head = HttpExchange(port(), "HEAD /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(head, HasSubstr("Content-Length: 13\r\n"));
  EXPECT_THAT(head, EndsWith("\r\n\r\n"));
}

TEST_F(HttpServerTest, KeepsAConnectionForTheNextRequest) {
  const HttpConnection connection(port());
  connection.Send("GET /one HTTP/1.1\r\nHost: a\r\n\r\n");
  connection.Send("GET /two HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const auto answers = connection.ReadToEnd();
  EXPECT_THAT(answers, HasSubstr("GET /one"));
  EXPECT_THAT(answers, EndsWith("GET /two"));
}

TEST_F(HttpServerTest, RefusesWhatOnlyChanges) {
  for (const char* method : {"POST", "PUT", "DELETE", "PATCH", "OPTIONS"}) {
    const auto answer =
        HttpExchange(port(), std::string(method) + " /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 405 ")) << method;
    EXPECT_THAT(answer, EndsWith("only GET and HEAD\n"));
  }
}

TEST_F(HttpServerTest, RefusesABodyBeforeItCameWhole) {
  for (const char* method : {"GET", "POST"}) {
    const auto answer =
        HttpExchange(port(), std::string(method) +
                                 " /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n"
                                 "\r\nonly this much");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 413 ")) << method;
  }
}

TEST_F(HttpServerTest, EndsAConnectionWhoseHeaderHasNoEnd) {
  const auto answer =
      HttpExchange(port(), "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(64 * 1024, 'x'));
  EXPECT_THAT(answer, Not(HasSubstr(" 200 ")));
  const auto nonsense = HttpExchange(port(), "\x16\x03\x01\x02 TLS, perhaps\r\n\r\n");
  EXPECT_THAT(nonsense, Not(HasSubstr(" 200 ")));
  EXPECT_THAT(Get(), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServerTest, SilentConnectionsDoNotBlockOthers) {
  std::list<HttpConnection> silent;
  for (int i = 0; i < 200; ++i) {
    silent.emplace_back(port());
    if (i % 2 == 0) silent.back().Send("GET /metrics HTTP/1.1\r\nHo");
  }
  // Nobody has timed out by now: they gave way.
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i) ASSERT_THAT(Get(), StartsWith("HTTP/1.1 200 ")) << i;
  EXPECT_LT(std::chrono::steady_clock::now() - began, 5s);
  EXPECT_THAT(silent.front().ReadToEnd(), IsEmpty()) << "the oldest is closed";
}

TEST_F(HttpServerTest, EndsASilentConnectionAfterTenSeconds) {
  const HttpConnection silent(port());
  silent.Send("GET /metrics HTTP/1.1\r\n");
  const auto began = std::chrono::steady_clock::now();
  EXPECT_THAT(silent.ReadToEnd(30s), IsEmpty());
  const auto took = std::chrono::steady_clock::now() - began;
  EXPECT_GT(took, 8s);
  EXPECT_LT(took, 20s);
}

// Where the sanitizers' allocator does not count, this says nothing.
TEST_F(HttpServerTest, KeepsNothingOfAConnectionThatEnded) {
  const auto allocated = [] { return static_cast<std::int64_t>(mallinfo2().uordblks); };
  for (int i = 0; i < 100; ++i) ASSERT_THAT(Get(), StartsWith("HTTP/1.1 200 "));
  const auto before = allocated();
  constexpr int kRequests = 3000;
  for (int i = 0; i < kRequests; ++i) ASSERT_THAT(Get(), StartsWith("HTTP/1.1 200 ")) << i;
  EXPECT_LT(allocated() - before, kRequests * 32);
}

// While it lives, no file descriptor can be had.
class NoDescriptorLeft {
 public:
  NoDescriptorLeft() {
    getrlimit(RLIMIT_NOFILE, &before_);
    rlimit low = before_;
    low.rlim_cur = 64;
    setrlimit(RLIMIT_NOFILE, &low);
    for (int taken; (taken = dup(STDERR_FILENO)) >= 0;) taken_.push_back(taken);
  }
  ~NoDescriptorLeft() {
    while (!taken_.empty()) FreeOne();
    setrlimit(RLIMIT_NOFILE, &before_);
  }
  NoDescriptorLeft(const NoDescriptorLeft&) = delete;
  NoDescriptorLeft& operator=(const NoDescriptorLeft&) = delete;
  void FreeOne() {
    close(taken_.back());
    taken_.pop_back();
  }

 private:
  rlimit before_{};
  std::list<int> taken_;
};

TEST_F(HttpServerTest, RestsWhileNoConnectionCanBeAccepted) {
  std::optional<NoDescriptorLeft> none(std::in_place);
  none->FreeOne();
  const HttpConnection waiting(port());  // takes it; nothing is left for the server's side
  waiting.Send("GET /late HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const auto began = std::clock();  // of the processor, not of the wall
  EXPECT_THAT(waiting.ReadToEnd(600ms), IsEmpty());
  const double busy = static_cast<double>(std::clock() - began) / CLOCKS_PER_SEC;
  EXPECT_LT(busy, 0.1) << "seconds of the processor";
  none.reset();
  EXPECT_THAT(waiting.ReadToEnd(), EndsWith("GET /late")) << "it is taken when there is one again";
}

TEST(HttpServerStart, NamesTheAddressThatCannotBeUsed) {
  const auto handler = [](const ServerRequest&) { return ServerResponse{}; };
  const auto first = HttpServer::Start("127.0.0.1:0", handler);
  ASSERT_TRUE(first.ok());
  const std::string taken = "127.0.0.1:" + std::to_string((*first)->port());
  const auto second = HttpServer::Start(taken, handler);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code(), ErrorCode::kUnavailable);
  EXPECT_THAT(second.error().message(),
              testing::AllOf(HasSubstr(taken), HasSubstr("server.metricsAddress")));
  for (const char* address : {"", "8080", "localhost:8080", "127.0.0.1:", "127.0.0.1:99999"}) {
    const auto wrong = HttpServer::Start(address, handler);
    ASSERT_FALSE(wrong.ok()) << address;
    EXPECT_EQ(wrong.error().code(), ErrorCode::kInvalidArgument) << address;
    EXPECT_THAT(wrong.error().message(),
                testing::AllOf(HasSubstr("server.metricsAddress \"" + std::string(address)),
                               HasSubstr("\"0.0.0.0:8080\"; names are not looked up")));
  }
}

// A gate that answers when the test says.
class GatedServerTest : public testing::Test {
 protected:
  GatedServerTest() {
    auto server = HttpServer::Start(
        "127.0.0.1:0",
        [](const ServerRequest& request) {
          return ServerResponse{200, "text/plain", "in: " + std::string(request.path)};
        },
        [this](const ServerRequest& request, HttpServer::GateAnswer answer) {
          const std::lock_guard lock(mutex_);
          seen_ = request.authorization;
          answers_.push_back(std::move(answer));
        });
    EXPECT_TRUE(server.ok());
    server_ = std::move(*server);
  }
  HttpServer::GateAnswer Next() {
    while (true) {
      const std::lock_guard lock(mutex_);
      if (answers_.empty()) continue;
      auto answer = std::move(answers_.front());
      answers_.pop_front();
      return answer;
    }
  }

  std::mutex mutex_;
  std::string seen_;
  std::list<HttpServer::GateAnswer> answers_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(GatedServerTest, LetsInOrNot) {
  const HttpConnection connection(server_->port());
  connection.Send("GET /one?x HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer t\r\n\r\n");
  Next()(std::nullopt);
  connection.Send("GET /two HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  Next()(ServerResponse{401, "text/plain", "who?"});
  const auto answers = connection.ReadToEnd();
  EXPECT_THAT(answers, HasSubstr("in: /one"));
  EXPECT_THAT(answers, HasSubstr("HTTP/1.1 401 "));
  EXPECT_THAT(answers, HasSubstr("WWW-Authenticate: Bearer"));
  EXPECT_THAT(answers, Not(HasSubstr("in: /two")));
  EXPECT_EQ(seen_, "") << "a header of the request before is none of the next";
}

TEST_F(GatedServerTest, OneThatWaitsHoldsNobodyElseUp) {
  const HttpConnection first(server_->port());
  first.Send("GET /one HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const auto late = Next();
  const HttpConnection second(server_->port());
  second.Send("GET /two HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  Next()(std::nullopt);
  EXPECT_THAT(second.ReadToEnd(), EndsWith("in: /two"));
  late(std::nullopt);
  late(ServerResponse{500, "text/plain", "twice"});
  EXPECT_THAT(first.ReadToEnd(), EndsWith("in: /one"));
}

TEST_F(GatedServerTest, AnAnswerAfterTheEndIsForNobody) {
  HttpServer::GateAnswer late;
  {
    const HttpConnection connection(server_->port());
    connection.Send("GET /one HTTP/1.1\r\nHost: a\r\n\r\n");
    late = Next();
  }
  server_.reset();
  late(std::nullopt);
}

}  // namespace
}  // namespace purser::net
