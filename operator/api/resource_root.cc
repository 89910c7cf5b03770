#include "api/resource_root.h"

#include <algorithm>
#include <utility>

#include "kube/object/decode_object_meta.h"

namespace purser::api {
namespace {

constexpr std::string_view kOwnAnnotations = "purser.dev/";

// What `purser validate` accepts in the metadata of a manifest.
const std::vector<std::string_view> kMetadataFields = {"name",
                                                       "namespace",
                                                       "labels",
                                                       "annotations",
                                                       "finalizers",
                                                       "generateName",
                                                       "ownerReferences",
                                                       "uid",
                                                       "generation",
                                                       "resourceVersion",
                                                       "creationTimestamp",
                                                       "deletionTimestamp",
                                                       "deletionGracePeriodSeconds",
                                                       "managedFields",
                                                       "selfLink"};

const std::vector<std::string_view> kRootFields = {"apiVersion", "kind", "metadata", "spec",
                                                   "status"};

void RejectUnknown(ReadContext& context, simdjson::dom::object object,
                   const std::vector<std::string_view>& known,
                   const std::vector<std::string_view>& told) {
  for (const auto [name, value] : object) {
    if (std::find(known.begin(), known.end(), name) == known.end())
      FailUnknownField(context, name, told);
  }
}

std::string Anything(std::string_view) { return {}; }

// What the API server would refuse of a manifest. That it is text where text must be, and that
// there is a name, DecodeObjectMeta has seen.
void CheckMetadata(ReadContext& context, simdjson::dom::object metadata) {
  simdjson::dom::element element;
  const auto given = [&](std::string_view name) {
    return metadata[name].get(element) == simdjson::SUCCESS && !element.is_null();
  };
  constexpr std::pair<std::string_view, TextForm> kNames[] = {{"name", &DnsSubdomain},
                                                              {"namespace", &DnsLabel}};
  for (const auto& [name, form] : kNames) {
    if (!given(name)) continue;
    const ReadContext::Step step(context, name);
    std::string ignored;
    ReadText(context, element, form, ignored);
  }
  for (const std::string_view name : {"labels", "annotations"}) {
    if (!given(name)) continue;
    const ReadContext::Step step(context, name);
    std::map<std::string, std::string> ignored;
    ReadTextMap(context, element, &Anything, &Anything, INT64_MAX, ignored);
  }
}

}  // namespace

Result<kube::ObjectMeta> DecodeObjectMeta(simdjson::dom::element object) {
  return kube::DecodeObjectMeta(object, kOwnAnnotations);
}

std::optional<simdjson::dom::element> ReadRoot(ReadContext& context, simdjson::dom::element object,
                                               std::string_view kind) {
  // Objects inside a list answer of the API server may come without these two.
  for (const auto& [name, want] :
       {std::pair<std::string_view, std::string_view>{"apiVersion", kApiVersion}, {"kind", kind}}) {
    std::string_view text;
    simdjson::dom::element element;
    if (object[name].get(element) != simdjson::SUCCESS) continue;
    if (element.get(text) != simdjson::SUCCESS || text != want) {
      context.Fail(Shown(element) + " is not " + std::string(want), {{std::string(name)}});
    }
  }
  simdjson::dom::object root, metadata;
  if (context.unknown() == UnknownFields::kReject && object.get(root) == simdjson::SUCCESS &&
      object["metadata"].get(metadata) == simdjson::SUCCESS) {
    RejectUnknown(context, root, kRootFields, kRootFields);
    const ReadContext::Step step(context, "metadata");
    RejectUnknown(context, metadata, kMetadataFields,
                  {"name", "namespace", "labels", "annotations"});
    CheckMetadata(context, metadata);
  }
  simdjson::dom::element spec;
  if (object["spec"].get(spec) == simdjson::SUCCESS && !spec.is_null()) return spec;
  context.Fail("is required", {{"spec"}});
  return std::nullopt;
}

}  // namespace purser::api
