#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "generator.h"
#include "handshakes.h"

namespace anchorlog::bench {

struct Options {
    std::string command = "run";
    Load load;
    HandshakeLoad handshakes;
    int port = 0;  // of a server that runs already
    std::string ca;
    std::string certificate;
    std::string key;
    std::size_t line_bytes = 507;
    bool plain_bound = false;
    std::uint64_t session_bytes = 0;
    int pairs = 5;
    std::string programs;
    std::string parent;
    bool allow_volatile = false;
    bool json = false;
};

struct UsageError {
    std::string what;
};

// The text that says how the program is used.
[[nodiscard]] const char* usage();
// Throws UsageError.
[[nodiscard]] Options parse_options(const std::vector<std::string>& words);

}  // namespace anchorlog::bench
