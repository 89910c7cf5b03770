// POST /v1/pools/{namespace}/{name}/stop: a person's or a guard's stop, with a reason.
#pragma once

#include "http/router.h"
#include "http/worker.h"
#include "kube/client.h"

namespace purser::http {

// Needs the right to create agentstops. Writes spec.stop.reason of the AgentPool; both outlive the
// router.
void AddStop(Router& router, kube::Client& client, Worker& worker);

}  // namespace purser::http
