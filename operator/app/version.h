// Version, commit and the libraries in use.
#pragma once

#include <string>

namespace purser::app {

std::string Version();  // "0.1.0"
std::string Commit();   // abbreviated, with "-dirty" when it was not all

std::string VersionText();

}  // namespace purser::app
