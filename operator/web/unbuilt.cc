// In place of what npm bundles, on a machine without npm.
#include "web/page.h"

namespace purser::web {

const bool kPageBuilt = false;
const char* const kPage =
    "<!doctype html><title>Purser</title><p>This binary was built without its page, for there was "
    "no npm: install nodejs and npm, and build it again.";

}  // namespace purser::web
