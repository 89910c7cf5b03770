// Bearer tokens that change: files read again, programs run again.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace purser::kube {

// A kubeconfig, or a file that it or a service account names: at most 1 MiB. Errors: kNotFound,
// kInvalidArgument (too large, not readable).
Result<std::string> ReadAccessFile(const std::string& path);

// A token in a file, trimmed; read again after a minute and on refresh. While the file cannot be
// read the last token serves on. Thread-safe.
std::function<Result<std::string>(bool refresh)> TokenFromFile(std::string path);

// A client-go credential plugin.
struct ExecOptions {
  std::string api_version;  // client.authentication.k8s.io/v1 or v1beta1
  std::string command;      // with a slash: a path; else looked up in PATH
  std::vector<std::string> arguments;
  std::vector<std::pair<std::string, std::string>> environment;  // added to ours
  std::string cluster_info;  // JSON of spec.cluster; empty: not provided
  std::string install_hint;  // shown when the program is missing
  Duration timeout{30'000};
};
// Runs the program (no shell, no terminal) when there is no token, it expires within ten seconds,
// or on refresh. Thread-safe, one run at a time.
std::function<Result<std::string>(bool refresh)> TokenFromProgram(ExecOptions options);

struct ExecCredential {
  std::string token;
  std::optional<Timestamp> expires;
};
Result<ExecCredential> DecodeExecCredential(std::string_view text, std::string_view api_version);

}  // namespace purser::kube
