#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace anchorlog::bench {

// Counts latencies in log-linear buckets: 64 to every power of two, so a percentile is at most
// 1.6 % too high whatever its size, and recording is a shift and an increment.
class LatencyHistogram {
public:
    void add(std::uint64_t latency_ns) {
        ++counts_[bucket_of(latency_ns)];
        ++total_;
        if (latency_ns > max_ns_) max_ns_ = latency_ns;
    }

    void add(const LatencyHistogram& other) {
        for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
        total_ += other.total_;
        max_ns_ = std::max(max_ns_, other.max_ns_);
    }

    [[nodiscard]] std::uint64_t count() const { return total_; }
    [[nodiscard]] std::uint64_t max_ns() const { return max_ns_; }

    // The latency that `fraction` of all alerts did not exceed; 0 if there were none.
    [[nodiscard]] std::uint64_t at(double fraction) const {
        const double wanted = fraction * static_cast<double>(total_);
        std::uint64_t seen = 0;
        for (std::size_t i = 0; i < counts_.size(); ++i) {
            seen += counts_[i];
            if (seen > 0 && static_cast<double>(seen) >= wanted) {
                return upper_end(i) < max_ns_ ? upper_end(i) : max_ns_;
            }
        }
        return max_ns_;
    }

private:
    static constexpr unsigned kLinearBits = 6;
    static constexpr std::size_t kLinear = std::size_t{1} << kLinearBits;

    static std::size_t bucket_of(std::uint64_t value) {
        if (value < kLinear) return static_cast<std::size_t>(value);
        const auto shift = static_cast<unsigned>(std::bit_width(value)) - kLinearBits - 1;
        return kLinear * shift + static_cast<std::size_t>(value >> shift);
    }

    static std::uint64_t upper_end(std::size_t bucket) {
        if (bucket < 2 * kLinear) return bucket;
        const std::size_t shift = bucket / kLinear - 1;
        return ((std::uint64_t{bucket - kLinear * shift} + 1) << shift) - 1;
    }

    std::array<std::uint64_t, kLinear * (64 - kLinearBits + 1)> counts_{};
    std::uint64_t total_ = 0;
    std::uint64_t max_ns_ = 0;
};

}  // namespace anchorlog::bench
