// The live page: one HTML document with script and style inside, which asks "state/VERSION" beside
// its own address. Sources: src/, TypeScript, bundled at build time.
#pragma once

namespace purser::web {

// UTF-8. Built without npm: a page that says so.
extern const char* const kPage;
extern const bool kPageBuilt;

}  // namespace purser::web
