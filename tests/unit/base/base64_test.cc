#include "base/base64.h"

#include <gtest/gtest.h>

namespace purser {
namespace {

TEST(Base64Test, EncodesTheExamplesOfTheRfc) {
  const std::pair<const char*, const char*> cases[] = {{"", ""},
                                                       {"f", "Zg=="},
                                                       {"fo", "Zm8="},
                                                       {"foo", "Zm9v"},
                                                       {"foob", "Zm9vYg=="},
                                                       {"fooba", "Zm9vYmE="},
                                                       {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : cases) {
    EXPECT_EQ(EncodeBase64(bytes), text);
    EXPECT_EQ(*DecodeBase64(text), bytes);
  }
}

TEST(Base64Test, KeepsEveryByte) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  for (std::size_t size = 253; size <= 256; ++size)
    EXPECT_EQ(*DecodeBase64(EncodeBase64(bytes.substr(0, size))), bytes.substr(0, size));
  EXPECT_EQ(EncodeBase64("\xfb\xff\xfe"), "+//+");
}

TEST(Base64Test, SkipsBlanksAndRefusesTheRest) {
  EXPECT_EQ(*DecodeBase64("Zm 9v\r\nYmFy\n"), "foobar");
  for (const char* text :
       {"Z", "Zg", "Zg=", "Zg===", "====", "Zg==Zg==", "Z=g=", "=Zg=", "Zm-_", "Zm9v\t", "***"}) {
    const auto decoded = DecodeBase64(text);
    ASSERT_FALSE(decoded.ok()) << text;
    EXPECT_EQ(decoded.error(), Error(ErrorCode::kInvalidArgument, "is not base64"));
  }
  EXPECT_FALSE(DecodeBase64(std::string_view("Zm9\0", 4)).ok());
}

}  // namespace
}  // namespace purser
