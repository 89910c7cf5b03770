// The API's server, byte by byte: what it takes, what it refuses, and who cannot hold it up.
#include "net/server/api_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <zlib.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <list>
#include <thread>

#include "support/tls_client.h"
#include "unit/net/loopback_server.h"

namespace purser::net {
namespace {

using namespace std::chrono_literals;
using support::TlsClient;
using support::TlsExchange;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string Gzip(const std::string& text) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string packed(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

class ApiServerTest : public testing::Test {
 protected:
  ApiServerTest() {
    std::signal(SIGPIPE, SIG_IGN);
    folder_ = std::filesystem::temp_directory_path() /
              ("api-server-" + std::to_string(getpid()) + "-" +
               testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(folder_);
    WriteCertificate("first");
    options_.address = "127.0.0.1:0";
    options_.cert_file = folder_ / "tls.crt";
    options_.key_file = folder_ / "tls.key";
  }
  ~ApiServerTest() override {
    server_.reset();
    std::filesystem::remove_all(folder_);
  }

  void WriteCertificate(const std::string& name) const {
    const auto pem = support::MakeCertificate(name, "DNS:localhost", nullptr);
    std::ofstream(folder_ / "tls.crt") << pem.certificate;
    std::ofstream(folder_ / "tls.key") << pem.key;
  }

  void Start() {
    auto server = ApiServer::Start(
        options_,
        [this](const RequestHead& head, auto answer) {
          if (head.authorization == "Bearer wrong")
            return answer({Answer{401, "text/plain", "who?"}, nullptr});
          if (head.path == "/later-admitted") {
            late_.emplace_back([answer] { answer({}); });
            return;
          }
          answer({});
        },
        [this](InboundRequest request, std::shared_ptr<Exchange> exchange) {
          // Counted when it is over: whoever waits for the count may look at what was kept.
          const std::shared_ptr<void> counted(nullptr, [this](void*) { ++served_; });
          if (request.head.path == "/kept") return kept_.push_back(std::move(exchange));
          if (request.head.path == "/let-go") return;
          if (request.head.path == "/throws") throw std::runtime_error("oh");
          if (request.head.path == "/stream") {
            exchange->Begin();
            exchange->Event("data: 1\n\n");
            exchange->OnGone([this] { ++gone_; });
            return kept_.push_back(std::move(exchange));
          }
          exchange->Send({200, "text/plain",
                          request.head.method + " " + request.head.path + " " + request.head.query +
                              " " + request.body});
        });
    ASSERT_TRUE(server.ok()) << server.error().message();
    server_ = std::move(*server);
  }
  std::uint16_t port() const { return server_->port(); }
  std::string Post(const std::string& headers, const std::string& body) const {
    return TlsExchange(port(), "POST /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + headers +
                                   "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
                                   body);
  }

  std::filesystem::path folder_;
  ApiServerOptions options_;
  std::atomic<int> served_ = 0, gone_ = 0;
  std::list<std::shared_ptr<Exchange>> kept_;
  std::list<std::jthread> late_;
  std::unique_ptr<ApiServer> server_;
};

TEST_F(ApiServerTest, ServesOneRequestAfterAnother) {
  Start();
  const TlsClient client(port());
  client.Send("GET /one?a=b HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(client.ReadUntil("a=b "), HasSubstr("GET /one a=b "));
  // Two at once, the second in two parts.
  client.Send("POST /two HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhiGET /thr");
  EXPECT_THAT(client.ReadUntil("hi"), HasSubstr("POST /two  hi"));
  client.Send("ee HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.ReadToEnd(), EndsWith("GET /three  "));
}

TEST_F(ApiServerTest, TakesBodiesInChunksAndCompressed) {
  Start();
  EXPECT_THAT(TlsExchange(port(),
                          "POST /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: "
                          "chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
              EndsWith("POST /x  abcde"));
  const std::string text(100'000, 'x');
  EXPECT_THAT(Post("Content-Encoding: gzip\r\n", Gzip(text)), EndsWith(text));
  EXPECT_THAT(Post("Content-Encoding: gzip\r\n", "nonsense"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Post("Content-Encoding: gzip\r\n", Gzip(text).substr(0, 40)),
              StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Post("Content-Encoding: br\r\n", "x"), StartsWith("HTTP/1.1 415 "));
  EXPECT_THAT(Post("Expect: 100-continue\r\n", "hello"),
              testing::AllOf(StartsWith("HTTP/1.1 100 Continue\r\n"), EndsWith("hello")));
}

TEST_F(ApiServerTest, RefusesWhatIsTooLarge) {
  options_.largest_body = 1000;
  Start();
  EXPECT_THAT(Post("", std::string(1001, 'x')), StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(Post("Content-Encoding: gzip\r\n", Gzip(std::string(1'000'000, 'x'))),
              StartsWith("HTTP/1.1 413 "))
      << "a bomb";
  EXPECT_THAT(Post("X: " + std::string(20'000, 'x') + "\r\n", ""), StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(TlsExchange(port(), "nonsense\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_EQ(served_, 0);
}

TEST_F(ApiServerTest, AsksBeforeTheBodyComes) {
  Start();
  const TlsClient client(port());
  client.Send(
      "POST /x HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer wrong\r\nContent-Length: "
      "5000000\r\n\r\n");
  EXPECT_THAT(client.ReadUntil("who?"), StartsWith("HTTP/1.1 401 "));
  EXPECT_THAT(TlsExchange(port(),
                          "POST /later-admitted HTTP/1.1\r\nHost: a\r\nConnection: "
                          "close\r\nContent-Length: 2\r\n\r\nhi"),
              EndsWith("hi"));
}

TEST_F(ApiServerTest, AnswersLaterAndNeverLeavesAClientWaiting) {
  Start();
  const TlsClient client(port());
  client.Send("GET /kept HTTP/1.1\r\nHost: a\r\n\r\n");
  while (served_ < 1) std::this_thread::sleep_for(1ms);
  kept_.front()->Send({200, "text/plain", "at last"});
  EXPECT_THAT(client.ReadUntil("at last"), StartsWith("HTTP/1.1 200 "));
  client.Send("GET /let-go HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(client.ReadUntil("again\"}"), HasSubstr("Retry-After: 1\r\n"));
  client.Send("GET /throws HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(client.ReadUntil("again\"}"), StartsWith("HTTP/1.1 503 "));
}

TEST_F(ApiServerTest, StreamsUntilTheClientIsGone) {
  Start();
  {
    const TlsClient client(port());
    client.Send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_THAT(client.ReadUntil("data: 1\n\n"), HasSubstr("text/event-stream"));
    EXPECT_TRUE(kept_.front()->Event("data: 2\n\n"));
    EXPECT_THAT(client.ReadUntil("data: 2\n\n"), HasSubstr("data: 2"));
  }
  for (int i = 0; i < 500 && gone_ == 0; ++i) std::this_thread::sleep_for(10ms);
  EXPECT_EQ(gone_, 1);
  EXPECT_FALSE(kept_.front()->Event("data: 3\n\n"));
}

TEST_F(ApiServerTest, WhoIsSlowIsCutOff) {
  options_.request_timeout = 1s;
  options_.idle_timeout = 1s;
  Start();
  const TlsClient silent(port());
  const TlsClient slow(port());
  slow.Send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Le");
  const TlsClient slow_body(port());
  slow_body.Send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_THAT(slow.ReadToEnd(), StartsWith("HTTP/1.1 408 "));
  EXPECT_THAT(slow_body.ReadToEnd(), StartsWith("HTTP/1.1 408 "));
  EXPECT_EQ(silent.ReadToEnd(), "");
  EXPECT_THAT(Post("", "y"), EndsWith("y"));
}

TEST_F(ApiServerTest, TheIdleGiveWayAndTheRestAreTold) {
  options_.most_connections = 4;
  Start();
  std::list<TlsClient> idle;
  for (int i = 0; i < 6; ++i) idle.emplace_back(port());
  EXPECT_THAT(Post("", "y"), EndsWith("y")) << "who is idle gives way";
  std::list<TlsClient> busy;
  for (int i = 0; i < 4; ++i) {
    busy.emplace_back(port());
    busy.back().Send("GET /kept HTTP/1.1\r\nHost: a\r\n\r\n");
    while (served_ < i + 2) std::this_thread::sleep_for(1ms);
  }
  const auto told = Post("", "y");
  EXPECT_THAT(told, StartsWith("HTTP/1.1 429 "));
  EXPECT_THAT(told, HasSubstr("Retry-After: 1\r\n"));
}

TEST_F(ApiServerTest, BodiesOfAllTogetherAreBounded) {
  options_.most_body_bytes = 1000;
  Start();
  const TlsClient holds(port());
  holds.Send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\nabc");
  for (int i = 0; i < 200; ++i) {
    if (Post("", std::string(200, 'x')).starts_with("HTTP/1.1 429 ")) break;
    std::this_thread::sleep_for(10ms);
  }
  EXPECT_THAT(Post("", std::string(200, 'x')), StartsWith("HTTP/1.1 429 "));
  EXPECT_THAT(Post("", "small"), EndsWith("small"));
  holds.Send(std::string(897, 'x'));
  EXPECT_THAT(holds.ReadUntil("xxx"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(Post("", std::string(200, 'x')), StartsWith("HTTP/1.1 200 "));
}

TEST_F(ApiServerTest, ReadsItsCertificateAgain) {
  Start();
  EXPECT_EQ(TlsClient(port()).ServerName(), "first");
  WriteCertificate("second");
  for (int i = 0; i < 100 && TlsClient(port()).ServerName() != "second"; ++i)
    std::this_thread::sleep_for(100ms);
  EXPECT_EQ(TlsClient(port()).ServerName(), "second");
}

TEST_F(ApiServerTest, EndsSoonAndLetsAnswersOut) {
  Start();
  const TlsClient idle(port());
  const TlsClient client(port());
  client.Send("GET /kept HTTP/1.1\r\nHost: a\r\n\r\n");
  while (served_ < 1) std::this_thread::sleep_for(1ms);
  std::jthread answers([this] {
    std::this_thread::sleep_for(200ms);
    kept_.front()->Send({200, "text/plain", "in time"});
  });
  const auto began = std::chrono::steady_clock::now();
  server_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - began, 1900ms);
  EXPECT_THAT(client.ReadToEnd(), EndsWith("in time"));
  kept_.clear();  // answers nobody any more
}

TEST_F(ApiServerTest, SaysWhatIsWrongWithItsFiles) {
  options_.key_file = folder_ / "none.key";
  EXPECT_THAT(ApiServer::Start(options_, {}, {}).error().message(), HasSubstr("none.key"));
  options_.key_file = options_.cert_file;
  EXPECT_EQ(ApiServer::Start(options_, {}, {}).error().code(), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace purser::net
