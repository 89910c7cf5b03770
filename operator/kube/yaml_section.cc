#include "kube/yaml_section.h"

#include <set>
#include <utility>

namespace purser::kube {
namespace {

constexpr std::size_t kMaxEntries = 10'000;

}  // namespace

Error WrongAt(const std::string& where, const std::string& why) {
  return Error(ErrorCode::kInvalidArgument, where + ": " + why);
}

Result<std::string> YamlSection::Text(const char* name) const {
  const auto value = Find(name);
  if (!value || value->IsNull()) return std::string();
  if (!value->IsScalar()) return WrongAt(Field(name), "must be a string");
  return value->Scalar();
}

Result<bool> YamlSection::Flag(const char* name) const {
  auto text = Text(name);
  if (!text) return text.error();
  if (text->empty() || *text == "false") return false;
  if (*text == "true") return true;
  return WrongAt(Field(name), "must be true or false");
}

Result<std::string> YamlSection::Path(const char* name) const {
  auto text = Text(name);
  if (!text || text->empty()) return text;
  return Resolve(*text);
}

std::string YamlSection::Resolve(const std::string& path) const {
  return std::filesystem::path(path).is_absolute() ? path
                                                   : (folder_ / path).lexically_normal().string();
}

Result<std::optional<YamlSection>> YamlSection::Child(const char* name) const {
  const auto value = Find(name);
  if (!value || value->IsNull()) return std::optional<YamlSection>();
  if (!value->IsMap()) return WrongAt(Field(name), "must be a map");
  YamlSection child(*value, Field(name), folder_);
  PURSER_RETURN_IF_ERROR(child.CheckKeys());
  return std::optional<YamlSection>(std::move(child));
}

Result<std::vector<YAML::Node>> YamlSection::List(const char* name) const {
  std::vector<YAML::Node> items;
  const auto value = Find(name);
  if (!value || value->IsNull()) return items;
  if (!value->IsSequence() || value->size() > kMaxEntries)
    return WrongAt(Field(name), "must be a list");
  for (const auto& item : *value) items.push_back(item);
  return items;
}

Status YamlSection::CheckKeys() const {
  std::set<std::string> names;
  for (const auto& entry : node_) {
    if (!entry.first.IsScalar()) return WrongAt(where_, "a key is not a string");
    if (!names.insert(entry.first.Scalar()).second)
      return WrongAt(Field(entry.first.Scalar()), "is there twice");
    if (names.size() > kMaxEntries) return WrongAt(where_, "too many keys");
  }
  return Ok();
}

std::optional<YAML::Node> YamlSection::Find(const char* name) const {
  for (const auto& entry : node_) {
    if (entry.first.IsScalar() && entry.first.Scalar() == name) return entry.second;
  }
  return std::nullopt;
}

}  // namespace purser::kube
