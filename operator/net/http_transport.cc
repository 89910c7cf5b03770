#include "net/http_transport.h"

namespace purser::net {
namespace {

constexpr std::size_t kKeptLineBytes = 256 << 10;

// Cuts a stream into lines wherever its pieces end.
class LineSplitter {
 public:
  LineSplitter(std::size_t max_line_bytes, const std::function<bool(std::string_view)>& on_line)
      : max_line_bytes_(max_line_bytes), on_line_(on_line) {}

  // False: on_line wants no more.
  Result<bool> Give(std::string_view data) {
    while (!data.empty()) {
      const auto end = data.find('\n');
      const std::string_view piece = data.substr(0, end);
      if (piece.size() + line_.size() > max_line_bytes_) {
        return Error(ErrorCode::kResourceExhausted,
                     "a line is longer than " + std::to_string(max_line_bytes_) + " bytes");
      }
      if (end == std::string_view::npos) {
        line_ += piece;
        return true;
      }
      data.remove_prefix(end + 1);
      bool goes_on = true;
      if (line_.empty()) {
        if (!piece.empty()) goes_on = on_line_(piece);
      } else {
        line_ += piece;
        goes_on = on_line_(line_);
        // A long line is rare; its memory is not kept for the hours a watch lasts.
        if (line_.capacity() > kKeptLineBytes) std::string().swap(line_);
        line_.clear();
      }
      if (!goes_on) return false;
    }
    return true;
  }

  void End() {
    if (!line_.empty()) on_line_(line_);
  }

 private:
  const std::size_t max_line_bytes_;
  const std::function<bool(std::string_view)>& on_line_;
  std::string line_;  // begun in what arrived before
};

}  // namespace

Result<HttpResponse> HttpTransport::StreamLines(
    const HttpRequest& request, std::size_t max_line_bytes,
    const std::function<bool(std::string_view line)>& on_line, std::stop_token stop) {
  LineSplitter lines(max_line_bytes, on_line);
  bool goes_on = true;
  auto response = Stream(
      request,
      [&](std::string_view piece) -> Result<bool> {
        auto given = lines.Give(piece);
        goes_on = given.ok() && *given;
        return given;
      },
      std::move(stop));
  if (response && goes_on) lines.End();
  return response;
}

}  // namespace purser::net
