#include "net/server/connection.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cctype>
#include <utility>

#include "base/guarded.h"
#include "net/server/exchange.h"
#include "net/server/gzip.h"

namespace purser::net {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using tcp = asio::ip::tcp;

// After so much of one connection, the others have their turn.
constexpr int kMostSteps = 32;
// Of requests that came behind one another; more is left with the system.
constexpr std::size_t kMostAhead = std::size_t{64} << 10;
// What a body of unknown length is taken for.
constexpr std::size_t kUnknownBody = std::size_t{1} << 20;
constexpr std::chrono::seconds kAdmissionTimeout{15};
constexpr std::chrono::seconds kLingerFor{2};

bool SameWord(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

template <typename Name>
std::string Field(const http::request<http::string_body>& request, const Name& name) {
  const auto found = request.find(name);
  return found == request.end() ? std::string() : std::string(found->value());
}

bool HasLineEnd(std::string_view text) { return text.find_first_of("\r\n") != text.npos; }

// Details of ours alone: nothing in them needs escaping.
Answer PlainProblem(int status, const std::string& detail) {
  Answer answer{status, "application/problem+json",
                R"({"type":"about:blank","status":)" + std::to_string(status) + R"(,"detail":")" +
                    detail + "\"}"};
  if (status == 429 || status == 503) answer.headers.emplace_back("Retry-After", "1");
  return answer;
}

}  // namespace

void ApiHouse::Post(std::function<void()> function) {
  if (std::this_thread::get_id() == thread) return function();
  const std::lock_guard lock(mutex);
  if (context != nullptr) asio::post(*context, std::move(function));
}

Connection::Connection(tcp::socket socket, const TlsFiles::Context& tls,
                       std::shared_ptr<ApiHouse> house, bool surplus)
    : socket_(std::move(socket)),
      ssl_(SSL_new(tls.get())),
      tls_(tls),
      house_(std::move(house)),
      surplus_(surplus) {}

Connection::~Connection() {
  ReturnBody();
  SSL_free(ssl_);
}

void Connection::Start() {
  place_ = house_->connections.insert(house_->connections.end(), shared_from_this());
  boost::system::error_code error;
  socket_.non_blocking(true, error);
  if (!error) socket_.set_option(tcp::no_delay(true), error);
  if (error || ssl_ == nullptr || SSL_set_fd(ssl_, socket_.native_handle()) != 1) return Close();
  Enter(Phase::kHandshake, house_->options.handshake_timeout);
  Drive();
}

void Connection::Enter(Phase phase, std::optional<std::chrono::seconds> lasts) {
  phase_ = phase;
  since_ = Clock::now();
  deadline_ = lasts ? since_ + *lasts : Clock::time_point::max();
}

void Connection::LookAtTime(Clock::time_point now) {
  if (now < deadline_) return;
  // Who is slow with what he sends is told; who does not read can't be.
  if (phase_ == Phase::kHead && !input_.empty())
    return Refuse(408, "the request's header did not come in time");
  if (phase_ == Phase::kBody) return Refuse(408, "the request's body did not come in time");
  if (phase_ == Phase::kAdmission)
    return Refuse(503, "who asks could not be found out in time; send it again");
  Close();
}

void Connection::Close() {
  if (phase_ == Phase::kClosed) return;
  const auto self = shared_from_this();
  const bool said_hello = ssl_ != nullptr && SSL_is_init_finished(ssl_) == 1;
  phase_ = Phase::kClosed;
  deadline_ = Clock::time_point::max();
  ERR_clear_error();
  if (said_hello) SSL_shutdown(ssl_);
  ERR_clear_error();
  boost::system::error_code ignored;
  socket_.close(ignored);
  if (place_) house_->connections.erase(*std::exchange(place_, std::nullopt));
  ReturnBody();
  if (const auto talk = std::exchange(talk_, nullptr)) talk->Gone();
}

void Connection::ReturnBody() { house_->body_bytes -= std::exchange(body_bytes_, 0); }

void Connection::Drive() {
  if (driving_) return;
  const auto self = shared_from_this();
  driving_ = true;
  bool more = true;
  for (int step = 0; more && step < kMostSteps; ++step) {
    switch (phase_) {
      case Phase::kHandshake:
        more = Handshake();
        break;
      case Phase::kHead:
      case Phase::kBody:
        more = Parse() || Read();
        break;
      case Phase::kWriting:
      case Phase::kStreaming:
        more = Write();
        break;
      case Phase::kLinger:
        more = Linger();
        break;
      case Phase::kAdmission:
      case Phase::kHandling:
      case Phase::kClosed:
        more = false;
    }
  }
  driving_ = false;
  if (more) asio::post(socket_.get_executor(), [self] { self->Drive(); });
}

bool Connection::Handshake() {
  ERR_clear_error();
  const int result = SSL_accept(ssl_);
  if (result != 1) return Blocked(result);
  BeginRequest();
  return true;
}

void Connection::BeginRequest() {
  ReturnBody();
  talk_ = nullptr;
  who_ = nullptr;
  parser_.emplace();
  parser_->header_limit(static_cast<std::uint32_t>(house_->options.largest_header));
  parser_->body_limit(house_->options.largest_body);
  Enter(Phase::kHead,
        input_.empty() ? house_->options.idle_timeout : house_->options.request_timeout);
}

bool Connection::Blocked(int result) {
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ:
      WaitToRead();
      break;
    case SSL_ERROR_WANT_WRITE:
      WaitToWrite();
      break;
    default:
      Close();
  }
  return false;
}

void Connection::WaitToRead() {
  if (std::exchange(waits_to_read_, true)) return;
  socket_.async_wait(tcp::socket::wait_read, [self = shared_from_this()](auto error) {
    self->waits_to_read_ = false;
    if (self->phase_ == Phase::kClosed) return;
    if (error) return self->Close();
    if (self->phase_ >= Phase::kAdmission && self->phase_ != Phase::kBody) self->Listen();
    self->Drive();
  });
}

void Connection::WaitToWrite() {
  if (std::exchange(waits_to_write_, true)) return;
  socket_.async_wait(tcp::socket::wait_write, [self = shared_from_this()](auto error) {
    self->waits_to_write_ = false;
    if (self->phase_ == Phase::kClosed) return;
    if (error) return self->Close();
    self->Drive();
  });
}

bool Connection::Read() {
  ERR_clear_error();
  auto& scratch = house_->scratch;
  const int got = SSL_read(ssl_, scratch.data(), static_cast<int>(scratch.size()));
  if (got <= 0) return Blocked(got);
  if (phase_ == Phase::kHead && input_.empty())
    Enter(Phase::kHead, house_->options.request_timeout);
  input_.append(scratch.data(), static_cast<std::size_t>(got));
  return true;
}

bool Connection::Parse() {
  if (input_.empty()) return false;
  boost::system::error_code error;
  const auto used = parser_->put(asio::buffer(input_), error);
  input_.erase(0, used);
  if (error == http::error::need_more) return false;
  if (error == http::error::header_limit) {
    Refuse(431, "the request's header is larger than " +
                    std::to_string(house_->options.largest_header) + " bytes");
  } else if (error == http::error::body_limit) {
    Refuse(413, "the request's body is larger than " +
                    std::to_string(house_->options.largest_body) + " bytes; send it in parts");
  } else if (error) {
    Refuse(400, "this is no HTTP/1.1 request");
  } else if (phase_ == Phase::kHead && parser_->is_header_done()) {
    HeadDone();
  } else if (phase_ == Phase::kBody && parser_->is_done()) {
    BodyDone();
  } else {
    return used > 0;
  }
  return true;
}

void Connection::HeadDone() {
  const auto& request = parser_->get();
  const std::string target(request.target());
  const auto question = std::min(target.find('?'), target.size());
  head_ = {std::string(request.method_string()),
           target.substr(0, question),
           question < target.size() ? target.substr(question + 1) : "",
           Field(request, http::field::authorization),
           Field(request, http::field::content_type),
           Field(request, "Last-Event-ID")};
  const std::string encoding = Field(request, http::field::content_encoding);
  gzip_ = SameWord(encoding, "gzip") || SameWord(encoding, "x-gzip");
  unknown_encoding_ = !gzip_ && !encoding.empty() && !SameWord(encoding, "identity");
  head_only_ = head_.method == "HEAD";
  keep_alive_ = parser_->keep_alive();
  if (surplus_) return Refuse(429, "too many are connected; come again");
  if (house_->draining) return Refuse(503, "this replica is ending; send it again");
  if (unknown_encoding_) return Refuse(415, "Content-Encoding: send gzip, or none");
  const auto length = parser_->content_length();
  const std::size_t expected = parser_->is_done() ? 0
                               : length           ? static_cast<std::size_t>(*length)
                                                  : kUnknownBody;
  if (house_->body_bytes + expected > house_->options.most_body_bytes)
    return Refuse(429, "too much is being sent at once; come again");
  body_bytes_ = expected;
  house_->body_bytes += expected;

  Enter(Phase::kAdmission, kAdmissionTimeout);
  talk_ = std::make_shared<Talk>();
  talk_->house = house_;
  talk_->connection = weak_from_this();
  house_->admit(head_, [talk = talk_](Admission admission) {
    talk->house->Post([talk, admission = std::move(admission)]() mutable {
      if (const auto self = talk->connection.lock()) self->OnAdmission(talk, std::move(admission));
    });
  });
}

void Connection::OnAdmission(const std::shared_ptr<Talk>& talk, Admission admission) {
  if (talk != talk_ || phase_ != Phase::kAdmission) return;
  if (admission.refusal) {
    Put(*admission.refusal, keep_alive_ && parser_->is_done());
  } else {
    who_ = std::move(admission.who);
    if (parser_->is_done()) {
      BodyDone();
    } else {
      Enter(Phase::kBody, house_->options.request_timeout);
      if (SameWord(Field(parser_->get(), http::field::expect), "100-continue")) Continue();
    }
  }
  Drive();
}

void Connection::Continue() {
  static constexpr std::string_view kGoOn = "HTTP/1.1 100 Continue\r\n\r\n";
  ERR_clear_error();
  // So few bytes wait for nothing, but of a client that reads nothing.
  if (SSL_write(ssl_, kGoOn.data(), static_cast<int>(kGoOn.size())) <= 0) Close();
}

void Connection::BodyDone() {
  InboundRequest request{head_, std::move(parser_->get().body()), who_};
  Enter(Phase::kHandling, std::nullopt);
  if (gzip_) {
    auto text = Gunzip(request.body, house_->options.largest_body);
    if (!text) {
      const bool large = text.error().code() == ErrorCode::kResourceExhausted;
      return Put(PlainProblem(large ? 413 : 400, text.error().message()), keep_alive_);
    }
    request.body = std::move(*text);
    const std::size_t grown =
        request.body.size() > body_bytes_ ? request.body.size() - body_bytes_ : 0;
    body_bytes_ += grown;
    house_->body_bytes += grown;
  }
  {
    const auto exchange = MakeExchange(talk_);
    // What throws lets the exchange go, which tells the client.
    (void)Guarded([&] { house_->handler(std::move(request), exchange); });
  }
  if (phase_ == Phase::kHandling || phase_ == Phase::kStreaming) WaitToRead();
}

// Something came while nothing was expected: the next request, or the client's end.
void Connection::Listen() {
  if (phase_ == Phase::kWriting || phase_ == Phase::kAdmission) return;
  while (phase_ != Phase::kClosed && input_.size() < kMostAhead) {
    ERR_clear_error();
    const int got =
        SSL_read(ssl_, house_->scratch.data(), static_cast<int>(house_->scratch.size()));
    if (got <= 0) {
      Blocked(got);
      return;
    }
    input_.append(house_->scratch.data(), static_cast<std::size_t>(got));
  }
}

void Connection::Refuse(int status, const std::string& detail) {
  // What is left of the request is not read: the connection cannot go on.
  head_only_ = false;
  Put(PlainProblem(status, detail), false);
  Drive();
}

void Connection::Put(const Answer& answer, bool keep_alive) {
  keep_alive_ = keep_alive && !house_->draining;
  output_.reserve(256 + answer.body.size());
  output_ = "HTTP/1.1 " + std::to_string(answer.status) + ' ';
  output_ +=
      std::string(http::obsolete_reason(http::int_to_status(static_cast<unsigned>(answer.status))));
  output_ += "\r\nDate: " + house_->date;
  if (answer.status != 204) {
    output_ += "\r\nContent-Type: " + answer.content_type;
    output_ += "\r\nContent-Length: " + std::to_string(answer.body.size());
  }
  output_ += "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff";
  for (const auto& [name, value] : answer.headers) {
    if (!HasLineEnd(name) && !HasLineEnd(value)) output_ += "\r\n" + name + ": " + value;
  }
  output_ += keep_alive_ ? "\r\nConnection: keep-alive\r\n\r\n" : "\r\nConnection: close\r\n\r\n";
  if (!head_only_ && answer.status != 204) output_ += answer.body;
  written_ = 0;
  Enter(Phase::kWriting, house_->options.write_timeout);
}

bool Connection::Write() {
  while (written_ < output_.size()) {
    ERR_clear_error();
    const auto left = std::min<std::size_t>(output_.size() - written_, std::size_t{1} << 20);
    const int wrote = SSL_write(ssl_, output_.data() + written_, static_cast<int>(left));
    if (wrote <= 0) return Blocked(wrote);
    written_ += static_cast<std::size_t>(wrote);
    Enter(phase_, house_->options.write_timeout);
  }
  output_.clear();
  written_ = 0;
  if (phase_ == Phase::kStreaming) {
    deadline_ = Clock::time_point::max();
    const std::lock_guard lock(talk_->mutex);
    talk_->unsent = 0;
    return false;
  }
  if (keep_alive_) {
    if (output_.capacity() > kMostAhead) output_.shrink_to_fit();
    BeginRequest();
    return true;
  }
  // Closed at once, with what the client still sends unread, the answer might never be seen.
  ERR_clear_error();
  SSL_shutdown(ssl_);
  boost::system::error_code ignored;
  socket_.shutdown(tcp::socket::shutdown_send, ignored);
  Enter(Phase::kLinger, kLingerFor);
  return true;
}

bool Connection::Linger() {
  boost::system::error_code error;
  socket_.read_some(asio::buffer(house_->scratch), error);
  if (!error) return true;
  if (error == asio::error::would_block) {
    WaitToRead();
  } else {
    Close();
  }
  return false;
}

void Connection::OnAnswer(const std::shared_ptr<Talk>& talk, Answer answer) {
  if (talk != talk_ || phase_ != Phase::kHandling) return;
  Put(answer, keep_alive_);
  Drive();
}

void Connection::OnBegin(const std::shared_ptr<Talk>& talk) {
  if (talk != talk_ || phase_ != Phase::kHandling) return;
  output_ = "HTTP/1.1 200 OK\r\nDate: " + house_->date +
            "\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n"
            "X-Content-Type-Options: nosniff\r\nTransfer-Encoding: chunked\r\n\r\n";
  Enter(Phase::kStreaming, house_->options.write_timeout);
  Drive();
}

void Connection::OnEvents(const std::shared_ptr<Talk>& talk) {
  if (talk != talk_ || phase_ != Phase::kStreaming) return;
  {
    const std::lock_guard lock(talk->mutex);
    talk->posted = false;
    if (talk->events.empty()) return;
    if (output_.empty()) Enter(Phase::kStreaming, house_->options.write_timeout);
    char size[24];
    std::snprintf(size, sizeof size, "%zx\r\n", talk->events.size());
    output_ += size + std::exchange(talk->events, {}) + "\r\n";
    talk->unsent = output_.size() - written_;
  }
  Drive();
}

void Connection::OnEnd(const std::shared_ptr<Talk>& talk) {
  if (talk != talk_ || phase_ != Phase::kStreaming) return;
  OnEvents(talk);
  if (phase_ != Phase::kStreaming) return;
  output_ += "0\r\n\r\n";
  keep_alive_ = keep_alive_ && !house_->draining;
  Enter(Phase::kWriting, house_->options.write_timeout);
  Drive();
}

}  // namespace purser::net
