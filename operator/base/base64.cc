#include "base/base64.h"

#include <algorithm>

namespace purser {
namespace {

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string EncodeBase64(std::string_view bytes) {
  std::string encoded;
  encoded.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    unsigned bits = 0;
    for (std::size_t j = i; j < i + 3; ++j) {
      bits = bits << 8 | (j < bytes.size() ? static_cast<unsigned char>(bytes[j]) : 0U);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      encoded += i + j > bytes.size() ? '=' : kDigits[bits >> (18 - 6 * j) & 63];
    }
  }
  return encoded;
}

Result<std::string> DecodeBase64(std::string_view text) {
  const Error wrong(ErrorCode::kInvalidArgument, "is not base64");
  std::string decoded;
  unsigned bits = 0;
  int count = 0;
  std::size_t padding = 0;
  for (const char c : text) {
    if (c == '\n' || c == '\r' || c == ' ') continue;
    std::size_t value = 0;
    if (c == '=') {
      ++padding;
    } else {
      value = kDigits.find(c);
      if (value == std::string_view::npos || padding > 0) return wrong;
    }
    bits = bits << 6 | static_cast<unsigned>(value);
    if (++count == 4) {
      for (int shift = 16; shift >= 0; shift -= 8)
        decoded += static_cast<char>(bits >> shift & 0xff);
      bits = 0;
      count = 0;
    }
  }
  if (count != 0 || padding > 2) return wrong;
  decoded.resize(decoded.size() - std::min(padding, decoded.size()));
  return decoded;
}

}  // namespace purser
