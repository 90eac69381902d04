#pragma once

#include <sys/resource.h>

#include <algorithm>

namespace anchorlog::app {

// A process that dies leaves no copy of its memory, in which its keys are. One byte and not none:
// with none the kernel still hands everything to a program that its core_pattern names.
inline void forbid_core_dumps() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_CORE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max = std::min<rlim_t>(limit.rlim_max, 1);
    static_cast<void>(::setrlimit(RLIMIT_CORE, &limit));
}

}  // namespace anchorlog::app
