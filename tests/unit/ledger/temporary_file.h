// A ledger file of a test's own, gone afterwards.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <string>

namespace purser::ledger {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "purser-ledger-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::filesystem::path path() const { return path_; }
  std::string File(const std::string& name = "ledger.db") const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace purser::ledger
