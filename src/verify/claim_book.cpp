#include "verify/claim_book.h"

#include <algorithm>
#include <numeric>

namespace anchorlog::verify {

void ClaimBook::open(FileSystem& fs, std::vector<Segment> segments, const Hash& log_id) {
    fs_ = &fs;
    segments_ = std::move(segments);
    log_id_ = log_id;
}

std::uint64_t ClaimBook::first_bytes(const Hash& hash) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof value; ++i) value = value << 8 | hash.bytes[i];
    return value;
}

std::uint32_t ClaimBook::route_of(const AnchorClaim& claim) {
    const auto next = static_cast<std::uint32_t>(routes_.size());
    const auto [at, is_new] =
        route_numbers_.try_emplace({claim.chain_id, claim.contract, claim.target}, next);
    if (is_new) routes_.push_back(&at->first);
    return at->second;
}

ClaimBook::Index ClaimBook::add(const AnchorClaim& claim, LineSpot spot, std::uint64_t offset) {
    Claim one;
    one.record = eth::record_hash(claim.record);
    one.batch = claim.record.batch_id.value;
    one.from_batch = claim.from_batch.value;
    one.transaction = first_bytes(claim.transaction);
    one.offset = offset;
    one.spot = spot;
    one.route = route_of(claim);
    one.from = claim.from;
    one.counts = claim.counts;
    if (size_ % kChunkClaims == 0) chunks_.emplace_back().reserve(kChunkClaims);
    chunks_.back().push_back(one);
    return size_++;
}

ClaimBook::Index ClaimBook::keep(AnchorClaim claim) {
    const LineSpot spot{kKept, static_cast<std::uint32_t>(claim.line)};
    const Index index = add(claim, spot, kept_.size());
    kept_.push_back(std::move(claim));
    return index;
}

bool ClaimBook::says_the_same(Index index, const AnchorClaim& claim) {
    const Claim& one = (*this)[index];
    return one.route == route_of(claim) && one.record == eth::record_hash(claim.record);
}

void ClaimBook::confirm(Index attempt, const AnchorClaim& receipt, LineSpot spot,
                        std::uint64_t offset) {
    Claim& claim = (*this)[attempt];
    claim.attempt = claim.spot;
    claim.spot = spot;
    claim.offset = offset;
    claim.from = receipt.from;
    claim.from_batch = receipt.from_batch.value;
    claim.counts = receipt.counts;
}

std::string ClaimBook::segment_of(const Claim& claim) const {
    return claim.spot.segment == kKept ? kept_[claim.offset].segment : segment_name(claim.spot);
}

std::span<const ClaimBook::Index> ClaimBook::by_batch() {
    if (order_.size() != size_) {
        order_.resize(size_);
        std::iota(order_.begin(), order_.end(), Index{0});
        std::sort(order_.begin(), order_.end(), [this](Index a, Index b) {
            const std::uint64_t batch_a = (*this)[a].batch;
            const std::uint64_t batch_b = (*this)[b].batch;
            return batch_a != batch_b ? batch_a < batch_b : a < b;
        });
    }
    return order_;
}

std::span<const ClaimBook::Index> ClaimBook::from_batch_on(std::uint64_t batch) {
    const auto all = by_batch();
    const auto at = std::partition_point(all.begin(), all.end(),
                                         [&](Index index) { return (*this)[index].batch < batch; });
    return {at, all.end()};
}

std::span<const ClaimBook::Index> ClaimBook::of_batch(std::uint64_t batch) {
    const auto rest = from_batch_on(batch);
    const auto end = std::find_if(rest.begin(), rest.end(),
                                  [&](Index index) { return (*this)[index].batch != batch; });
    return {rest.begin(), end};
}

Result<AnchorClaim> ClaimBook::whole(const Claim& claim) {
    Result<AnchorClaim> out =
        claim.spot.segment == kKept ? Result<AnchorClaim>(kept_[claim.offset]) : read_again(claim);
    if (!out) return out;
    out->superseded = claim.superseded;
    out->counts = claim.counts;
    out->matched = claim.matched;
    return out;
}

Result<AnchorClaim> ClaimBook::read_again(const Claim& claim) {
    const Segment& segment = segments_[claim.spot.segment];
    const std::string place = segment.name + " line " + std::to_string(claim.spot.line);
    if (!file_ || file_segment_ != claim.spot.segment) {
        auto file = open_segment(*fs_, segment);
        if (!file) return std::move(file).error();
        file_ = std::move(*file);
        file_segment_ = claim.spot.segment;
    }
    auto size = file_->size();
    if (!size) return std::move(size).error();
    FileRange range;
    range.begin = claim.offset;
    range.end = claim.offset + 1;
    FileLines lines(*file_, *size, range, kAnchorLineSizeMax, buffer_);
    RawLine raw;
    auto more = lines.next(raw);
    if (!more) return std::move(more).error();
    const Error changed{Errc::corruption, place + " was changed while it was verified"};
    if (!*more) return changed;
    auto step = wire::parse_anchor_step(raw.text);
    if (!step) return changed;
    Result<AnchorClaim> read = changed;
    if (const auto* attempt = std::get_if<wire::AnchorAttempt>(&*step)) {
        read = claim_of(*attempt, log_id_);
    } else if (const auto* receipt = std::get_if<wire::AnchorReceipt>(&*step)) {
        read = claim_of(*receipt, log_id_);
    }
    if (!read || read->from != claim.from || eth::record_hash(read->record) != claim.record ||
        first_bytes(read->transaction) != claim.transaction) {
        return changed;
    }
    read->segment = segment.name;
    read->line = claim.spot.line;
    return read;
}

}  // namespace anchorlog::verify
