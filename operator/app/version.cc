#include "app/version.h"

#include <openssl/crypto.h>

#include <string>

#include "app/build.h"
#include "app/commit.h"

namespace purser::app {

std::string Version() { return PURSER_VERSION; }
std::string Commit() { return PURSER_COMMIT; }

std::string VersionText() {
  std::string text = "purser " PURSER_VERSION " (commit " PURSER_COMMIT ")\n" PURSER_LIBRARIES;
  // The one that is in use may be newer than the one it is built with.
  text += "in use: " + std::string(OpenSSL_version(OPENSSL_VERSION)) + "\n";
  return text;
}

}  // namespace purser::app
