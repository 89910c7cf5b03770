// The HTTP library is not built with the sanitizers: what they say about its insides is not ours to
// mend.
extern "C" {
// 32 bytes, once a process.
const char* __lsan_default_suppressions();
const char* __lsan_default_suppressions() { return "leak:libcpprest\n"; }

// Objects it shares by reference counts, which are not seen to be decremented. Kept narrow: our own
// functions run on its threads, and races in them must be told.
const char* __tsan_default_suppressions();
const char* __tsan_default_suppressions() {
  return "race:pplx::details::_RefCounter::_Destroy\n"
         "race:pplx::details::_CancellationTokenCallback\n"
         "race:asio_context::~asio_context\n";
}
}
