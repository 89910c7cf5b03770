// A store each call of which is seen while it is under way: a volume that hangs shows.
#pragma once

#include <memory>

#include "base/progress.h"
#include "ledger/store.h"

namespace purser::app {

// `progress` must outlive it.
std::unique_ptr<ledger::Store> WatchStore(std::unique_ptr<ledger::Store> store, Progress& progress);

}  // namespace purser::app
