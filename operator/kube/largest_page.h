// How many objects a page of a list may have on this API server. Those before 1.33 write a page
// whole before they send it, and it arrives as one chunk: it is held whole here, twice.
#pragma once

#include <functional>
#include <string_view>

#include "kube/client.h"

namespace purser::kube {

// Some 2 MB of ordinary Deployments.
inline constexpr int kSmallPage = 500;

// Of an answer to GET /version; kSmallPage when it cannot be read.
int LargestPage(std::string_view version);

// Asks the server once; until it has answered, kSmallPage. Thread-safe; `client` must outlive it.
std::function<int()> AskLargestPage(Client& client);

}  // namespace purser::kube
