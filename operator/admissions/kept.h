// Reservations as the ledger keeps them.
#pragma once

#include "base/result.h"
#include "gate/reservation.h"
#include "ledger/admission_log.h"

namespace purser::admissions {

ledger::KeptAdmission ToKept(const gate::Reservation& reservation);
// Error kCorrupt.
Result<gate::Reservation> FromKept(const ledger::KeptAdmission& kept);

}  // namespace purser::admissions
