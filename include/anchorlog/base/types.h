#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace anchorlog {

// A counted thing of one kind; two kinds do not mix, so an index never passes for a size.
template <class Tag>
struct Count64 {
    std::uint64_t value = 0;

    constexpr Count64() = default;
    explicit constexpr Count64(std::uint64_t v) : value(v) {}

    friend constexpr auto operator<=>(Count64, Count64) = default;
    constexpr Count64& operator++() {
        ++value;
        return *this;
    }
    [[nodiscard]] constexpr Count64 plus(std::uint64_t n) const { return Count64(value + n); }
};

using EntryIndex = Count64<struct EntryIndexTag>;  // line number in log/, from 0, gap-free
using BatchId = Count64<struct BatchIdTag>;        // line number in batches/, leaf of the history
using TreeSize = Count64<struct TreeSizeTag>;      // number of leaves of a Merkle tree
using SeqNo = Count64<struct SeqNoTag>;            // per (device, epoch), from 1
using Epoch = Count64<struct EpochTag>;            // the sender's numbering era, from 0

// Every integer that counts fits a JSON number exactly (formats §1).
inline constexpr std::uint64_t kIntegerMax = (std::uint64_t{1} << 53) - 1;

// A SHA-256 or Keccak-256 value.
struct Hash {
    static constexpr std::size_t kSize = 32;
    std::array<std::uint8_t, kSize> bytes{};

    friend auto operator<=>(const Hash&, const Hash&) = default;
};

// Wall time: a claim, used for stamps only. Milliseconds since 1970-01-01T00:00:00Z.
struct WallTime {
    std::int64_t ms = 0;
    friend auto operator<=>(WallTime, WallTime) = default;
};

// Steady time: used for every age, timer and deadline. The zero is arbitrary.
struct SteadyTime {
    std::int64_t ms = 0;
    friend auto operator<=>(SteadyTime, SteadyTime) = default;
};

// Both clocks read at one moment; the deterministic core gets this instead of a clock.
struct Now {
    WallTime wall;
    SteadyTime steady;
};

}  // namespace anchorlog

template <class Tag>
struct std::hash<anchorlog::Count64<Tag>> {
    std::size_t operator()(anchorlog::Count64<Tag> c) const noexcept {
        return std::hash<std::uint64_t>{}(c.value);
    }
};
