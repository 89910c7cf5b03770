// A kubeconfig file. What it names (token files, programs) is not touched by reading it.
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz/target.h"
#include "kube/access.h"
#include "net/url.h"

namespace purser::fuzz {
namespace {

// A file in memory with a path.
class MemoryFile {
 public:
  MemoryFile() : file_(memfd_create("kubeconfig", MFD_CLOEXEC)) {
    Require(file_ >= 0, "there is a file in memory");
  }
  void Set(std::string_view text) const {
    Require(ftruncate(file_, 0) == 0, "the file can be emptied");
    Require(pwrite(file_, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()),
            "the file can be written");
  }
  std::string path() const { return "/proc/self/fd/" + std::to_string(file_); }

 private:
  const int file_;
};

}  // namespace
}  // namespace purser::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace purser;
  using fuzz::Require;
  static const fuzz::MemoryFile file;
  const auto text = fuzz::TextOf(data, size);
  // provideClusterInfo reads the authority's file, and a device might never end.
  if (text.find("/dev") != std::string_view::npos) return 0;
  file.Set(text);
  const auto access = kube::LoadKubeconfig({file.path()});
  if (!access) {
    Require(!access.error().message().empty(), "a refusal says why");
    return 0;
  }
  Require(net::ParseUrl(access->server).ok(), "the server is a URL");
  Require(!access->server.ends_with('/'), "the server has no slash at its end");
  Require(!access->default_namespace.empty(), "there is a namespace");
  return 0;
}
