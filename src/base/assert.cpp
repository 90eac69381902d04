#include "anchorlog/base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace anchorlog {

void assertion_failed(const char* expression, const char* file, int line) noexcept {
    // Not through the log facade: it may be what is broken, or hold a lock of this very thread.
    std::fprintf(stderr,
                 "assertion failed: %s (%s:%d); this is a bug of anchorlog, please report "
                 "it\n",
                 expression, file, line);
    std::fflush(stderr);
    std::abort();
}

}  // namespace anchorlog
