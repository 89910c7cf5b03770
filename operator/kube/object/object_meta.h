// What every Kubernetes object has in common: metadata, and the conditions of a status. No I/O.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace purser::kube {

// namespace + name.
struct ObjectKey {
  std::string ns;
  std::string name;
  auto operator<=>(const ObjectKey&) const = default;
  std::string ToString() const { return ns + "/" + name; }
};

struct ObjectMeta {
  std::string ns;
  std::string name;
  std::string uid;
  std::string resource_version;  // opaque
  std::int64_t generation = 0;
  bool deleting = false;  // metadata.deletionTimestamp is set
  std::vector<std::string> finalizers;
  std::map<std::string, std::string> annotations;  // those that DecodeObjectMeta was asked for

  ObjectKey key() const { return {ns, name}; }
  bool operator==(const ObjectMeta&) const = default;
};

// metav1.Condition.
struct Condition {
  std::string type;
  std::string status;  // True | False | Unknown
  std::string reason;
  std::string message;
  std::string last_transition_time;  // RFC 3339, seconds, Z
  std::int64_t observed_generation = 0;
  bool operator==(const Condition&) const = default;
};

}  // namespace purser::kube

template <>
struct std::hash<purser::kube::ObjectKey> {
  std::size_t operator()(const purser::kube::ObjectKey& key) const noexcept {
    return std::hash<std::string>{}(key.ns) * 31 + std::hash<std::string>{}(key.name);
  }
};
