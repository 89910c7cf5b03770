// ObjectMeta from JSON. No I/O.
#pragma once

#include <simdjson.h>

#include <string_view>

#include "base/result.h"
#include "kube/object/object_meta.h"

namespace purser::kube {

// metadata of any object, with the annotations whose names begin with `annotations`. Errors are
// kInvalidArgument and name the field and its value. Thread-safe.
Result<ObjectMeta> DecodeObjectMeta(simdjson::dom::element object, std::string_view annotations);

}  // namespace purser::kube
