#include "app/config_file.h"

#include "base/small_file.h"

namespace purser::app {
namespace {

constexpr std::size_t kMaxConfigBytes = 1 << 20;

}  // namespace

Result<std::string> ReadConfig(const std::string& path) {
  auto text = ReadSmallFile(path, kMaxConfigBytes);
  if (text) return text;
  const bool large = text.error().code() == ErrorCode::kResourceExhausted;
  return Error(large ? ErrorCode::kInvalidArgument : ErrorCode::kNotFound,
               "--config " + text.error().message() +
                   "; give the path of an OperatorConfig file that this user can read");
}

}  // namespace purser::app
