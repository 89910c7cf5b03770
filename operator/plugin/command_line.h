// `kubectl purser`: what people ask and order, with their own rights.
#pragma once

#include <functional>
#include <memory>

#include "base/result.h"
#include "kube/access.h"
#include "net/http_transport.h"
#include "plugin/dashboard.h"

namespace purser::plugin {

using MakeTransport =
    std::function<Result<std::unique_ptr<net::HttpTransport>>(const kube::Access& access)>;

// The exit code: 0 done, 1 failed, 2 wrong usage or refused as invalid, 3 not allowed, 4 not found.
// Writes to standard output, errors to standard error.
int RunPlugin(int argc, char** argv, const MakeTransport& make_transport, const Serve& serve);

// Whether the program was called as kubectl calls its plugins.
bool IsPluginName(const char* program);

}  // namespace purser::plugin
