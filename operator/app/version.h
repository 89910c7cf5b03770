// Version, commit and the libraries in use.
#pragma once

#include <string>

namespace purser::app {

std::string VersionText();

}  // namespace purser::app
