#include "kube/access.h"

#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "kube/credentials.h"
#include "net/url.h"

namespace purser::kube {
namespace {

std::string Variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets any
  return value == nullptr ? "" : value;
}

std::vector<std::string> SplitList(const std::string& text) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const auto end = std::min(text.find(':', begin), text.size());
    if (end > begin) parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

// Whether there is such a file. Error: that cannot be told.
Result<bool> Exists(const std::string& file, const std::string& named_by) {
  std::error_code problem;
  const bool there = std::filesystem::exists(file, problem);
  if (!problem) return there;
  return Error(ErrorCode::kInvalidArgument, named_by + ": '" + file + "': " + problem.message() +
                                                "; name a file that this user can read, in "
                                                "KUBECONFIG or with --kubeconfig");
}

}  // namespace

Result<Access> InClusterAccess(const std::string& root) {
  const std::string host = Variable("KUBERNETES_SERVICE_HOST");
  const std::string port = Variable("KUBERNETES_SERVICE_PORT");
  if (host.empty() || port.empty()) {
    return Error(ErrorCode::kNotFound,
                 "not in a Pod: KUBERNETES_SERVICE_HOST and _PORT are not set");
  }
  Access access;
  // The HTTP library cannot connect to an IPv6 literal; the Service has a name as well.
  const bool ipv6 = host.find(':') != std::string::npos;
  access.server = "https://" + (ipv6 ? "kubernetes.default.svc" : host) + ":" + port;
  if (auto url = net::ParseUrl(access.server); !url)
    return url.error().WithContext("KUBERNETES_SERVICE_HOST");

  access.tls.ca_file = root + "/ca.crt";
  if (auto authority = ReadAccessFile(access.tls.ca_file); !authority) {
    return Error(ErrorCode::kNotFound,
                 authority.error().message() + " (automountServiceAccountToken off?)");
  }
  access.bearer = TokenFromFile(root + "/token");
  if (auto token = access.bearer(false); !token) {
    return Error(ErrorCode::kNotFound,
                 token.error().message() + " (automountServiceAccountToken off?)");
  }
  access.default_namespace = "default";
  if (auto ns = ReadAccessFile(root + "/namespace"); ns && !ns->empty())
    access.default_namespace = *ns;
  return access;
}

Result<Access> DefaultAccess(const std::string& flag, const std::string& context) {
  if (!flag.empty()) return LoadKubeconfig({flag}, context);
  if (const auto files = SplitList(Variable("KUBECONFIG")); !files.empty()) {
    std::vector<std::string> present;
    for (const auto& file : files) {
      const auto there = Exists(file, "KUBECONFIG");
      if (!there) return there.error();
      if (*there) present.push_back(file);
    }
    if (present.empty()) {
      return Error(ErrorCode::kNotFound,
                   "KUBECONFIG names no file that exists: " + Variable("KUBECONFIG"));
    }
    return LoadKubeconfig(present, context);
  }
  if (!Variable("KUBERNETES_SERVICE_HOST").empty()) return InClusterAccess();
  const std::string home = Variable("HOME") + "/.kube/config";
  const auto there = Exists(home, "kubeconfig");
  if (!there) return there.error();
  if (*there) return LoadKubeconfig({home}, context);
  return Error(ErrorCode::kNotFound,
               "no way to an API server: give --kubeconfig, set KUBECONFIG, or run in a Pod with a "
               "service account");
}

}  // namespace purser::kube
