#include "app/memory.h"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace purser::app {
namespace {

// Only segments that were never writable: their pages are the file's own, whatever was touched.
int ReleaseCode(dl_phdr_info* object, std::size_t, void*) {
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const auto& segment = object->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    const auto begin = (object->dlpi_addr + segment.p_vaddr) & ~(page - 1);
    const auto end = (object->dlpi_addr + segment.p_vaddr + segment.p_memsz) & ~(page - 1);
    if (end <= begin) continue;
    void* const code = reinterpret_cast<void*>(begin);  // NOLINT(performance-no-int-to-ptr)
    madvise(code, end - begin, MADV_DONTNEED);
  }
  return 0;
}

}  // namespace

void ReleaseStartUpMemory() {
  malloc_trim(0);
  dl_iterate_phdr(ReleaseCode, nullptr);
}

}  // namespace purser::app
