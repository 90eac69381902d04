#pragma once

#include <string>

#include "anchorlog/base/result.h"

namespace anchorlog::ledger {

// The files contradict themselves: nothing the daemon may mend by itself.
[[nodiscard]] inline Error damage(const std::string& what) {
    return {Errc::corruption,
            what +
                "; the store is damaged: keep it as it is, run logverify on it, and restore "
                "from a backup or start a new log"};
}

}  // namespace anchorlog::ledger
