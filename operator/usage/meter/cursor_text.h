// An identity's state as the store keeps it: printable, versioned, mostly 10 to 40 bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "usage/meter/identity.h"

namespace purser::usage {

// `time` and `persisted` stand beside the text, in the cursor.
std::string EncodeIdentity(const Identity& identity);

// Any input is safe. Nothing: not a state, or of a later version. Reads "v1:<nano-dollars>" too,
// the form in which a ledger of the first meter is carried over.
std::optional<Identity> DecodeIdentity(std::string_view text, Timestamp last_time);

}  // namespace purser::usage
