// A map of a YAML file, walked field by field: every problem names its place. yaml-cpp's accessors
// throw and convert freely; these do neither.
#pragma once

#include <yaml-cpp/yaml.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace purser::kube {

// Errors are kInvalidArgument, "where.field: what is wrong". Not thread-safe, not even to copy: a
// YAML::Node is shared.
class YamlSection {
 public:
  // `node` is a map. `where`: its place, for messages. `folder`: what paths in it are relative to.
  YamlSection(const YAML::Node& node, std::string where, std::filesystem::path folder)
      : node_(node), where_(std::move(where)), folder_(std::move(folder)) {}

  bool Has(const char* name) const { return static_cast<bool>(Find(name)); }
  // Empty when absent.
  Result<std::string> Text(const char* name) const;
  // "true" or "false"; false when absent.
  Result<bool> Flag(const char* name) const;
  // Text, as a path: absolute, or relative to the file's folder. Empty when absent.
  Result<std::string> Path(const char* name) const;
  std::string Resolve(const std::string& path) const;
  // Nothing when absent; its keys are checked.
  Result<std::optional<YamlSection>> Child(const char* name) const;
  // At most 10,000 items; none when absent.
  Result<std::vector<YAML::Node>> List(const char* name) const;

  // Every key is a string and there once (a second value would be silently ignored), at most
  // 10,000.
  Status CheckKeys() const;

  // "where.name"
  std::string Field(const std::string& name) const { return where_ + "." + name; }
  const std::filesystem::path& folder() const { return folder_; }

 private:
  std::optional<YAML::Node> Find(const char* name) const;

  YAML::Node node_;
  std::string where_;
  std::filesystem::path folder_;
};

// "where: why"
Error WrongAt(const std::string& where, const std::string& why);

}  // namespace purser::kube
