// Former names of what moved to kube/object/object_meta.h.
#pragma once

#include "kube/object/object_meta.h"

namespace purser::api {

using kube::Condition;
using kube::ObjectKey;
using kube::ObjectMeta;

}  // namespace purser::api
