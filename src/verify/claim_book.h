#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "anchorlog/base/file_system.h"
#include "verify/anchor_claim.h"
#include "verify/line_stream.h"

namespace anchorlog::verify {

// The longest line of anchors/: a receipt with its block header and trie path.
inline constexpr std::size_t kAnchorLineSizeMax = 1u << 20;

// A line of anchors/.
struct LineSpot {
    std::uint32_t segment = 0;  // place in the list
    std::uint32_t line = 0;     // in it, from 1; 0: none

    friend auto operator<=>(const LineSpot&, const LineSpot&) = default;
};

// The claims of a log of years, in under a hundred bytes for each anchor: what is held against the
// batches, and where the line stands that says the rest. Claims that stand in no line (the chain's
// answers, what evidence brings) stay in memory whole.
class ClaimBook {
public:
    using Index = std::uint32_t;  // in the order they came

    // What many claims share.
    struct Route {
        std::uint64_t chain_id = 0;
        eth::Address contract{};
        std::string target;

        friend auto operator<=>(const Route&, const Route&) = default;
    };

    struct Claim {
        Hash record;  // as LogAnchor keeps it: eth::record_hash
        std::uint64_t batch = 0;
        std::uint64_t from_batch = 0;
        std::uint64_t transaction = 0;  // first_bytes of its hash
        std::uint64_t offset = 0;       // of the line in its segment; of a claim kept: which
        LineSpot spot;
        LineSpot
            attempt;  // of a receipt that confirms one: the attempt's line, which claims the same
        std::uint32_t route = 0;
        AnchorClaim::From from = AnchorClaim::From::attempt;
        bool superseded : 1 = false;
        bool counts : 1 = false;    // trusted contract and trusted block
        bool matched : 1 = false;   // our batch is what it says
        bool on_chain : 1 = false;  // a receipt and the chain's event bear each other out

        [[nodiscard]] bool has_attempt() const {
            return from == AnchorClaim::From::attempt || attempt.line != 0;
        }
    };
    static_assert(sizeof(Claim) <= 88, "a claim is kept for every anchor of a log of years");

    // Whose lines the spots are of. `fs` outlives the book.
    void open(FileSystem& fs, std::vector<Segment> segments, const Hash& log_id);
    Index add(const AnchorClaim& claim, LineSpot spot, std::uint64_t offset);
    Index keep(AnchorClaim claim);
    // Target, chain, contract and record.
    [[nodiscard]] bool says_the_same(Index index, const AnchorClaim& claim);
    // The attempt becomes the receipt that confirms it and says the same.
    void confirm(Index attempt, const AnchorClaim& receipt, LineSpot spot, std::uint64_t offset);

    [[nodiscard]] Claim& operator[](Index index) {
        return chunks_[index / kChunkClaims][index % kChunkClaims];
    }
    [[nodiscard]] Index size() const { return size_; }
    [[nodiscard]] const Route& route(const Claim& claim) const { return *routes_[claim.route]; }
    // Of the claim's segment; empty when it stands in no line. For a claim that was kept: its own.
    [[nodiscard]] std::string segment_of(const Claim& claim) const;
    [[nodiscard]] const std::string& segment_name(LineSpot spot) const {
        return segments_[spot.segment].name;
    }

    // By batch, those of one batch as they came. Valid until the next claim comes.
    [[nodiscard]] std::span<const Index> by_batch();
    [[nodiscard]] std::span<const Index> of_batch(std::uint64_t batch);
    [[nodiscard]] std::span<const Index> from_batch_on(std::uint64_t batch);

    // All that was claimed, without `basis`; read from its line once more and checked as at first,
    // so it is an error when the line is another now.
    [[nodiscard]] Result<AnchorClaim> whole(const Claim& claim);

    // These stand for a transaction's hash. Somebody may search for two that share them; all it
    // does is to name lines that he wrote for each other.
    [[nodiscard]] static std::uint64_t first_bytes(const Hash& hash);

private:
    static constexpr std::size_t kChunkClaims = 4'096;
    static constexpr std::uint32_t kKept = ~std::uint32_t{0};

    [[nodiscard]] std::uint32_t route_of(const AnchorClaim& claim);
    [[nodiscard]] Result<AnchorClaim> read_again(const Claim& claim);

    FileSystem* fs_ = nullptr;
    std::vector<Segment> segments_;
    Hash log_id_;
    std::vector<std::vector<Claim>> chunks_;  // grows without moving or doubling
    Index size_ = 0;
    std::vector<Index> order_;
    std::deque<AnchorClaim> kept_;
    std::map<Route, std::uint32_t> route_numbers_;
    std::vector<const Route*> routes_;  // of route_numbers_
    std::unique_ptr<File> file_;        // of the line read again last
    std::uint32_t file_segment_ = 0;
    std::string buffer_;
};

}  // namespace anchorlog::verify
