#include "anchorlog/ledger/sequencer.h"

#include <algorithm>
#include <utility>

#include "anchorlog/base/assert.h"
#include "anchorlog/crypto/sha256.h"
#include "ledger/sign_batch.h"

namespace anchorlog::ledger {

namespace {

// Memory of a group this many times smaller is not kept: after a burst it goes back.
constexpr std::size_t kSpareFactorMax = 4;

}  // namespace

void hash_group(Group& group) {
    group.leaves.clear();
    group.leaves.reserve(group.entries.size());
    const std::string_view lines = group.lines;
    for (std::size_t i = 0; i < group.entries.size(); ++i) {
        const std::size_t begin = group.entries[i].offset;
        const std::size_t end =
            i + 1 < group.entries.size() ? group.entries[i + 1].offset : lines.size();
        group.leaves.push_back(merkle::hash_leaf(as_bytes(lines.substr(begin, end - 1 - begin))));
    }
}

Sequencer::Sequencer(SequencerOptions options, std::shared_ptr<const crypto::Signer> signer)
    : options_(std::move(options)), policy_(options_.batch), signer_(std::move(signer)),
      verifier_key_(wire::make_verifier_key(options_.origin, signer_->public_key())) {
    start_open_batch();
}

void Sequencer::restore_sealed(BatchId next_batch, EntryIndex next_index,
                               merkle::CompactRange history) {
    ANCHORLOG_ASSERT(history.size().value == next_batch.value);
    next_batch_ = next_batch;
    next_index_ = durable_next_ = next_index;
    history_ = std::move(history);
    start_open_batch();
}

void Sequencer::restore_device(std::string_view device_id, DeviceNumber number) {
    window_.make_durable(window_.slot(device_id), number);
}

void Sequencer::open_group(Now now) {
    if (!group_.empty()) return;
    group_.first = next_index_;
    group_.received_at = now.wall;
}

std::optional<Admission> Sequencer::outside_window(const wire::Alert& alert, WallTime now) const {
    const std::int64_t ahead = alert.timestamp.ms - now.ms;
    const std::int64_t shown = alert.sent_at_time.value_or(alert.timestamp).ms - now.ms;
    Admission refused;
    if (ahead > options_.window_ms || shown > options_.window_ms) {
        refused.code = wire::RejectCode::future;
        refused.detail = "the time is " + std::to_string(std::max(ahead, shown)) +
                         " ms ahead of the server's clock: check the sender's clock";
        return refused;
    }
    if (shown < -options_.window_ms) {
        refused.code = wire::RejectCode::stale;
        refused.detail = "the time is " + std::to_string(-shown) +
                         " ms behind the server's clock: set sent_at at each send";
        return refused;
    }
    return std::nullopt;
}

Admission Sequencer::admit(const AlertOffer& offer, Now now) {
    const wire::Alert& alert = offer.alert;
    const auto slot = window_.slot(alert.device_id.of(offer.arena));
    Admission result;
    if (slot == ReplayWindow::kNoSlot) {
        result.code = wire::RejectCode::busy;
        result.detail = "the log knows as many devices as it can hold";
        return result;
    }
    const auto verdict = window_.check(slot, alert.epoch, alert.seq_no);
    if (verdict == ReplayWindow::Verdict::seen) {
        result.kind = Admission::Kind::seen;
        return result;
    }
    if (verdict == ReplayWindow::Verdict::epoch_too_far) {
        result.code = wire::RejectCode::replay;
        result.detail = "the epoch is more than " + std::to_string(kEpochStepMax) +
                        " ahead of the device's current one";
        return result;
    }
    if (auto refused = outside_window(alert, now.wall)) return *refused;

    open_group(now);
    result.gap = window_.gap_before(slot, alert.epoch, alert.seq_no);
    window_.admit(slot, alert.epoch, alert.seq_no);
    result.kind = Admission::Kind::admitted;
    result.opened_epoch = verdict == ReplayWindow::Verdict::opens_epoch;
    result.index = next_index_;
    result.device = slot;
    group_.entries.push_back(
        {group_.lines.size(), slot, alert.epoch, alert.seq_no, alert.entry_id, false});
    wire::append_alert_line(group_.lines, alert.canonical.of(offer.arena), offer.cert, next_index_,
                            group_.received_at, offer.sender, alert.sent_at.of(offer.arena));
    ++next_index_;
    return result;
}

void Sequencer::add_audit(const wire::Audit& audit, Now now) {
    open_group(now);
    group_.entries.push_back({group_.lines.size(), ReplayWindow::kNoSlot, {}, {}, {}, false});
    wire::append_audit_line(group_.lines, audit, next_index_, group_.received_at);
    ++next_index_;
}

Group Sequencer::take_group() {
    Group taken = std::exchange(group_, std::move(spare_));
    spare_ = {};
    return taken;
}

void Sequencer::reuse(Group&& group) {
    if (group.lines.capacity() / kSpareFactorMax > group.lines.size()) return;
    spare_ = std::move(group);
    spare_.lines.clear();
    spare_.entries.clear();
    spare_.leaves.clear();
}

void Sequencer::committed(const Group& group, SteadyTime now) {
    ANCHORLOG_ASSERT(group.first == durable_next_);
    ANCHORLOG_ASSERT(group.leaves.size() == group.entries.size());
    if (open_.leaves.empty()) {
        open_.first_index = group.first;
        open_.log_at = group.at;
        open_.opened_at = group.received_at;
        open_.facts.oldest_entry = now;
    }
    if (open_.segments.empty() || open_.segments.back() != group.at.segment_first_line) {
        open_.segments.push_back(group.at.segment_first_line);
    }
    for (std::size_t i = 0; i < group.entries.size(); ++i) {
        const GroupEntry& entry = group.entries[i];
        const EntryIndex index = group.first.plus(i);
        open_.leaves.push_back(group.leaves[i]);
        if (entry.is_erased) {
            ++open_.erased;
            continue;
        }
        if (entry.slot == ReplayWindow::kNoSlot) {
            ++open_.facts.audits;
            continue;
        }
        if (open_.facts.alerts++ == 0) open_.facts.oldest_alert = now;
        const DeviceNumber before = window_.durable(entry.slot);
        auto [source, made] = open_.sources.try_emplace({entry.slot, entry.epoch.value});
        if (made && before.epoch == entry.epoch) source->second.before = before.highest;
        const store::LinePosition at{group.at.segment_first_line, group.at.offset + entry.offset};
        source->second.lines.push_back({entry.seq_no.value, {index, at}});
        open_.entry_ids.emplace_back(entry.entry_id, index);
        window_.make_durable(entry.slot, {entry.epoch, entry.seq_no});
    }
    durable_next_ = durable_next_.plus(group.count());
    if (next_index_ < durable_next_) next_index_ = durable_next_;
}

void Sequencer::abandon() {
    group_ = {};
    window_.abandon();
    next_index_ = durable_next_;
}

std::optional<SealReason> Sequencer::seal_due(SteadyTime now) const {
    return policy_.due(open_.facts, last_seal_, now);
}

std::optional<SteadyTime> Sequencer::next_check() const {
    return policy_.next_check(open_.facts, last_seal_);
}

void Sequencer::start_open_batch() {
    open_ = {};
    open_.first_index = durable_next_;
}

Result<void> Sequencer::take_sources(std::vector<wire::Source> sources) {
    for (const wire::Source& source : sources) {
        const auto slot = window_.slot(source.device_id);
        if (slot == ReplayWindow::kNoSlot) {
            return Error{Errc::corruption, "one device more than a log may know"};
        }
        window_.make_durable(slot, {source.epoch, source.last_seq});
    }
    open_.taken_sources = std::move(sources);
    return {};
}

std::vector<wire::Source> Sequencer::sources() const {
    if (open_.erased > 0) return open_.taken_sources;
    std::vector<wire::Source> all;
    all.reserve(open_.sources.size());
    for (const auto& [key, source] : open_.sources) {
        const std::uint64_t last = source.lines.back().first;
        const std::uint64_t count = source.lines.size();
        all.push_back({window_.device_id(key.slot), Epoch(key.epoch),
                       SeqNo(source.lines.front().first), SeqNo(last), count,
                       last - source.before.value - count});
    }
    std::sort(all.begin(), all.end(), [](const wire::Source& a, const wire::Source& b) {
        return a.device_id != b.device_id ? a.device_id < b.device_id : a.epoch < b.epoch;
    });
    return all;
}

wire::Header Sequencer::make_header(SealReason reason, Now now,
                                    const std::vector<wire::Source>& all) const {
    wire::Header header;
    header.batch_id = next_batch_;
    header.count = open_.leaves.size();
    header.count_audit = open_.facts.audits;
    header.first_index = open_.first_index;
    header.log = options_.origin;
    header.merkle_root = merkle::root_of(open_.leaves);
    header.prev_root = history_.root();
    header.reason = to_string(reason);
    header.sealed_at = now.wall;
    header.opened_at = std::min(open_.opened_at, now.wall);
    header.signer = wire::format_key_id(verifier_key_.key_id);
    if (all.size() <= wire::kSourcesMax) {
        header.sources = all;
    } else {
        header.sources_count = all.size();
        header.sources_digest = crypto::sha256(as_bytes(wire::format_sources(all)));
    }
    return header;
}

// What the open batch leaves to the state; the header, if any, is the caller's.
SealedBatch Sequencer::close_open_batch() {
    SealedBatch batch;
    batch.sources = sources();
    batch.entry_ids = std::move(open_.entry_ids);
    batch.leaves = std::move(open_.leaves);
    batch.log_at = open_.log_at;
    batch.segments = std::move(open_.segments);
    sealed_last_ = std::move(open_.sources);
    ++next_batch_;
    start_open_batch();
    return batch;
}

Result<SealedBatch> Sequencer::seal(SealReason reason, Now now) {
    ANCHORLOG_ASSERT(!open_.leaves.empty());
    wire::Header header = make_header(reason, now, sources());
    SealedBatch batch = close_open_batch();
    batch.header = std::move(header);
    if (auto done = sign_batch(batch, history_, options_.origin, {signer_.get()}); !done) {
        return std::move(done).error();
    }
    last_seal_ = now.steady;
    return batch;
}

Result<SealedBatch> Sequencer::adopt(const wire::BatchLine& line, const wire::Header& header) {
    if (open_.leaves.size() != header.count ||
        merkle::root_of(open_.leaves) != header.merkle_root) {
        return Error{Errc::corruption, "merkle_root " + to_hex(header.merkle_root) +
                                           " does not cover the entries in log/, whose root is " +
                                           to_hex(merkle::root_of(open_.leaves))};
    }
    SealedBatch batch = close_open_batch();
    batch.header = header;
    batch.header_text = line.header;
    batch.checkpoint = line.checkpoint;
    merkle::CompactRange extended = history_;
    extended.append(
        merkle::hash_leaf(as_bytes(line.header)),
        [&](merkle::NodeId id, const Hash& hash) { batch.nodes.emplace_back(id, hash); });
    batch.history_root = extended.root();
    if (line.seal.size() != batch.seal.size()) {
        return Error{Errc::corruption, "the seal is not a signature"};
    }
    std::copy(line.seal.begin(), line.seal.end(), batch.seal.begin());
    history_ = std::move(extended);
    return batch;
}

std::optional<StoredLine> Sequencer::find_open(std::string_view device_id, Epoch epoch,
                                               SeqNo seq_no) const {
    const auto slot = window_.find(device_id);
    for (const auto* sources : {&open_.sources, &sealed_last_}) {
        const auto source = sources->find({slot, epoch.value});
        if (source == sources->end()) continue;
        const auto& lines = source->second.lines;
        const auto at = std::lower_bound(
            lines.begin(), lines.end(), seq_no.value,
            [](const auto& line, std::uint64_t wanted) { return line.first < wanted; });
        if (at != lines.end() && at->first == seq_no.value) return at->second;
    }
    return std::nullopt;
}

}  // namespace anchorlog::ledger
