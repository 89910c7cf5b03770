// How to reach an API server and who we are there: kubeconfig files and the Pod's own service
// account.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/tls_options.h"

namespace purser::kube {

struct Access {
  std::string server;             // https://host:port[/prefix], no trailing slash
  std::string default_namespace;  // the context's, or the Pod's; "default" if neither says
  net::TlsOptions tls;
  std::string proxy_url;
  // The bearer token; empty: none (client certificates). `refresh`: the last one was refused, get
  // another. Thread-safe; may run a credentials program or read a file. Null: none.
  std::function<Result<std::string>(bool refresh)> bearer;
};

// The files of $KUBECONFIG's form: first definition of a name wins, first current-context wins;
// relative paths in a file are relative to it. At most 1 MiB each. Errors kInvalidArgument name the
// file and the field; kNotFound: no such file.
Result<Access> LoadKubeconfig(const std::vector<std::string>& files,
                              const std::string& context = {});

// The service account's token (read again every minute and on 401), CA and namespace under `root`,
// KUBERNETES_SERVICE_HOST and _PORT. Error kNotFound: not in a Pod.
inline constexpr const char* kServiceAccountRoot = "/var/run/secrets/kubernetes.io/serviceaccount";
Result<Access> InClusterAccess(const std::string& root = kServiceAccountRoot);

// `flag` if not empty, else $KUBECONFIG, else the Pod's service account, else ~/.kube/config.
Result<Access> DefaultAccess(const std::string& flag, const std::string& context = {});

}  // namespace purser::kube
