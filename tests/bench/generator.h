#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "latency_histogram.h"
#include "tls_link.h"

namespace anchorlog::bench {

struct Load {
    unsigned connections = 1;
    std::uint64_t window = 1000;  // alerts a connection may have sent and not seen acked
    std::uint64_t coalesce = 1;   // frames in one TLS record
    double seconds = 3;
    double rate = 0;  // alerts/s over all connections, open loop; 0: closed loop
};

struct LoadResult {
    std::uint64_t acked_in_time = 0;  // while the trial ran: the throughput
    double seconds = 0;
    std::vector<std::uint64_t> acked;  // per device, with those acked after the end
    std::uint64_t sent = 0;
    double generator_cpu_s = 0;
    LatencyHistogram latency;  // from the (intended) send time to the ack
};

// One thread, one epoll, blocking handshakes before the clock starts. Stops at anything but
// acks, and when alerts stay unacked for 10 s after the end.
[[nodiscard]] std::unique_ptr<LoadResult> run_load(const Load& load, const TrialPki& pki, int port);

}  // namespace anchorlog::bench
