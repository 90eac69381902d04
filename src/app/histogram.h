#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace anchorlog::app {

// How many values fell at or under each bound; a copy of it is what the metrics page shows.
template <std::size_t Bounds>
class Histogram {
public:
    constexpr explicit Histogram(const std::array<std::int64_t, Bounds>& bounds)
        : bounds_(&bounds) {}

    void add(std::int64_t value) {
        const auto bound = std::lower_bound(bounds_->begin(), bounds_->end(), value);
        ++counts_[static_cast<std::size_t>(bound - bounds_->begin())];
        sum_ += value;
    }

    [[nodiscard]] const std::array<std::int64_t, Bounds>& bounds() const { return *bounds_; }
    // Of the values at or under bounds()[i]; with i = Bounds of all.
    [[nodiscard]] std::uint64_t at_most(std::size_t i) const {
        std::uint64_t count = 0;
        for (std::size_t k = 0; k <= i; ++k) count += counts_[k];
        return count;
    }
    [[nodiscard]] std::int64_t sum() const { return sum_; }

private:
    const std::array<std::int64_t, Bounds>* bounds_;
    std::array<std::uint64_t, Bounds + 1> counts_{};
    std::int64_t sum_ = 0;
};

inline constexpr std::array<std::int64_t, 14> kDurationBoundsUs{
    100,    250,    500,     1'000,   2'500,     5'000,     10'000,
    25'000, 50'000, 100'000, 250'000, 1'000'000, 2'500'000, 10'000'000};
inline constexpr std::array<std::int64_t, 9> kGroupBounds{1,     4,     16,     64,    256,
                                                          1'024, 4'096, 16'384, 65'536};
using DurationHistogram = Histogram<kDurationBoundsUs.size()>;
using GroupHistogram = Histogram<kGroupBounds.size()>;

}  // namespace anchorlog::app
