#include "anchor/anchor_engine.h"

#include "anchor/anchor_resume.h"
#include "anchor/chain_proof.h"
#include "anchorlog/base/log.h"

namespace anchorlog::anchor {

namespace {

std::string hex(const Hash& hash) { return "0x" + to_hex(hash); }

}  // namespace

Result<std::unique_ptr<AnchorEngine>> AnchorEngine::create(const EthereumTarget& target,
                                                           const crypto::AccountKey& key,
                                                           ChainClient& chain,
                                                           const TargetBase& base,
                                                           ForkAlarm on_fork, std::uint64_t seed) {
    const auto profile = profile_of(target);
    if (!profile) return profile.error();
    Spending spending;
    auto resume = read_anchors(base.journal.lines(), target, base.batches, spending);
    if (!resume) return resume.error();
    return std::unique_ptr<AnchorEngine>(new AnchorEngine(target, *profile, key, chain, base,
                                                          std::move(on_fork), std::move(*resume),
                                                          std::move(spending), seed));
}

AnchorEngine::AnchorEngine(const EthereumTarget& target, Profile profile,
                           const crypto::AccountKey& key, ChainClient& chain,
                           const TargetBase& base, ForkAlarm on_fork, Resume resume,
                           Spending spending, std::uint64_t seed)
    : target_(target), profile_(profile), key_(key), chain_(chain), journal_(base.journal),
      batches_(base.batches), clock_(base.clock), on_fork_(std::move(on_fork)),
      fsm_(profile, std::int64_t{target.interval_s} * 1'000, std::move(resume), base.clock.now(),
           seed),
      next_(Wait{base.clock.now().steady}), spending_(std::move(spending)),
      genesis_(target.genesis_hash) {}

SteadyTime AnchorEngine::run_one() {
    if (storage_failed_) return {clock_.now().steady.ms + 60'000};
    auto event = std::visit([&](const auto& action) { return execute(action); }, next_);
    if (storage_failed_) return {clock_.now().steady.ms + 60'000};
    const SteadyTime now = clock_.now().steady;
    next_ = fsm_.step(event ? std::move(*event) : Event(Failed{event.error().message}), now);
    note_change();
    const Wait* wait = std::get_if<Wait>(&next_);
    return wait == nullptr ? now : wait->until;
}

AnchorStatus AnchorEngine::status() const {
    AnchorStatus out;
    out.target = target_.id;
    out.type = "ethereum";
    out.state = storage_failed_ ? "stalled" : std::string(to_string(fsm_.stage()));
    out.reason = storage_failed_ ? "the anchors journal could not be written" : fsm_.reason();
    out.sent_batch = fsm_.sent_batch();
    out.covered_to = fsm_.covered_to();
    if (fsm_.sent_transaction()) out.transaction = hex(*fsm_.sent_transaction());
    if (!fsm_.receipts().empty()) out.block_number = fsm_.receipts().back().mined.block_number;
    out.head_number = head_;
    out.nothing_newer = fsm_.nothing_newer();
    out.anchors_in_purse = anchors_in_purse_;
    out.attempts = attempts_;
    out.confirmed = confirmed_;
    out.reorgs = fsm_.reorgs();
    out.conflicts = fsm_.conflicts();
    out.conflict = fsm_.conflict();
    out.errors = fsm_.errors();
    return out;
}

// The alarm comes while there is time to pay in, once each time the purse runs low.
void AnchorEngine::note_balance(std::uint64_t anchors) {
    const bool was_low = anchors_in_purse_ && *anchors_in_purse_ < kAnchorsInPurseLow;
    anchors_in_purse_ = anchors;
    if (was_low || anchors >= kAnchorsInPurseLow) return;
    log(LogLevel::warn, "anchor_balance_low",
        {{"target", target_.id},
         {"account", eth::format_address(key_.address())},
         {"anchors_left", anchors}});
}

// One line for each change, not for each poll; at debug level while all goes its way, because
// what was sent and confirmed has lines of its own.
void AnchorEngine::note_change() {
    const Stage stage = fsm_.stage();
    std::string now_is = std::string(to_string(stage)) + " " + fsm_.reason();
    if (now_is == noted_) return;
    noted_ = std::move(now_is);
    const bool is_trouble = stage == Stage::stalled || stage == Stage::conflict;
    const LogLevel level = is_trouble     ? LogLevel::warn
                           : was_trouble_ ? LogLevel::info
                                          : LogLevel::debug;
    was_trouble_ = is_trouble;
    const auto sent = fsm_.sent_batch();
    log(level, "anchor_state",
        {{"target", target_.id},
         {"state", to_string(stage)},
         {"batch_id", sent ? std::to_string(sent->value) : std::string("none")},
         {"reason", fsm_.reason()}});
}

// The line is on disk when this returns. storage_full is no failure: it is tried again.
Result<void> AnchorEngine::write(const wire::AnchorStep& step) {
    auto written = journal_.write(step);
    storage_failed_ = !written && written.error().code != Errc::storage_full;
    return written;
}

Result<Event> AnchorEngine::execute(const Wait&) {
    const auto newest = batches_.newest();
    if (!newest) return newest.error();
    return Event(Ticked{*newest ? std::optional((*newest)->batch_id) : std::nullopt});
}

Result<Event> AnchorEngine::execute(const RecordAttempt& action) {
    if (auto written = write(action.attempt); !written) return written.error();
    ++attempts_;
    spending_.add(action.attempt);
    return Event(AttemptRecorded{});
}

Result<Event> AnchorEngine::execute(const Send& action) {
    const auto answer = chain_.send_raw(action.attempt.raw);
    if (!answer) return answer.error();
    log(LogLevel::info, "anchor_sent",
        {{"target", target_.id},
         {"batch_id", action.attempt.batch_id.value},
         {"tx", hex(action.attempt.hash)},
         {"nonce", action.attempt.nonce},
         {"answer", answer->message}});
    return Event(Sent{*answer});
}

Result<Event> AnchorEngine::execute(const FindEvent& action) {
    const auto newest = batches_.newest();
    if (!newest) return newest.error();
    if (!*newest) return Event(EventFound{});
    const auto found = find_event(chain_, target_.contract, (*newest)->log_id, action.batch);
    if (!found) return found.error();
    return Event(EventFound{*found});
}

Result<Event> AnchorEngine::execute(const Harvest& action) {
    const auto sealed = batches_.get(action.batch);
    if (!sealed) return sealed.error();
    auto proof = prove_event(chain_, target_.contract, sealed->log_id, action.batch, action.mined);
    if (!proof) return proof.error();
    if (eth::record_of_event(proof->event) != to_record(*sealed)) {
        Looked other;
        other.kind = Looked::Kind::other;
        return Event(std::move(other));
    }
    wire::AnchorReceipt receipt;
    receipt.target = target_.id;
    receipt.batch_id = action.batch;
    receipt.from_batch = proof->event.from_batch;
    receipt.chain_id = target_.chain_id;
    receipt.contract = target_.contract;
    receipt.hash = action.mined.transaction;
    receipt.block_number = action.mined.block_number;
    receipt.block_hash = action.mined.block_hash;
    receipt.block_header = std::move(proof->block_header);
    receipt.transaction_index = proof->transaction_index;
    receipt.log_index = proof->log_index;
    receipt.receipt_path = std::move(proof->receipt_path);
    receipt.at = clock_.now().wall;
    // What goes on record is checked by the code that will read it.
    if (auto checked = check_receipt(receipt, sealed->log_id); !checked) return checked.error();
    return Event(Harvested{std::move(receipt)});
}

Result<Event> AnchorEngine::execute(const RecordReceipt& action) {
    if (auto written = write(action.receipt); !written) return written.error();
    ++confirmed_;
    log(LogLevel::info, "anchor_confirmed",
        {{"target", target_.id},
         {"batch_id", action.receipt.batch_id.value},
         {"from_batch", action.receipt.from_batch.value},
         {"tx", hex(action.receipt.hash)},
         {"block", action.receipt.block_number}});
    return Event(ReceiptRecorded{});
}

Result<Event> AnchorEngine::execute(const RecordSuperseded& action) {
    const wire::AnchorSuperseded line{target_.id, action.batch, action.transaction, action.reason,
                                      clock_.now().wall};
    if (auto written = write(line); !written) return written.error();
    log(LogLevel::warn, "anchor_superseded",
        {{"target", target_.id},
         {"batch_id", action.batch.value},
         {"tx", hex(action.transaction)},
         {"reason", action.reason}});
    return Event(SupersededRecorded{});
}

Result<Event> AnchorEngine::execute(const Watch& action) {
    const auto block = chain_.block(action.mined.block_number);
    if (!block) return block.error();
    Watched out;
    out.stands = *block && (*block)->hash == action.mined.block_hash;
    if (profile_.is_final_later) {
        const auto finalized = chain_.tagged_number("finalized");
        if (!finalized) return finalized.error();
        out.finalized = *finalized;
    }
    return Event(out);
}

// Nothing is concluded from a record's hash alone: a node can make one up more cheaply than a
// block whose receipts hold the event, and nobody but us can make our seal.
Result<Event> AnchorEngine::execute(const Examine& action) {
    const auto newest = batches_.newest();
    if (!newest) return newest.error();
    if (!*newest) return Event(Examined{false, false, "this log has no sealed batch"});
    const Hash& log_id = (*newest)->log_id;
    const auto mined = find_event(chain_, target_.contract, log_id, action.batch);
    if (!mined) return mined.error();
    if (!*mined) return Event(Examined{false, false, "its event is not found on the chain"});
    const auto proof = prove_event(chain_, target_.contract, log_id, action.batch, **mined);
    if (!proof) return Event(Examined{false, false, proof.error().message});
    const eth::AnchorRecord record = eth::record_of_event(proof->event);
    // The log's key at that batch: one that was replaced before says nothing of it.
    const auto then = action.batch < (*newest)->batch_id ? batches_.get(action.batch)
                                                         : Result<SealedRecord>(**newest);
    if (!then) return then.error();
    const bool is_ours = is_sealed_by(record, then->signer_key);
    return Event(Examined{true, is_ours,
                          "history root " + hex(record.history_root) + " in transaction " +
                              hex((*mined)->transaction) +
                              (is_ours ? ", under our own valid seal" : ", without our seal")});
}

Result<Event> AnchorEngine::execute(const RaiseFork& action) {
    log(LogLevel::error, "anchor_fork", {{"target", target_.id}, {"what", action.what}});
    if (on_fork_) on_fork_(action.what);
    return Event(ForkRaised{});
}

}  // namespace anchorlog::anchor
