// Runs a fuzz target without libFuzzer: every file of its corpus, then a fixed number of mutations
// of them, the same ones every time. Usage: TARGET FILE_OR_FOLDER... [--mutations N]
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/target.h"

namespace {

namespace fs = std::filesystem;

constexpr int kMutations = 2000;
constexpr std::size_t kLargest = 64 * 1024;
constexpr int kMostEdits = 6;

// What parsers tend to stumble over.
constexpr std::string_view kFragments[] = {"\"",
                                           "\\",
                                           "{",
                                           "}",
                                           "[",
                                           "]",
                                           ":",
                                           ",",
                                           "null",
                                           "true",
                                           "-1",
                                           "-0",
                                           "0",
                                           "1e9",
                                           "1e309",
                                           ".",
                                           "NaN",
                                           "+Inf",
                                           "\n",
                                           "\t",
                                           " ",
                                           "%",
                                           "%00",
                                           "@",
                                           "//",
                                           "\xff",
                                           "\xc3",
                                           "\\udc00",
                                           "\\u0000",
                                           "[[[[[[[[",
                                           "- ",
                                           "? ",
                                           "&a ",
                                           "*a",
                                           "---\n",
                                           "9223372036854775808",
                                           "2147483648",
                                           "-9223372036854775808",
                                           "\xef\xbb\xbf",
                                           "0000000000",
                                           "99999999999999999999",
                                           std::string_view("\0", 1)};

class Mutator {
 public:
  explicit Mutator(const std::vector<std::string>& seeds) : seeds_(seeds) {}

  std::string Next() {
    std::string text = seeds_[Below(seeds_.size())];
    for (std::size_t edits = 1 + Below(kMostEdits); edits > 0; --edits) Edit(text);
    if (text.size() > kLargest) text.resize(kLargest);
    return text;
  }

 private:
  // Not a distribution of the library: those differ between implementations.
  std::size_t Below(std::size_t bound) { return bound == 0 ? 0 : engine_() % bound; }

  void Edit(std::string& text) {
    const std::size_t at = Below(text.size() + 1);
    const std::size_t length = Below(std::min<std::size_t>(text.size() - at, 40) + 1);
    switch (Below(8)) {
      case 0:
        if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << Below(8)));
        break;
      case 1:
        if (at < text.size()) text[at] = static_cast<char>(Below(256));
        break;
      case 2:
        text.erase(at, length);
        break;
      case 3:
        text.insert(at, text.substr(at, length));
        break;
      case 4:
        text.insert(at, kFragments[Below(std::size(kFragments))]);
        break;
      case 5:
        text.replace(at, length, kFragments[Below(std::size(kFragments))]);
        break;
      case 6: {
        const std::string& other = seeds_[Below(seeds_.size())];
        const std::size_t from = Below(other.size() + 1);
        text.replace(at, length, other, from, Below(80));
        break;
      }
      default:
        if (Below(4) == 0) text.resize(at);
        break;
    }
  }

  const std::vector<std::string>& seeds_;
  std::mt19937 engine_{20'261'123};
};

// The input being run is in a file, so that it is there after any kind of death. The file stays
// open: closing a file that was emptied makes some file systems write it to the disk.
class LastInput {
 public:
  explicit LastInput(const std::string& program)
      : path_(program + ".input"),
        file_(open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) {}
  ~LastInput() {
    close(file_);
    fs::remove(path_);
  }
  LastInput(const LastInput&) = delete;
  LastInput& operator=(const LastInput&) = delete;

  void Run(std::string_view text) const {
    const auto size = static_cast<ssize_t>(text.size());
    if (pwrite(file_, text.data(), text.size(), 0) != size || ftruncate(file_, size) != 0) {
      std::fprintf(stderr, "cannot write %s\n", path_.c_str());
      std::exit(2);
    }
    // A copy of just this size, so that AddressSanitizer sees what is read beyond it.
    const std::vector<std::uint8_t> bytes(text.begin(), text.end());
    static_cast<void>(LLVMFuzzerTestOneInput(bytes.data(), bytes.size()));
  }

 private:
  const fs::path path_;
  const int file_;
};

std::string ReadFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    std::fprintf(stderr, "cannot read %s\n", path.c_str());
    std::exit(2);
  }
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Sorted, so that the mutations are the same on every machine.
std::vector<fs::path> FilesOf(const fs::path& place) {
  if (!fs::is_directory(place)) return {place};
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(place)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

int main(int count, char** arguments) {
  std::vector<std::string> seeds;
  int mutations = 0;
  for (int i = 1; i < count; ++i) {
    const std::string_view argument = arguments[i];
    if (argument == "--mutations" && i + 1 < count) {
      const std::string_view number = arguments[++i];
      std::from_chars(number.data(), number.data() + number.size(), mutations);
      continue;
    }
    if (fs::is_directory(argument)) mutations = kMutations;
    for (const auto& file : FilesOf(argument)) seeds.push_back(ReadFile(file));
  }
  if (seeds.empty()) {
    std::fprintf(stderr, "usage: %s FILE_OR_FOLDER... [--mutations N]: no input there\n",
                 arguments[0]);
    return 2;
  }
  const fs::path program = arguments[0];
  const LastInput input(program.filename().string());
  input.Run("");
  for (const auto& seed : seeds) input.Run(seed);
  Mutator mutator(seeds);
  for (int i = 0; i < mutations; ++i) input.Run(mutator.Next());
  std::printf("%zu inputs and %d mutations\n", seeds.size(), mutations);
  return 0;
}
