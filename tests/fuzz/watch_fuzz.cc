// What an API server sends to a list and a watch, through client, reflector and cache: the first
// line answers the list, each further line is an event.
#include <condition_variable>
#include <map>
#include <mutex>

#include "fuzz/target.h"
#include "kube/informer.h"
#include "workloads/scale/scale.h"

namespace purser::fuzz {
namespace {

using workloads::Workload;

// Answers line by line, and ends the run when there are no more.
class LineTransport final : public net::HttpTransport {
 public:
  explicit LineTransport(std::string_view text) : text_(text) {}

  Result<net::HttpResponse> Send(const net::HttpRequest&, std::stop_token stop) override {
    if (text_.empty()) return End(stop);
    return net::HttpResponse{200, {}, std::string(TakeLine(text_))};
  }
  Result<net::HttpResponse> Stream(const net::HttpRequest& request, const OnPiece& on_piece,
                                   std::stop_token stop) override {
    const bool watch = request.url.find("watch=") != std::string::npos;
    while (!text_.empty()) {
      const auto goes_on = on_piece(std::string(TakeLine(text_)) + "\n");
      if (!goes_on) return goes_on.error();
      if (!*goes_on || !watch) return net::HttpResponse{200, {}, ""};
    }
    return End(stop);
  }

  void Finish() {
    const std::lock_guard lock(mutex_);
    finished_ = true;
    changed_.notify_all();
  }
  void WaitUntilFinished() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return finished_; });
  }

 private:
  Result<net::HttpResponse> End(const std::stop_token& stop) {
    Finish();
    std::unique_lock lock(mutex_);
    changed_.wait(lock, stop, [] { return false; });
    return Error(ErrorCode::kCancelled, "asked to stop");
  }

  std::string_view text_;  // of the reflector's thread alone
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool finished_ = false;
};

void CheckCache(std::string_view text) {
  LineTransport transport(text);
  kube::Access access;
  access.server = "https://kubernetes:6443";
  kube::Client client(transport, access);
  std::map<kube::ObjectKey, std::string> announced;  // versions, as the handlers were told
  kube::Informer<Workload>* self = nullptr;
  kube::InformerOptions options;
  // A request failed: the retry that follows takes longer than there is time for.
  options.on_problem = [&](const Error&) {
    if (self->Problem()) transport.Finish();
  };
  kube::Informer<Workload> informer(client, {"apps", "v1", "deployments", "Deployment"}, {},
                                    workloads::DecodeWorkload, options);
  self = &informer;
  informer.AddHandler([&](const auto& before, const auto& after) {
    Require(before || after, "a change has two sides");
    if (before) {
      const auto found = announced.find(before->meta.key());
      Require(found != announced.end(), "what was before had been told");
      Require(found->second == before->meta.resource_version, "in the version told last");
      announced.erase(found);
    }
    if (after) announced[after->meta.key()] = after->meta.resource_version;
  });
  informer.Start();
  transport.WaitUntilFinished();
  informer.Stop();
  Require(informer.Size() == announced.size(), "the handlers know what the cache holds");
  informer.ForEach([&](const auto& object) {
    const auto found = announced.find(object->meta.key());
    Require(found != announced.end() && found->second == object->meta.resource_version,
            "in the same version");
    Require(!object->meta.name.empty(), "every object has a name");
  });
}

}  // namespace
}  // namespace purser::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  purser::fuzz::CheckCache(purser::fuzz::TextOf(data, size));
  return 0;
}
