#include "anchorlog/crypto/random.h"

#include <sys/random.h>

#include <cerrno>

#include "anchorlog/base/assert.h"

namespace anchorlog::crypto {

void random_bytes(std::span<std::uint8_t> out) {
    while (!out.empty()) {
        const ssize_t got = ::getrandom(out.data(), out.size(), 0);
        // A signal may interrupt a long request; nothing else may go wrong here.
        if (got == -1 && errno == EINTR) continue;
        ANCHORLOG_ASSERT(got > 0);
        out = out.subspan(static_cast<std::size_t>(got));
    }
}

}  // namespace anchorlog::crypto
