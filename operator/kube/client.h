// The Kubernetes API, one call a verb, on raw JSON bodies.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "kube/access.h"
#include "kube/object/object_meta.h"
#include "net/http_transport.h"

namespace purser::kube {

// The owner of the fields Purser applies. Never changes: the API server keeps it with every object.
inline constexpr std::string_view kFieldManager = "purser";

struct ResourceType {
  std::string group;  // empty: core
  std::string version;
  std::string plural;
  std::string kind;
  bool namespaced = true;
  std::string ApiVersion() const { return group.empty() ? version : group + "/" + version; }
};

// Paths, percent-encoded. An empty namespace means all of them (or a cluster-scoped type).
std::string CollectionPath(const ResourceType& type, std::string_view ns);
std::string ObjectPath(const ResourceType& type, const ObjectKey& key,
                       std::string_view subresource = {});

// Names and values, percent-encoded and joined by the client.
using Query = std::vector<std::pair<std::string, std::string>>;

struct CallOptions {
  // Of the whole call, retries and waits included (List and Watch: the longest silence allowed, and
  // how long retries may go on).
  Duration timeout{std::chrono::seconds(10)};
  std::stop_token stop{};
  // Wait when the server asks to come back later (Retry-After)? If not, that is an error at once.
  bool wait_if_asked = true;
  // Ask for objects without metadata.managedFields, by far the largest part of small ones. API
  // servers before 1.37 send it all the same.
  bool without_managed_fields = false;
};

// Thread-safe. Every call returns the answer's body. Paths that hold an empty or dot segment are
// refused. API errors: the Status message, with 400/422 kInvalidArgument, 401 kUnauthenticated, 403
// kPermissionDenied, 404 kNotFound, 409 kAlreadyExists or kConflict by reason, 410 kExpired,
// 413/429 kResourceExhausted, 504 and Timeout kTimeout, other 5xx kUnavailable. A 401 reads the
// credentials again and retries once; a 429 or 5xx with Retry-After waits, if that leaves time
// before the call's timeout (stoppable), and retries up to 3 times.
class Client {
 public:
  struct Call {
    std::string_view verb;  // get list watch create patch apply
    int code;               // HTTP status; 0: no answer
    Duration took;          // until the header for watch
  };
  using Observer = std::function<void(const Call&)>;  // any thread, must not block

  // `transport` must outlive the client.
  Client(net::HttpTransport& transport, Access access, Observer observer = {});
  ~Client();

  // The same client, every call of which `stop` ends (kCancelled), unless it brings its own token.
  Client Until(std::stop_token stop) const;

  Result<std::string> Get(const std::string& path, const CallOptions& options = {});
  // One page; `query` carries limit, continue, labelSelector, resourceVersion. Gives each item's
  // JSON to `on_item` as it arrives, on the calling thread, and returns the list without them
  // ("items":[]). The error that `on_item` returns ends the call. options.timeout is the longest
  // silence allowed. Errors: kCorrupt (not a list), kResourceExhausted (an item, or what is around
  // them, is longer than kMaxEventBytes).
  using OnItem = std::function<Status(std::string_view item)>;
  Result<std::string> List(const std::string& path, const Query& query, const OnItem& on_item,
                           const CallOptions& options = {});
  Result<std::string> Create(const std::string& collection, const std::string& body,
                             const CallOptions& options = {});
  // JSON merge patch. A metadata.resourceVersion in it is a precondition (kConflict).
  Result<std::string> MergePatch(const std::string& path, const std::string& patch,
                                 const Query& query = {}, const CallOptions& options = {});
  // Strategic merge patch: of built-in types alone, and there a tenth cheaper for the API server
  // than a merge patch, which takes the whole object through JSON. Precondition as for MergePatch.
  // The answer holds the object's metadata alone: to write the rest would delay the watches.
  Result<std::string> StrategicMergePatch(const std::string& path, const std::string& patch,
                                          const CallOptions& options = {});
  // Server-side apply, forced, of a full intent; kFieldManager owns it.
  Result<std::string> Apply(const std::string& path, const std::string& document,
                            const CallOptions& options = {});

  // Blocks until the watch ends; each line is one event {"type":…,"object":…}, on the calling
  // thread. options.timeout is the longest silence allowed.
  Result<void> Watch(const std::string& path, const Query& query,
                     const std::function<bool(std::string_view line)>& on_line,
                     const CallOptions& options);

 private:
  class Implementation;
  Client(std::shared_ptr<Implementation> implementation, std::stop_token stop);
  CallOptions Ended(const CallOptions& options) const;

  std::shared_ptr<Implementation> implementation_;
  std::stop_token stop_;
};

// Largest object in a watch event or a list. etcd refuses objects over 1.5 MiB.
inline constexpr std::size_t kMaxEventBytes = 8 << 20;

// Decodes the body of a failed call (metav1.Status, or anything else) to an Error.
Error DecodeApiError(int http_status, std::string_view body);

}  // namespace purser::kube
