#include "anchor/anchor_resume.h"

#include <algorithm>
#include <map>

#include "anchor/chain_proof.h"
#include "anchorlog/eth/transaction.h"

namespace anchorlog::anchor {

namespace {

Error bad(const std::string& why) { return {Errc::corruption, why}; }

class Reader {
public:
    Reader(const EthereumTarget& target, const SealedBatches& batches, Spending& spending)
        : target_(target), batches_(batches), spending_(spending) {}

    Result<void> read(std::string_view text) {
        const auto step = wire::parse_anchor_step(text);
        if (!step) return bad(step.error().message);
        return std::visit(
            [&](const auto& line) -> Result<void> {
                return line.target == target_.id ? take(line) : Result<void>();
            },
            *step);
    }

    Resume finish() {
        Resume out;
        for (auto& [batch, receipt] : receipts_) out.receipts.push_back(receipt);
        out.last_attempt_at = last_attempt_at_;
        const bool is_open =
            !attempts_.empty() && !receipts_.contains(attempts_.back().batch_id) &&
            (receipts_.empty() || receipts_.rbegin()->first < attempts_.back().batch_id);
        if (is_open) out.attempts = std::move(attempts_);
        return out;
    }

private:
    Result<void> take(const wire::AnchorAttempt& line) {
        const auto parsed = eth::parse_transaction(line.raw);
        if (!parsed) return bad(parsed.error().message);
        if (parsed->hash != line.hash) return bad("the raw transaction has another hash");
        const eth::Transaction& fields = parsed->fields;
        if (fields.chain_id != target_.chain_id) {
            return bad("the attempt is for chain " + std::to_string(fields.chain_id) +
                       " and target " + target_.id + " is on chain " +
                       std::to_string(target_.chain_id) + "; give another chain another target id");
        }
        if (fields.to != target_.contract) {
            return bad("the attempt is for another contract; give it another target id");
        }
        if (fields.nonce != line.nonce || fields.gas != line.gas ||
            fields.max_fee != line.max_fee || fields.priority_fee != line.priority_fee) {
            return bad("the raw transaction has other fields than the line");
        }
        const auto sealed = batches_.get(line.batch_id);
        if (!sealed) return sealed.error();
        if (fields.data != eth::anchor_call(to_record(*sealed))) {
            return bad("the attempt anchors another record than the sealed batch");
        }
        // Of several attempts for one batch any may have been mined.
        if (!attempts_.empty() && attempts_.back().batch_id != line.batch_id) attempts_.clear();
        attempts_.push_back(line);
        if (attempts_.size() > kAttemptsMax) attempts_.erase(attempts_.begin());
        last_attempt_at_ = line.at;
        spending_.add(line);
        return {};
    }

    Result<void> take(const wire::AnchorReceipt& line) {
        if (line.chain_id != target_.chain_id || line.contract != target_.contract) {
            return bad("the receipt is of another chain or contract; give it another target id");
        }
        const auto sealed = batches_.get(line.batch_id);
        if (!sealed) return sealed.error();
        const auto event = check_receipt(line, sealed->log_id);
        if (!event) return bad(event.error().message);
        if (eth::record_of_event(*event) != to_record(*sealed)) {
            return bad("the receipt proves another record than the sealed batch");
        }
        receipts_[line.batch_id] = {
            line.batch_id, line.from_batch, {line.hash, line.block_number, line.block_hash}, false};
        return {};
    }

    Result<void> take(const wire::AnchorSuperseded& line) {
        const auto found = receipts_.find(line.batch_id);
        if (found != receipts_.end() && found->second.mined.transaction == line.hash) {
            receipts_.erase(found);
        }
        return {};
    }

    Result<void> take(const wire::AnchorToken&) { return foreign(); }
    Result<void> take(const wire::AnchorWritten&) { return foreign(); }
    static Result<void> foreign() {
        return bad("the line is of another type of target; give the contract another target id");
    }

    const EthereumTarget& target_;
    const SealedBatches& batches_;
    Spending& spending_;
    std::map<BatchId, LiveReceipt> receipts_;
    std::vector<wire::AnchorAttempt> attempts_;
    std::optional<WallTime> last_attempt_at_;
};

}  // namespace

Result<Resume> read_anchors(const store::Journal& journal, const EthereumTarget& target,
                            const SealedBatches& batches, Spending& spending) {
    Reader reader(target, batches, spending);
    const auto read = journal.for_each(
        0, [&](std::uint64_t line, std::string_view text, store::LinePosition) -> Result<void> {
            auto taken = reader.read(text);
            if (!taken) return taken.error().in("anchors/ line " + std::to_string(line));
            return taken;
        });
    if (!read) return read.error();
    return reader.finish();
}

}  // namespace anchorlog::anchor
