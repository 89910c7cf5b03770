#include "base/small_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace purser {
namespace {

class SmallFileTest : public testing::Test {
 protected:
  ~SmallFileTest() override { std::filesystem::remove(path_); }
  void Write(const std::string& text) const { std::ofstream(path_, std::ios::binary) << text; }
  Error Problem(std::size_t most) const {
    const auto text = ReadSmallFile(path_, most);
    return text ? Error(ErrorCode::kInternal, "read") : text.error();
  }

  const std::string path_ =
      std::filesystem::temp_directory_path() / ("purser-small-file-" + std::to_string(getpid()));
};

TEST_F(SmallFileTest, ReadsUpToTheBound) {
  for (const std::size_t size : {0, 1, 16'383, 16'384, 16'385, 40'000}) {
    std::string text(size, 'x');
    if (size > 0) text.back() = '\0';
    Write(text);
    EXPECT_EQ(*ReadSmallFile(path_, size), text);
    EXPECT_EQ(*ReadSmallFile(path_, 1 << 20), text);
    if (size == 0) continue;
    EXPECT_EQ(Problem(size - 1).code(), ErrorCode::kResourceExhausted);
  }
}

TEST_F(SmallFileTest, TellsWhatWentWrong) {
  EXPECT_EQ(Problem(1), Error(ErrorCode::kNotFound, "'" + path_ + "': No such file or directory"));
  const auto folder = ReadSmallFile("/tmp", 1);
  ASSERT_FALSE(folder.ok());
  EXPECT_EQ(folder.error(),
            Error(ErrorCode::kUnavailable, "'/tmp' cannot be read: Is a directory"));
  Write(std::string((1 << 20) + 1, 'x'));
  const auto too_large = [this](const std::string& size) {
    return Error(ErrorCode::kResourceExhausted, "'" + path_ + "' is larger than " + size);
  };
  EXPECT_EQ(Problem(1 << 20), too_large("1 MiB"));
  EXPECT_EQ(Problem(64 << 10), too_large("64 KiB"));
  EXPECT_EQ(Problem(1500), too_large("1500 bytes"));
  EXPECT_EQ(Problem(0), too_large("0 bytes"));
}

TEST_F(SmallFileTest, ReadsNoMoreThanItMustOfAnEndlessFile) {
  const auto endless = ReadSmallFile("/dev/zero", 1 << 20);
  ASSERT_FALSE(endless.ok());
  EXPECT_EQ(endless.error().code(), ErrorCode::kResourceExhausted);
}

}  // namespace
}  // namespace purser
