#include <algorithm>
#include <charconv>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "anchorlog/crypto/sealed_key.h"
#include "anchorlog/ledger/retention.h"
#include "anchorlog/store/state_db.h"
#include "anchorlog/wire/anchor_step.h"
#include "app/ctl.h"
#include "app/offline_store.h"

namespace anchorlog::app {
namespace {

using ledger::KeptSegment;

unsigned long long printed(std::uint64_t number) { return number; }

// The store and what seals into it.
class PruneDesk {
public:
    Result<void> open(const CtlCall& call) {
        auto path = call.need("--config");
        if (!path) return std::move(path).error();
        auto config = load_config(*path);
        if (!config) return std::move(config).error();
        config_ = std::move(*config);
        auto why = call.need("--why");
        if (!why) return std::move(why).error();
        why_ = std::move(*why);
        may_be_unanchored_ = !call.get("--unanchored").empty();
        auto signer = crypto::load_signer(config_.signing_key_path, config_.passphrase_path);
        if (!signer) return std::move(signer).error().in("signing_key");
        signer_ = std::move(*signer);
        auto store = open_offline(fs_, config_, signer_);
        if (!store) return std::move(store).error();
        store_ = std::move(*store);
        retention_.emplace(fs_, config_.store_dir, *store_.store.log, *store_.store.batches);
        if (auto done = retention_->read(); !done) return done;
        return read_anchors();
    }

    // What is pruned before it is anchored can never be shown to be what was logged at its time:
    // whoever holds the log key could have sealed other leaves in its place.
    Result<void> must_be_anchored(const KeptSegment& segment) const {
        if (may_be_unanchored_) return {};
        if (segment.batch && anchored_to_ && *segment.batch <= *anchored_to_) return {};
        return Error{Errc::refused,
                     "no confirmed anchor covers entries " + std::to_string(segment.first.value) +
                         " to " + std::to_string(segment.last.value) +
                         " yet, and nobody could check them later: wait for one, or say "
                         "--unanchored"};
    }

    Result<void> seal(const wire::PruneRecord& record) {
        auto batch = ledger::make_prune(config_.origin, *signer_, record, store_.end,
                                        SystemClock().now().wall);
        if (!batch) return std::move(batch).error();
        if (auto done = append_control(store_, *batch); !done) return done;
        for (const wire::PruneRange& range : record.ranges) {
            std::printf("sealed      batch %llu: entries %llu to %llu may be gone\n",
                        printed(batch->header.batch_id.value), printed(range.first.value),
                        printed(range.last.value));
        }
        return {};
    }
    Result<void> drop_state() {
        store_.store.state.reset();
        auto removed = store::remove_rocks_state(config_.store_dir + "/state");
        return removed ? fs_.sync_dir(config_.store_dir) : removed;
    }

    ledger::Retention& retention() { return *retention_; }
    [[nodiscard]] const std::string& why() const { return why_; }

private:
    // The highest batch under a receipt that stands or a time stamp. A line in a file is no anchor:
    // it is only as far away as that file.
    Result<void> read_anchors() {
        std::map<std::pair<std::string, std::uint64_t>, std::uint64_t> receipts;
        const auto take = [&](std::uint64_t, std::string_view text,
                              store::LinePosition) -> Result<void> {
            auto step = wire::parse_anchor_step(text);
            if (!step) return std::move(step).error();
            if (const auto* receipt = std::get_if<wire::AnchorReceipt>(&*step)) {
                ++receipts[{receipt->target + to_hex(receipt->hash), receipt->batch_id.value}];
            } else if (const auto* gone = std::get_if<wire::AnchorSuperseded>(&*step)) {
                receipts.erase({gone->target + to_hex(gone->hash), gone->batch_id.value});
            } else if (const auto* token = std::get_if<wire::AnchorToken>(&*step)) {
                anchored_to_ = std::max(anchored_to_.value_or(BatchId()), token->batch_id);
            }
            return {};
        };
        if (auto done = store_.store.anchors->for_each(0, take); !done) return done;
        for (const auto& [key, count] : receipts) {
            anchored_to_ = std::max(anchored_to_.value_or(BatchId()), BatchId(key.second));
        }
        return {};
    }

    PosixFileSystem fs_;
    Config config_;
    std::string why_;
    bool may_be_unanchored_ = false;
    std::shared_ptr<const crypto::Signer> signer_;
    OfflineStore store_;
    std::optional<ledger::Retention> retention_;
    std::optional<BatchId> anchored_to_;
};

Result<std::uint64_t> number_of(const CtlCall& call, const std::string& name) {
    const std::string text = call.get(name);
    std::uint64_t number = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (text.empty() || error != std::errc() || stop != text.data() + text.size()) {
        return Error{Errc::invalid_input, name + " must be a whole number"};
    }
    return number;
}

// Which segments --before and --keep mean; the newest is never one of them.
struct Choice {
    std::optional<WallTime> before;
    std::optional<std::uint64_t> keep;

    static Result<Choice> read(const CtlCall& call) {
        Choice out;
        const std::string before = call.get("--before");
        if (before.empty() == call.get("--keep").empty()) {
            return Error{Errc::invalid_input, "say either --before TIME or --keep N"};
        }
        if (before.empty()) {
            auto keep = number_of(call, "--keep");
            if (!keep) return std::move(keep).error();
            out.keep = *keep;
            return out;
        }
        auto time = parse_server_time(before.size() == 10 ? before + "T00:00:00.000Z" : before);
        if (!time) {
            return Error{Errc::invalid_input,
                         "--before must be a day like 2026-01-31 or a time like "
                         "2026-01-31T00:00:00.000Z (UTC)"};
        }
        out.before = *time;
        return out;
    }
    [[nodiscard]] bool takes(const std::vector<KeptSegment>& all, std::size_t at) const {
        const KeptSegment& one = all[at];
        if (!one.is_closed || !one.batch || one.is_pruned) return false;
        return before ? one.sealed_at < *before : all.size() - at > *keep;
    }
};

}  // namespace

Result<void> archive(const CtlCall& call) {
    auto choice = Choice::read(call);
    if (!choice) return std::move(choice).error();
    const std::string to = call.get("--to");
    if (to.empty() == call.get("--delete").empty()) {
        return Error{Errc::invalid_input,
                     "say either --to DIR, which keeps the lines there, or --delete"};
    }
    PruneDesk desk;
    if (auto done = desk.open(call); !done) return done;
    const auto& all = desk.retention().segments();
    std::vector<EntryIndex> firsts;
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (!choice->takes(all, i)) continue;
        if (auto anchored = desk.must_be_anchored(all[i]); !anchored) return anchored;
        firsts.push_back(all[i].first);
    }
    if (firsts.empty()) {
        std::printf("pruned      nothing: no closed and sealed segment is that old\n");
        return {};
    }
    auto done = desk.retention().archive(
        firsts, to, desk.why(),
        [&desk](const wire::PruneRecord& record) { return desk.seal(record); });
    if (!done) return done;
    std::printf("pruned      %zu segments, %s\n", firsts.size(),
                to.empty() ? "deleted" : ("now in " + to).c_str());
    std::printf(
        "kept        their leaf hashes and devices in log/: the daemon and logverify need "
        "them\n");
    return {};
}

Result<void> erase(const CtlCall& call) {
    auto index = number_of(call, "--index");
    if (!index) return std::move(index).error();
    PruneDesk desk;
    if (auto done = desk.open(call); !done) return done;
    const KeptSegment* const segment = desk.retention().holding(EntryIndex(*index));
    if (segment != nullptr && segment->is_closed && !segment->is_pruned) {
        if (auto anchored = desk.must_be_anchored(*segment); !anchored) return anchored;
    }
    auto done = desk.retention().erase(
        EntryIndex(*index), desk.why(),
        [&desk](const wire::PruneRecord& record) { return desk.seal(record); },
        [&desk] { return desk.drop_state(); });
    if (!done) return done;
    std::printf("erased      entry %llu; its leaf hash stays\n", printed(*index));
    std::printf("state       removed: the daemon's next start rebuilds it, which takes longer\n");
    std::printf(
        "remains     in every backup, archive and evidence file made before: delete the "
        "entry there too\n");
    return {};
}

}  // namespace anchorlog::app
