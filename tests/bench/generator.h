#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "alert_stream.h"
#include "latency_histogram.h"
#include "tls_link.h"

namespace anchorlog::bench {

struct Load {
    Dialect dialect = Dialect::anchorlog;
    unsigned connections = 1;
    unsigned threads = 0;         // of the generator; 0: as many as are fastest, see threads_of
    unsigned first_device = 0;    // connection n speaks for device first_device + n
    std::uint64_t skip = 0;       // numbers every device has used already
    std::uint64_t window = 1000;  // alerts a connection may have sent and not seen acked
    std::uint64_t coalesce = 1;   // frames in one TLS record
    double seconds = 3;
    double rate = 0;  // alerts/s over all connections, open loop; 0: closed loop
};

struct LoadResult {
    std::uint64_t acked_in_time = 0;  // while the trial ran: the throughput
    double seconds = 0;
    std::uint64_t start_ns = 0;        // of the steady clock
    std::vector<std::uint64_t> acked;  // per connection, with those acked after the end
    std::uint64_t sent = 0;
    double generator_cpu_s = 0;
    LatencyHistogram latency;  // from the (intended) send time to the ack
};

[[nodiscard]] unsigned threads_of(const Load& load);

// All connections are made before the clock starts. Stops at anything but acks, and when alerts
// stay unacked for 10 s after the end. Where there are no acks, sent counts as acked.
[[nodiscard]] std::unique_ptr<LoadResult> run_load(const Load& load, const TrialPki& pki, int port);

}  // namespace anchorlog::bench
