#include "kube/credentials.h"

#include <simdjson.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>

#include "base/small_file.h"
#include "base/time_text.h"
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
    auto text = ReadAccessFile(path_);
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
    const auto asked = runs_.load();
    const std::lock_guard lock(mutex_);
    // Who waited for another's run takes what that one brought, be it an error.
    if (runs_ > asked && last_problem_) return *last_problem_;
    if (runs_ > asked) refresh = false;
    const auto now = std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
    const bool expired = credential_.expires && now + kExpiryMargin >= *credential_.expires;
    if (!refresh && !credential_.token.empty() && !expired) return credential_.token;
    auto fetched = Fetch();
    ++runs_;
    last_problem_.reset();
    if (!fetched) {
      last_problem_ = fetched.error();
      return fetched.error();
    }
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
    for (const auto& [name, value] : options_.environment)
      all.emplace_back(name).append("=").append(value);
    const std::string cluster =
        options_.cluster_info.empty() ? "" : ",\"cluster\":" + options_.cluster_info;
    all.push_back(R"(KUBERNETES_EXEC_INFO={"apiVersion":")" + options_.api_version +
                  R"(","kind":"ExecCredential","spec":{"interactive":false)" + cluster + "}}");
    return all;
  }

  const ExecOptions options_;
  std::atomic<std::uint64_t> runs_ = 0;  // that have ended
  std::mutex mutex_;
  ExecCredential credential_;
  std::optional<Error> last_problem_;  // of the last run
};

}  // namespace

Result<std::string> ReadAccessFile(const std::string& path) {
  auto text = ReadSmallFile(path, kMaxFileBytes);
  if (text || text.error().code() == ErrorCode::kNotFound) return text;
  return Error(ErrorCode::kInvalidArgument, text.error().message());
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

}  // namespace purser::kube
