// Jobs: spec.suspend ends their pods, and lets them be made anew.
#pragma once

#include "workloads/kind.h"

namespace purser::workloads {

KindPointer MakeJobKind();

}  // namespace purser::workloads
