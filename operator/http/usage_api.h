// POST /v1/usage: call records, acknowledged when they are durable.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "http/router.h"
#include "usage/records/intake.h"

namespace purser::http {

// The sources that take records, by name. What it points to outlives the router.
using Intakes = std::map<std::string, usage::records::Intake*>;

// Reads a body: the records in it. `home` as of DecodeUsage.
using DecodeBody =
    std::function<Result<usage::records::Decoded>(std::string& body, const std::string& home)>;

// Needs the right to create agentusages in every namespace that a record names; books all of a
// request's records or, where that is refused, none. `?source=`: which source; by default
// "default", else the only one.
void AddUsage(Router& router, const Intakes& intakes);

// One more path that takes records in a form of its own.
void AddUsageForm(Router& router, const Intakes& intakes, const std::string& path,
                  DecodeBody decode);

}  // namespace purser::http
