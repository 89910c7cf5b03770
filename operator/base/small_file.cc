#include "base/small_file.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <system_error>
#include <utility>

namespace purser {
namespace {

std::string SizeText(std::size_t bytes) {
  constexpr std::pair<std::size_t, const char*> kUnits[] = {{1 << 20, " MiB"}, {1 << 10, " KiB"}};
  for (const auto& [unit, name] : kUnits) {
    if (bytes >= unit && bytes % unit == 0) return std::to_string(bytes / unit) + name;
  }
  return std::to_string(bytes) + " bytes";
}

}  // namespace

Result<std::string> ReadSmallFile(const std::string& path, std::size_t most) {
  const std::string quoted = "'" + path + "'";
  errno = 0;
  std::ifstream stream(path, std::ios::binary);
  if (!stream) {
    return Error(errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kPermissionDenied,
                 quoted + ": " + std::generic_category().message(errno));
  }
  std::string text;
  errno = 0;
  char buffer[16384];
  while (text.size() <= most) {
    // One byte more than allowed tells that there is more.
    const auto wanted = std::min(sizeof(buffer), most - text.size() + 1);
    stream.read(buffer, static_cast<std::streamsize>(wanted));
    text.append(buffer, static_cast<std::size_t>(stream.gcount()));
    if (!stream) break;
  }
  if (text.size() > most) {
    return Error(ErrorCode::kResourceExhausted, quoted + " is larger than " + SizeText(most));
  }
  if (!stream.eof()) {
    return Error(ErrorCode::kUnavailable,
                 quoted + " cannot be read: " + std::generic_category().message(errno));
  }
  return text;
}

}  // namespace purser
