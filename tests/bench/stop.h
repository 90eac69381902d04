#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace anchorlog::bench {

// A failed step throws; main prints it and leaves with 1, after the daemon and the store are gone.
struct Failure {
    std::string what;
};

[[noreturn]] inline void stop(std::string what) { throw Failure{std::move(what)}; }

inline std::uint64_t steady_ns() {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                          std::chrono::steady_clock::now().time_since_epoch())
                                          .count());
}

}  // namespace anchorlog::bench
