#pragma once

#include <cstdint>

#include "latency_histogram.h"
#include "tls_link.h"

namespace anchorlog::bench {

struct HandshakeLoad {
    unsigned clients = 4;  // at once, a thread each
    double seconds = 3;
    double rate = 0;  // connections/s in all; 0: each client as fast as it goes
};

struct HandshakeResult {
    std::uint64_t done = 0;
    double seconds = 0;
    double client_cpu_s = 0;
    LatencyHistogram latency;  // from connect to the server's close
};

// Full handshakes with both certificates: connect, say that nothing follows, wait until the server
// closes too, which it does only once it has accepted us. A refusal stops the run.
[[nodiscard]] HandshakeResult run_handshakes(const HandshakeLoad& load, const TrialPki& pki,
                                             int port);

// Opens `connections` idle ones, prints a line of JSON, and holds them until standard input ends.
void hold_connections(unsigned connections, const TrialPki& pki, int port);

}  // namespace anchorlog::bench
