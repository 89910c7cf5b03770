#include "net/cpprest/exchange.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace purser::net {
namespace {

// Room a JSON parser wants behind the text, so that it need not be copied.
constexpr std::size_t kParserPadding = 64;

// What the library's stream interface demands of every buffer, and a one-way buffer has no use for.
class OneWayBuffer : public concurrency::streams::details::streambuf_state_manager<std::uint8_t> {
 public:
  using Base = concurrency::streams::details::streambuf_state_manager<std::uint8_t>;
  using Traits = concurrency::streams::char_traits<std::uint8_t>;
  using int_type = Traits::int_type;
  using pos_type = Traits::pos_type;
  using off_type = Traits::off_type;
  explicit OneWayBuffer(std::ios_base::openmode mode) : Base(mode) {}

  bool can_seek() const override { return false; }
  bool has_size() const override { return false; }
  std::size_t buffer_size(std::ios_base::openmode) const override { return 0; }
  void set_buffer_size(std::size_t, std::ios_base::openmode) override {}
  std::size_t in_avail() const override { return 0; }
  pos_type getpos(std::ios_base::openmode) const override {
    return static_cast<pos_type>(Traits::eof());
  }
  pos_type seekpos(pos_type, std::ios_base::openmode) override {
    return static_cast<pos_type>(Traits::eof());
  }
  pos_type seekoff(off_type, std::ios_base::seekdir, std::ios_base::openmode) override {
    return static_cast<pos_type>(Traits::eof());
  }
  bool acquire(std::uint8_t*& data, std::size_t& size) override {
    data = nullptr;
    size = 0;
    return false;
  }
  void release(std::uint8_t*, std::size_t) override {}

 protected:
  static pplx::task<int_type> End() { return pplx::task_from_result<int_type>(Traits::eof()); }
  pplx::task<int_type> _putc(std::uint8_t) override { return End(); }
  pplx::task<std::size_t> _putn(const std::uint8_t*, std::size_t) override {
    return pplx::task_from_result<std::size_t>(0);
  }
  pplx::task<int_type> _bumpc() override { return End(); }
  int_type _sbumpc() override { return Traits::eof(); }
  pplx::task<int_type> _getc() override { return End(); }
  int_type _sgetc() override { return Traits::eof(); }
  pplx::task<int_type> _nextc() override { return End(); }
  pplx::task<int_type> _ungetc() override { return End(); }
  pplx::task<std::size_t> _getn(std::uint8_t*, std::size_t) override {
    return pplx::task_from_result<std::size_t>(0);
  }
  std::size_t _scopy(std::uint8_t*, std::size_t) override { return 0; }
  pplx::task<bool> _sync() override { return pplx::task_from_result(true); }
  std::uint8_t* _alloc(std::size_t) override { return nullptr; }
  void _commit(std::size_t) override {}
};

class OutputBuffer final : public OneWayBuffer {
 public:
  explicit OutputBuffer(std::shared_ptr<Exchange> exchange)
      : OneWayBuffer(std::ios_base::out), exchange_(std::move(exchange)) {}

 protected:
  pplx::task<std::size_t> _putn(const std::uint8_t* data, std::size_t size) override {
    return exchange_->Write(data, size);
  }
  pplx::task<std::size_t> _putn(const std::uint8_t* data, std::size_t size, bool) override {
    return exchange_->Write(data, size);
  }
  pplx::task<int_type> _putc(std::uint8_t byte) override {
    return exchange_->Write(&byte, 1).then(
        [byte](std::size_t) { return static_cast<int_type>(byte); });
  }

 private:
  std::shared_ptr<Exchange> exchange_;
};

class ReadOnceBuffer final : public OneWayBuffer {
 public:
  explicit ReadOnceBuffer(std::string body)
      : OneWayBuffer(std::ios_base::in), body_(std::move(body)) {}
  std::size_t in_avail() const override { return body_.size() - read_; }

 protected:
  pplx::task<std::size_t> _getn(std::uint8_t* data, std::size_t size) override {
    return pplx::task_from_result(_scopy(data, size, true));
  }
  std::size_t _scopy(std::uint8_t* data, std::size_t size) override {
    return _scopy(data, size, false);
  }
  int_type _sgetc() override {
    return read_ < body_.size() ? static_cast<int_type>(static_cast<std::uint8_t>(body_[read_]))
                                : Traits::eof();
  }
  int_type _sbumpc() override {
    const int_type byte = _sgetc();
    if (byte != Traits::eof()) ++read_;
    return byte;
  }
  pplx::task<int_type> _getc() override { return pplx::task_from_result(_sgetc()); }
  pplx::task<int_type> _bumpc() override { return pplx::task_from_result(_sbumpc()); }

 private:
  std::size_t _scopy(std::uint8_t* data, std::size_t size, bool advance) {
    const std::size_t count = std::min(size, body_.size() - read_);
    std::memcpy(data, body_.data() + read_, count);
    if (advance) read_ += count;
    return count;
  }

  std::string body_;
  std::size_t read_ = 0;
};

}  // namespace

concurrency::streams::ostream MakeOutput(std::shared_ptr<Exchange> exchange) {
  return concurrency::streams::streambuf<std::uint8_t>(
             std::make_shared<OutputBuffer>(std::move(exchange)))
      .create_ostream();
}

concurrency::streams::istream MakeReadOnceInput(std::string body) {
  return concurrency::streams::streambuf<std::uint8_t>(
             std::make_shared<ReadOnceBuffer>(std::move(body)))
      .create_istream();
}

void Exchange::SetHeader(HttpResponse response) {
  {
    const std::lock_guard lock(mutex_);
    header_ = std::move(response);
  }
  // Send waits for the body alone: waking it now would cost two hand-overs for nothing.
  if (overflow_ == Overflow::kHold) changed_.notify_all();
}

pplx::task<std::size_t> Exchange::Write(const std::uint8_t* data, std::size_t size) {
  std::unique_lock lock(mutex_);
  if (left_)
    return pplx::task_from_exception<std::size_t>(
        std::runtime_error("nobody reads the answer any more"));
  if (overflow_ == Overflow::kFail) {
    if (size > limit_ - data_.size()) {
      too_long_ = true;
      changed_.notify_all();
      return pplx::task_from_exception<std::size_t>(std::runtime_error("the answer is too long"));
    }
    if (data_.size() + size + kParserPadding > data_.capacity()) {
      data_.reserve(std::max(data_.size() + size + kParserPadding, data_.capacity() * 2));
    }
    data_.append(reinterpret_cast<const char*>(data), size);
    return pplx::task_from_result(size);  // nobody waits for a part of the body
  }
  data_.append(reinterpret_cast<const char*>(data), size);
  const bool held = data_.size() > limit_;
  if (held) {
    held_.emplace();
    held_size_ = size;
  }
  auto result = held ? pplx::create_task(*held_) : pplx::task_from_result(size);
  const bool wakes = data_.size() >= piece_;
  lock.unlock();  // who is woken finds the lock free
  if (wakes) changed_.notify_all();
  return result;
}

void Exchange::Finish(const std::exception_ptr& failure) {
  std::unique_lock lock(mutex_);
  finished_ = true;
  if (failure) {
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& exception) {
      failure_ = exception.what();
    } catch (...) {
      failure_ = "unknown failure";
    }
  }
  lock.unlock();
  changed_.notify_all();
}

template <typename Ready>
Status Exchange::Wait(std::unique_lock<std::mutex>& lock, SteadyTime deadline,
                      const std::stop_token& stop, Ready ready) {
  if (ready()) return Ok();
  lock.unlock();
  bool in_time = false;
  {
    // Made and unmade without the lock, which it takes: its end waits for a call under way.
    const std::stop_callback on_stop(stop, [this] {
      { const std::lock_guard taken(mutex_); }  // nobody is between his check and his wait
      changed_.notify_all();
    });
    lock.lock();
    in_time = changed_.wait_until(lock, deadline, [&] { return ready() || stop.stop_requested(); });
    lock.unlock();
  }
  lock.lock();
  if (ready()) return Ok();
  if (in_time) return Error(ErrorCode::kCancelled, "asked to stop");
  return Error(ErrorCode::kTimeout, "no answer in time");
}

Result<HttpResponse> Exchange::WaitForHeader(SteadyTime deadline, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  PURSER_RETURN_IF_ERROR(Wait(lock, deadline, stop, [this] { return header_ || finished_; }));
  if (!header_) return Error(ErrorCode::kUnavailable, failure_.value_or("no answer"));
  return *header_;
}

Result<std::string> Exchange::WaitForBody(SteadyTime deadline, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  PURSER_RETURN_IF_ERROR(Wait(lock, deadline, stop, [this] { return finished_ || too_long_; }));
  if (too_long_) {
    return Error(ErrorCode::kResourceExhausted,
                 "the answer is longer than " + std::to_string(limit_) + " bytes");
  }
  if (failure_) return Error(ErrorCode::kUnavailable, *failure_);
  return std::move(data_);
}

Status Exchange::WaitForData(std::string& data, SteadyTime deadline, const std::stop_token& stop) {
  data.clear();
  std::unique_lock lock(mutex_);
  const auto waited =
      Wait(lock, deadline, stop, [this] { return finished_ || data_.size() >= piece_; });
  // Less than a piece is no silence.
  if (!waited && (waited.error().code() != ErrorCode::kTimeout || data_.empty()))
    return waited.error();
  data.swap(data_);
  if (data.empty() && failure_) return Error(ErrorCode::kUnavailable, *failure_);
  Release(lock);
  return Ok();
}

void Exchange::Leave() {
  std::unique_lock lock(mutex_);
  left_ = true;
  std::string().swap(data_);
  Release(lock);
}

// Lets the library go on reading. Not under the lock: what waits may run at once.
void Exchange::Release(std::unique_lock<std::mutex>& lock) {
  const auto held = std::exchange(held_, std::nullopt);
  const std::size_t size = held_size_;
  lock.unlock();
  if (held) held->set(size);
}

}  // namespace purser::net
