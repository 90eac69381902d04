#include "anchor/stamp_target.h"

#include "anchorlog/base/log.h"
#include "anchorlog/crypto/sha256.h"

namespace anchorlog::anchor {

namespace {

Result<SealedCheckpoint> checkpoint_of(const SealedBatches& batches, BatchId batch) {
    auto note = batches.checkpoint(batch);
    if (!note) return std::move(note).error();
    const Hash hash = crypto::sha256(as_bytes(*note));
    return SealedCheckpoint{batch, std::move(*note), hash};
}

Result<void> check_line(const wire::AnchorStep& step, const Stamper& stamper,
                        const SealedBatches& batches) {
    if (auto checked = stamper.check(step); !checked) return checked;
    return std::visit(
        [&](const auto& line) -> Result<void> {
            const auto sealed = checkpoint_of(batches, line.batch_id);
            if (!sealed) return sealed.error();
            if (sealed->hash == line.hash) return {};
            return Error{Errc::corruption, "it is over another checkpoint than the sealed batch's"};
        },
        step);
}

Result<StampFsm::Resume> read_stamps(const std::string& id, const Stamper& stamper,
                                     const TargetBase& base) {
    StampFsm::Resume out;
    const auto read = base.journal.lines().for_each(
        0, [&](std::uint64_t number, std::string_view text, store::LinePosition) -> Result<void> {
            const auto step = wire::parse_anchor_step(text);
            Result<void> checked = step ? Result<void>() : Result<void>(step.error());
            const bool is_ours =
                step && std::visit([&](const auto& line) { return line.target == id; }, *step);
            if (is_ours) checked = check_line(*step, stamper, base.batches);
            if (!checked) {
                return Error{Errc::corruption, "anchors/ line " + std::to_string(number) + ": " +
                                                   checked.error().message};
            }
            if (!is_ours) return {};
            std::visit(
                [&](const auto& line) {
                    out.covered_to = std::max(out.covered_to, std::optional(line.batch_id));
                    out.last_at = line.at;
                },
                *step);
            return {};
        });
    if (!read) return read.error();
    return out;
}

class StampTarget final : public AnchorTarget {
public:
    StampTarget(std::string id, std::uint32_t interval_s, std::unique_ptr<Stamper> stamper,
                const TargetBase& base, const StampFsm::Resume& resume, std::uint64_t seed)
        : id_(std::move(id)), stamper_(std::move(stamper)), base_(base),
          fsm_(std::int64_t{interval_s} * 1'000, resume, base.clock.now(), seed),
          next_(StampFsm::Wait{base.clock.now().steady}) {}

    SteadyTime run_one() override {
        if (has_failed_) return {base_.clock.now().steady.ms + 60'000};
        StampFsm::Event event =
            std::visit([&](const auto& action) { return execute(action); }, next_);
        const SteadyTime now = base_.clock.now().steady;
        note(event);
        next_ = fsm_.step(event, now);
        const auto* wait = std::get_if<StampFsm::Wait>(&next_);
        return wait == nullptr ? now : wait->until;
    }

    AnchorStatus status() const override {
        AnchorStatus out;
        out.target = id_;
        out.type = stamper_->type();
        out.state = has_failed_ ? "stalled" : fsm_.state(base_.clock.now().steady);
        out.reason = has_failed_ ? "the anchors journal could not be written" : fsm_.reason();
        out.sent_batch = sent_batch_;
        out.covered_to = fsm_.covered_to();
        out.attempts = attempts_;
        out.confirmed = confirmed_;
        out.errors = fsm_.errors();
        return out;
    }

    // No stamp tells of a fork, so nobody needs to wait for one.
    bool has_asked() const override { return true; }
    bool has_failed() const override { return has_failed_; }
    void abort() override { stamper_->abort(); }

private:
    StampFsm::Event execute(const StampFsm::Wait&) {
        const auto newest = base_.batches.newest();
        if (!newest) return StampFsm::Failed{newest.error().message};
        return StampFsm::Ticked{*newest ? std::optional((*newest)->batch_id) : std::nullopt};
    }

    StampFsm::Event execute(const StampFsm::Stamp& action) {
        const auto sealed = checkpoint_of(base_.batches, action.batch);
        if (!sealed) return StampFsm::Failed{sealed.error().message};
        ++attempts_;
        sent_batch_ = action.batch;
        auto line = stamper_->stamp(*sealed);
        if (!line) return StampFsm::Failed{line.error().message, stamper_->retry_after_ms()};
        return StampFsm::Stamped{std::move(*line)};
    }

    StampFsm::Event execute(const StampFsm::Record& action) {
        const auto written = base_.journal.write(action.line);
        if (!written) {
            has_failed_ = written.error().code != Errc::storage_full;
            return StampFsm::Failed{written.error().message};
        }
        ++confirmed_;
        log(LogLevel::info, "anchor_confirmed",
            {{"target", id_}, {"batch_id", sent_batch_ ? sent_batch_->value : 0}});
        return StampFsm::Recorded{};
    }

    // A failure is logged when it begins or changes, not each time it is met again.
    void note(const StampFsm::Event& event) {
        const auto* failed = std::get_if<StampFsm::Failed>(&event);
        const bool is_end = std::holds_alternative<StampFsm::Recorded>(event);
        if (failed != nullptr && failed->reason != noted_) {
            noted_ = failed->reason;
            log(LogLevel::warn, "anchor_state",
                {{"target", id_}, {"state", "stalled"}, {"reason", noted_}});
        } else if (is_end && !noted_.empty()) {
            noted_.clear();
            log(LogLevel::info, "anchor_state", {{"target", id_}, {"state", "final"}});
        }
    }

    const std::string id_;
    const std::unique_ptr<Stamper> stamper_;
    const TargetBase base_;
    StampFsm fsm_;
    StampFsm::Action next_;
    std::optional<BatchId> sent_batch_;
    std::string noted_;
    std::uint64_t attempts_ = 0;
    std::uint64_t confirmed_ = 0;
    bool has_failed_ = false;
};

}  // namespace

Result<std::unique_ptr<AnchorTarget>> make_stamp_target(const std::string& id,
                                                        std::uint32_t interval_s,
                                                        std::unique_ptr<Stamper> stamper,
                                                        const TargetBase& base,
                                                        std::uint64_t seed) {
    auto resume = read_stamps(id, *stamper, base);
    if (!resume) return resume.error();
    return std::unique_ptr<AnchorTarget>(
        std::make_unique<StampTarget>(id, interval_s, std::move(stamper), base, *resume, seed));
}

}  // namespace anchorlog::anchor
