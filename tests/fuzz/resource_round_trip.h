// What holds for the decoders and encoders of both resources.
#pragma once

#include <optional>
#include <string>

#include "api/codec.h"
#include "fuzz/json.h"
#include "fuzz/target.h"

namespace purser::fuzz {

// `decode(element, unknown)` gives a Result of a resource, `encode(resource)` its JSON.
template <typename Decode, typename Encode>
void CheckRoundTrip(std::string_view text, const Decode& decode, const Encode& encode) {
  WithJson(text, [&](simdjson::dom::element document) {
    const auto strict = decode(document, api::UnknownFields::kReject);
    const auto object = decode(document, api::UnknownFields::kIgnore);
    Require(strict.ok() == object.ok(), "unknown fields are no error of the metadata");
    if (!object) {
      Require(!object.error().message().empty(), "a refusal says why");
      return;
    }
    Require(!object->meta.name.empty(), "an object has a name");
    Require(!object->invalid || !object->invalid->empty(), "what is invalid says why");
    Require(!object->invalid || strict->invalid, "what is invalid is so strictly, too");
    const std::string encoded = encode(*object);
    Require(IsUtf8(encoded), "what is encoded is UTF-8");
    if (object->invalid) return;
    bool decoded = false;
    WithJson(encoded, [&](simdjson::dom::element again) {
      const auto copy = decode(again, api::UnknownFields::kIgnore);
      Require(copy.ok() && !copy->invalid, "what was valid is valid after encoding");
      const auto strict_copy = decode(again, api::UnknownFields::kReject);
      Require(strict_copy.ok() && (strict->invalid || !strict_copy->invalid),
              "what was strictly valid is so after encoding");
      Require(copy->meta.name == object->meta.name, "the name is the same after encoding");
      Require(copy->spec == object->spec, "the spec is the same after encoding");
      // Texts longer than the schema accepts are cut by the first encoding, not by the second.
      Require(encode(*copy) == encoded, "encoding is stable");
      decoded = true;
    });
    Require(decoded, "what is encoded is JSON");
  });
}

}  // namespace purser::fuzz
