#include "kube/credentials.h"

#include <simdjson.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <mutex>

#include "kube/subprocess.h"

namespace purser::kube {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::size_t kMaxFileBytes = 1 << 20;
constexpr auto kTokenAge = std::chrono::seconds(60);
constexpr auto kExpiryMargin = std::chrono::seconds(10);

std::string Trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const auto first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(kBlank) - first + 1));
}

class FileToken {
 public:
  explicit FileToken(std::string path) : path_(std::move(path)) {}

  Result<std::string> Get(bool refresh) {
    const std::lock_guard lock(mutex_);
    const auto now = Steady::now();
    if (!refresh && !token_.empty() && now - read_ < kTokenAge) return token_;
    auto text = ReadSmallFile(path_);
    std::string token = text ? Trim(*text) : std::string();
    if (token.empty()) {
      if (!token_.empty()) return token_;
      if (!text) return text.error().WithContext("token file");
      return Error(ErrorCode::kUnauthenticated, "token file '" + path_ + "' is empty");
    }
    token_ = std::move(token);
    read_ = now;
    return token_;
  }

 private:
  const std::string path_;
  std::mutex mutex_;
  std::string token_;
  Steady::time_point read_;
};

class ProgramToken {
 public:
  explicit ProgramToken(ExecOptions options) : options_(std::move(options)) {}

  Result<std::string> Get(bool refresh) {
    const std::lock_guard lock(mutex_);
    const auto now = std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
    const bool expired = credential_.expires && now + kExpiryMargin >= *credential_.expires;
    if (!refresh && !credential_.token.empty() && !expired) return credential_.token;
    auto fetched = Fetch();
    if (!fetched) return fetched.error();
    credential_ = std::move(fetched).value();
    return credential_.token;
  }

 private:
  Result<ExecCredential> Fetch() const {
    std::vector<std::string> command{options_.command};
    command.insert(command.end(), options_.arguments.begin(), options_.arguments.end());
    auto output = RunProgram(command, Environment(), options_.timeout);
    if (!output) {
      const std::string hint =
          output.error().code() == ErrorCode::kNotFound && !options_.install_hint.empty()
              ? " (" + options_.install_hint + ")"
              : "";
      return Error(output.error().code(), "credentials program " + output.error().message() + hint);
    }
    auto credential = DecodeExecCredential(*output, options_.api_version);
    if (!credential)
      return credential.error().WithContext("credentials program " + options_.command);
    return credential;
  }

  std::vector<std::string> Environment() const {
    std::vector<std::string> all;
    const auto given = [&](std::string_view variable) {
      const auto name = variable.substr(0, variable.find('='));
      if (name == "KUBERNETES_EXEC_INFO") return true;
      for (const auto& [key, value] : options_.environment) {
        if (key == name) return true;
      }
      return false;
    };
    for (char** variable = environ; *variable != nullptr; ++variable) {
      if (!given(*variable)) all.emplace_back(*variable);
    }
    for (const auto& [name, value] : options_.environment) all.push_back(name + "=" + value);
    const std::string cluster =
        options_.cluster_info.empty() ? "" : ",\"cluster\":" + options_.cluster_info;
    all.push_back(R"(KUBERNETES_EXEC_INFO={"apiVersion":")" + options_.api_version +
                  R"(","kind":"ExecCredential","spec":{"interactive":false)" + cluster + "}}");
    return all;
  }

  const ExecOptions options_;
  std::mutex mutex_;
  ExecCredential credential_;
};

}  // namespace

Result<std::string> ReadSmallFile(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) {
    return Error(errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kInvalidArgument,
                 "'" + path + "': " + std::strerror(errno));
  }
  std::string text;
  char buffer[16384];
  while (stream.read(buffer, sizeof(buffer)) || stream.gcount() > 0) {
    text.append(buffer, static_cast<std::size_t>(stream.gcount()));
    if (text.size() > kMaxFileBytes)
      return Error(ErrorCode::kInvalidArgument, "'" + path + "' is larger than 1 MiB");
  }
  if (!stream.eof()) return Error(ErrorCode::kInvalidArgument, "'" + path + "' cannot be read");
  return text;
}

std::function<Result<std::string>(bool)> TokenFromFile(std::string path) {
  return [token = std::make_shared<FileToken>(std::move(path))](bool refresh) {
    return token->Get(refresh);
  };
}

std::function<Result<std::string>(bool)> TokenFromProgram(ExecOptions options) {
  return [token = std::make_shared<ProgramToken>(std::move(options))](bool refresh) {
    return token->Get(refresh);
  };
}

Result<ExecCredential> DecodeExecCredential(std::string_view text, std::string_view api_version) {
  const auto wrong = [](const std::string& why) { return Error(ErrorCode::kInvalidArgument, why); };
  simdjson::dom::parser parser;
  simdjson::dom::element document;
  std::string_view value;
  if (parser.parse(text.data(), text.size()).get(document) != simdjson::SUCCESS) {
    return wrong("its answer is not JSON");
  }
  if (document["kind"].get(value) != simdjson::SUCCESS || value != "ExecCredential") {
    return wrong("its answer is not an ExecCredential");
  }
  if (document["apiVersion"].get(value) != simdjson::SUCCESS || value != api_version) {
    return wrong("its answer is not of apiVersion " + std::string(api_version));
  }
  if (document["status"]["clientCertificateData"].get(value) == simdjson::SUCCESS) {
    return wrong("it answered with a client certificate, which is not supported: use a token");
  }
  ExecCredential credential;
  if (document["status"]["token"].get(value) != simdjson::SUCCESS || value.empty()) {
    return wrong("its answer has no status.token");
  }
  credential.token = value;
  if (document["status"]["expirationTimestamp"].get(value) == simdjson::SUCCESS) {
    credential.expires = ParseRfc3339(value);
    if (!credential.expires) return wrong("status.expirationTimestamp is not an RFC 3339 time");
  }
  return credential;
}

std::optional<Timestamp> ParseRfc3339(std::string_view text) {
  const std::string copy(text.substr(0, 64));
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
  int read = 0;
  if (text.size() > 64 || std::sscanf(copy.c_str(), "%4d-%2u-%2uT%2d:%2d:%2d%n", &year, &month,
                                      &day, &hour, &minute, &second, &read) != 6) {
    return std::nullopt;
  }
  std::string_view rest = std::string_view(copy).substr(static_cast<std::size_t>(read));
  if (rest.starts_with('.')) {
    const auto end = rest.find_first_not_of("0123456789", 1);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end);
  }
  int offset_minutes = 0;
  if (rest != "Z") {
    char sign = 0;
    int hours = 0;
    int minutes = 0;
    int used = 0;
    const std::string zone(rest);
    if (std::sscanf(zone.c_str(), "%c%2d:%2d%n", &sign, &hours, &minutes, &used) != 3 ||
        zone.size() != 6 || used != 6 || (sign != '+' && sign != '-')) {
      return std::nullopt;
    }
    offset_minutes = (hours * 60 + minutes) * (sign == '-' ? -1 : 1);
  }
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(day)};
  if (!date.ok() || hour > 23 || minute > 59 || second > 60 || hour < 0 || minute < 0 || second < 0)
    return std::nullopt;
  return Timestamp(std::chrono::sys_days(date)) + std::chrono::hours(hour) +
         std::chrono::minutes(minute - offset_minutes) + std::chrono::seconds(second);
}

}  // namespace purser::kube
