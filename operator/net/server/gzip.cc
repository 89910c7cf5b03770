#include "net/server/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <array>

namespace purser::net {
namespace {

constexpr int kGzipOnly = 15 + 16;  // zlib's largest window, and gzip's header
constexpr std::size_t kStep = std::size_t{64} << 10;

class Inflater {
 public:
  Inflater() : ready_(inflateInit2(&stream_, kGzipOnly) == Z_OK) {}
  ~Inflater() {
    if (ready_) inflateEnd(&stream_);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  z_stream& stream() { return stream_; }
  bool ready() const { return ready_; }

 private:
  z_stream stream_{};
  bool ready_;
};

}  // namespace

Result<std::string> Gunzip(std::string_view compressed, std::size_t most) {
  Inflater inflater;
  if (!inflater.ready()) return Error(ErrorCode::kInternal, "no memory to decompress the body");
  auto& stream = inflater.stream();
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): zlib only reads it
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(compressed.data()));
  stream.avail_in = static_cast<uInt>(compressed.size());
  std::string text;
  std::array<char, kStep> step;
  for (;;) {
    stream.next_out = reinterpret_cast<Bytef*>(step.data());
    stream.avail_out = static_cast<uInt>(step.size());
    const int code = inflate(&stream, Z_NO_FLUSH);
    const std::size_t made = step.size() - stream.avail_out;
    if (text.size() + made > most) {
      return Error(ErrorCode::kResourceExhausted,
                   "the body is larger than " + std::to_string(most) + " bytes decompressed");
    }
    text.append(step.data(), made);
    if (code == Z_STREAM_END) {
      if (stream.avail_in == 0) return text;
      if (inflateReset(&stream) != Z_OK) break;
    } else if (code != Z_OK || (made == 0 && stream.avail_in == 0)) {
      break;
    }
  }
  return Error(ErrorCode::kInvalidArgument, "the body is no whole gzip stream");
}

}  // namespace purser::net
