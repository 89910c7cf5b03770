// Carries out the effects of the reflector's state machine on a thread of its own.
#pragma once

#include <simdjson.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "kube/client.h"
#include "kube/object/object_meta.h"
#include "kube/reflector.h"

namespace purser::kube {

// Hears of objects in order, on the runner's thread. Elements are gone after the call.
class ReflectorSink {
 public:
  virtual ~ReflectorSink() = default;
  virtual void ListStarted() = 0;
  virtual void Listed(simdjson::dom::element object) = 0;
  virtual void ListFinished(const std::string& version) = 0;  // what was not listed is gone
  virtual void Upserted(simdjson::dom::element object) = 0;
  virtual void Deleted(simdjson::dom::element object) = 0;
  virtual void Passed(const std::string& version) = 0;  // all changes up to this one have been told
  virtual void Failed(const Error& error) = 0;          // will be retried
};

struct ReflectorOptions {
  std::string label_selector{};  // empty: all objects
  int page_limit = kPageLimit;   // objects a request of a list
  // What the server bears, asked before a list and after each failure; from the runner's thread.
  // Null: page_limit.
  std::function<int()> largest_page{};
  // See CallOptions. Not where metadata.managedFields is read.
  bool without_managed_fields = false;
};

class ReflectorRunner {
 public:
  ReflectorRunner(Client& client, std::string path, ReflectorSink& sink, ReflectorOptions options);
  ~ReflectorRunner();
  void Start();
  void Stop();  // returns when the thread has ended
  std::optional<Error> Problem() const;

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

struct KeyAndVersion {
  ObjectKey key;
  std::string version;
};
std::optional<KeyAndVersion> KeyOf(simdjson::dom::element object);

// Is `left` newer than `right`? Both must be decimal numbers, as every API server makes them; else
// false. An empty `right` is older than everything.
bool IsNewer(std::string_view left, std::string_view right);

}  // namespace purser::kube
