// The endpoints of the gate.
#pragma once

#include "admissions/admission_service.h"
#include "http/router.h"

namespace purser::admissions {

// POST /v1/admissions, /v1/admissions/{id}/settle, /v1/admissions/{id}/cancel and /v1/route.
// Rights: create agentadmissions, create agentroutes. `service` must outlive the router.
void AddRoutes(http::Router& router, AdmissionService& service);

}  // namespace purser::admissions
