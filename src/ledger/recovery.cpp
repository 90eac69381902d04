#include "anchorlog/ledger/recovery.h"

#include "anchorlog/base/log.h"
#include "anchorlog/crypto/sha256.h"
#include "anchorlog/ledger/control_batch.h"
#include "anchorlog/ledger/hardware_line.h"
#include "anchorlog/store/torn.h"
#include "anchorlog/wire/alert_line.h"
#include "anchorlog/wire/anchor_step.h"
#include "anchorlog/wire/pruned_lines.h"
#include "ledger/damage.h"
#include "ledger/entry_feed.h"
#include "ledger/pruned_entries.h"
#include "ledger/seal_checks.h"

namespace anchorlog::ledger {
namespace {

constexpr std::string_view kWrongKey =
    ": point signing_key at the file of the log's key (to change the key, `anchorlogctl log "
    "rotate-key` with the log's key in the config comes first)";

Result<void> check_anchor_line(std::uint64_t, std::string_view text) {
    auto step = wire::parse_anchor_step(text);
    if (!step) return std::move(step).error();
    return {};
}

Result<EntryIndex> index_of(std::string_view text) {
    if (const auto alert = wire::read_expected_line(text)) return alert->index;
    if (wire::is_erased_line(text)) {
        const auto erased = wire::parse_erased_line(text);
        return erased ? Result<EntryIndex>(erased->index) : erased.error();
    }
    const auto entry = wire::parse_entry_line(text);
    return entry ? Result<EntryIndex>(entry->index) : entry.error();
}

// The work of one recovery: journals are open, the sequencer is fed line by line.
class Recovery {
public:
    Recovery(FileSystem& fs, const RecoveryOptions& options,
             std::shared_ptr<const crypto::Signer> signer)
        : fs_(fs), options_(options), signer_(std::move(signer)),
          log_id_(wire::log_id_of(options.sequencer.origin)),
          ours_(wire::make_verifier_key(options.sequencer.origin, signer_->public_key())),
          hints_(fs, options.dir + "/log"), pruned_(fs, options.dir + "/log") {}

    Result<void> open_journals(Recovered& out);
    Result<void> check_hardware_key(const Recovered& out) const;
    Result<void> load_state(Recovered& out);
    Result<void> replay_batches(Recovered& out,
                                const std::function<void(std::uint64_t, std::uint64_t)>& progress);
    Result<void> replay_tail(Recovered& out);
    Result<void> cut_and_settle(Recovered& out);

private:
    Result<void> replay_batch(Recovered& out, BatchId id, std::string_view text,
                              store::LinePosition at);
    Result<void> take_genesis(const wire::Header& header);
    Result<void> take_known(Recovered& out, std::uint64_t number, std::string_view text);
    Result<void> take_key_change(const wire::Header& header, std::string_view checkpoint);
    Result<void> take_vkey(const std::string& vkey);
    Result<void> must_be_ours() const;
    Result<SealedBatch> reseal(Recovered& out, const wire::BatchLine& line,
                               const wire::Header& header);
    Result<std::uint64_t> feed(Sequencer& sequencer, std::uint64_t count);
    Result<GroupEntry> number(const FedEntry& entry, ReplayWindow& window) const;
    Result<void> keep_tail(const char* name, store::Journal& journal, Recovered& out);

    FileSystem& fs_;
    const RecoveryOptions& options_;
    std::shared_ptr<const crypto::Signer> signer_;
    const Hash log_id_;
    const wire::VerifierKey ours_;
    wire::VerifierKey key_;  // the log's at next_batch_
    BatchId key_since_;      // changed to by this batch, as far as was read
    LeafHints hints_;
    SealChecks seals_;
    std::optional<EntryFeed> entries_;  // from the first entry the state lacks
    BatchId next_batch_;
    EntryIndex next_index_;
    merkle::CompactRange history_;
    std::optional<store::LinePosition> batches_hint_;
    PrunedEntries pruned_;
};

Result<void> Recovery::open_journals(Recovered& out) {
    const auto open = [&](const char* name, store::Journal::LineCheck check,
                          std::unique_ptr<store::Journal>& journal) -> Result<void> {
        auto opened = store::Journal::open(fs_, options_.dir + "/" + name, options_.journal,
                                           std::move(check));
        if (!opened) return std::move(opened).error();
        journal = std::move(*opened);
        return {};
    };
    if (auto done = open("batches", check_batch_line, out.batches); !done) return done;
    if (out.batches->lines() == 0) {
        return damage(options_.dir +
                      "/batches holds no genesis: there is no log here; "
                      "`anchorlogctl log init` makes a new one");
    }
    if (auto done = open("log", check_entry_line, out.log); !done) return done;
    return open("anchors", check_anchor_line, out.anchors);
}

// At every start and not only when the state is rebuilt: a checkpoint that lacks the line of the
// key its genesis names is false for ever.
Result<void> Recovery::check_hardware_key(const Recovered& out) const {
    auto named = hardware_vkey(*out.batches);
    if (!named) return std::move(named).error();
    const auto& key = options_.hardware_key;
    const std::string given = key ? wire::format_vkey(*key) : "";
    if (given == *named) return {};
    if (named->empty()) {
        return Error{Errc::invalid_input,
                     "this log was made without a hardware key and cannot get one later: take "
                     "hardware_key out of the configuration, or make a new log"};
    }
    return Error{Errc::invalid_input, "this log was made with the hardware key " + *named +
                                          ", and hardware_key is " + (key ? given : "not set") +
                                          ": name that key there"};
}

Result<void> Recovery::load_state(Recovered& out) {
    auto through = out.state->through();
    if (!through) return std::move(through).error();
    if (through->batches > out.batches->lines() || through->entries > out.log->lines()) {
        return damage("state/ knows " + std::to_string(through->batches) + " batches and " +
                      std::to_string(through->entries) + " entries, but the journals hold only " +
                      std::to_string(out.batches->lines()) + " and " +
                      std::to_string(out.log->lines()));
    }
    next_batch_ = BatchId(through->batches);
    next_index_ = EntryIndex(through->entries);
    auto range = merkle::CompactRange::restore(
        TreeSize(next_batch_.value), [&](merkle::NodeId id) { return out.state->node(id); });
    if (!range) return std::move(range).error();
    history_ = std::move(*range);
    auto newest = next_batch_.value > 0 ? out.state->batch(BatchId(next_batch_.value - 1))
                                        : Result<std::optional<BatchPlace>>(std::nullopt);
    if (!newest) return std::move(newest).error();
    if (*newest) batches_hint_ = (*newest)->batches_at;
    entries_.emplace(*out.log, next_index_, *newest);
    return out.state->for_each_device([&](std::string_view device, DeviceNumber number) {
        out.sequencer->restore_device(device, number);
    });
}

Result<void> Recovery::take_vkey(const std::string& vkey) {
    auto key = wire::parse_vkey(vkey);
    if (!key) return damage("batches/ names the key " + vkey + ", which does not read");
    key_ = std::move(*key);
    return {};
}

Result<void> Recovery::take_genesis(const wire::Header& header) {
    const std::string& origin = options_.sequencer.origin;
    if (header.kind != "genesis" || !header.genesis || header.genesis->keys.empty()) {
        return damage("batches/ line 0 is not a genesis header");
    }
    if (header.log != origin) {
        return Error{Errc::invalid_input, "the store belongs to the log " + header.log +
                                              ", the config says origin " + origin +
                                              ": point store.dir at the right store"};
    }
    return take_vkey(header.genesis->keys.front());
}

// The newest batch that the state knows: its key goes on, unless it changed the key itself.
Result<void> Recovery::take_known(Recovered& out, std::uint64_t number, std::string_view text) {
    const std::string where = "batches/ line " + std::to_string(number);
    auto line = wire::parse_batch_line(text);
    auto header = line ? wire::parse_header(line->header) : Result<wire::Header>(line.error());
    if (!header) return damage(where + ": " + header.error().message);
    out.checkpoint = line->checkpoint;
    if (header->key_change) {
        out.key_change = header->key_change;
        key_since_ = header->batch_id;
        return take_vkey(header->key_change->new_key);
    }
    if (header->signer == wire::format_key_id(ours_.key_id)) {
        key_ = ours_;
        return {};
    }
    // By a key that we only learn of where it is changed.
    auto change = next_key_change(*out.batches, next_batch_);
    if (!change) return std::move(change).error();
    if (*change) return take_vkey((*change)->key_change->old_key);
    return Error{Errc::invalid_input, "signing_key holds " + wire::format_vkey(ours_) +
                                          ", the log's key is " + header->signer +
                                          ", which sealed " + where + std::string(kWrongKey)};
}

// Sealed by the key before it, and both sign: from the next batch on it is the new one's.
Result<void> Recovery::take_key_change(const wire::Header& header, std::string_view checkpoint) {
    const wire::KeyChange& change = *header.key_change;
    const std::string where = "batches/ line " + std::to_string(header.batch_id.value);
    if (change.old_key != wire::format_vkey(key_)) {
        return damage(where + " changes a key that is not the log's");
    }
    const wire::VerifierKey before = key_;
    if (auto done = take_vkey(change.new_key); !done) return done;
    const auto note = wire::parse_note(checkpoint);
    if (!note || !wire::verify_note(*note, {before}) || !wire::verify_note(*note, {key_})) {
        return damage(where + " changes the key without both keys' signatures");
    }
    key_since_ = header.batch_id;
    return {};
}

Result<void> Recovery::must_be_ours() const {
    if (key_.key == ours_.key) return {};
    const std::string is_now = "the log's key is " + wire::format_vkey(key_);
    const std::string since =
        key_since_.value > 0 ? " since batch " + std::to_string(key_since_.value) : std::string();
    return Error{Errc::invalid_input, is_now + since + ", signing_key holds " +
                                          wire::format_vkey(ours_) + std::string(kWrongKey)};
}

Result<GroupEntry> Recovery::number(const FedEntry& entry, ReplayWindow& window) const {
    GroupEntry out;
    out.is_erased = entry.is_erased;
    if (!entry.alert) return out;
    const wire::AlertKey& key = *entry.alert;
    const std::string where = "log/ line " + std::to_string(entry.index.value);
    out.slot = window.slot(key.device_id);
    if (out.slot == ReplayWindow::kNoSlot) {
        return damage(where + " is of one device more than a log may know");
    }
    if (window.check(out.slot, key.epoch, key.seq_no) == ReplayWindow::Verdict::seen) {
        return damage(where + " repeats a seq_no of " + key.device_id);
    }
    window.admit(out.slot, key.epoch, key.seq_no);
    out.epoch = key.epoch;
    out.seq_no = key.seq_no;
    out.entry_id = key.entry_id;
    return out;
}

// Takes up to `count` more entries through the hot path, as groups of lines that stand in one
// segment. Returns how many there were.
Result<std::uint64_t> Recovery::feed(Sequencer& sequencer, std::uint64_t count) {
    Group group;
    const auto commit = [&] {
        if (!group.empty()) sequencer.committed(group, {});
        group = {};
    };
    std::uint64_t fed = 0;
    for (; fed < count; ++fed) {
        auto entry = entries_->next();
        if (!entry) return std::move(entry).error();
        const FedEntry* const at_hand = *entry;
        if (at_hand == nullptr) break;
        if (at_hand->is_erased) pruned_.met(*at_hand);
        if (at_hand->at.segment_first_line != group.at.segment_first_line) commit();
        if (group.empty()) {
            group.first = at_hand->index;
            group.received_at = at_hand->received_at;
            group.at = at_hand->at;
        }
        auto made = number(*at_hand, sequencer.window());
        if (!made) return std::move(made).error();
        made->offset = at_hand->at.offset - group.at.offset;
        group.entries.push_back(*made);
        group.leaves.push_back(at_hand->leaf);
    }
    commit();
    return fed;
}

// Runs the entries of a sealed batch through the hot path and takes the signatures from the line
// instead of making them anew: two signatures over one header must never differ.
Result<SealedBatch> Recovery::reseal(Recovered& out, const wire::BatchLine& line,
                                     const wire::Header& header) {
    Sequencer& sequencer = *out.sequencer;
    sequencer.restore_sealed(next_batch_, next_index_, history_);
    auto fed = feed(sequencer, header.count);
    if (!fed) return std::move(fed).error();
    if (*fed != header.count) {
        return damage("log/ ends at entry " + std::to_string(sequencer.durable_entries().value) +
                      ", but batch " + std::to_string(header.batch_id.value) +
                      " seals entries up to " +
                      std::to_string(next_index_.value + header.count - 1));
    }
    if (sequencer.open_erased() > 0) {
        auto sources = pruned_.sources_of(header);
        if (!sources) return std::move(sources).error();
        auto taken = sequencer.take_sources(std::move(*sources));
        if (!taken) return damage(taken.error().message);
    }
    auto batch = sequencer.adopt(line, header);
    if (!batch) return damage(batch.error().message);
    seals_.add(key_.key, header.batch_id,
               wire::seal_payload(log_id_, header.batch_id, header.merkle_root, batch->history_root,
                                  header.sealed_at),
               line.seal);
    return batch;
}

Result<void> Recovery::replay_batch(Recovered& out, BatchId id, std::string_view text,
                                    store::LinePosition at) {
    const std::string where = "batches/ line " + std::to_string(id.value);
    auto line = wire::parse_batch_line(text);
    if (!line) return damage(where + ": " + line.error().message);
    auto header = wire::parse_header(line->header);
    if (!header) return damage(where + ": " + header.error().message);
    if (header->batch_id != id || header->first_index != next_index_ ||
        header->prev_root != history_.root()) {
        return damage(where + " does not follow the batches before it");
    }
    if (id.value == 0) {
        if (auto done = take_genesis(*header); !done) return done;
    }
    auto batch = reseal(out, *line, *header);
    if (!batch) return std::move(batch).error().in(where);
    if (header->key_change) {
        if (auto done = take_key_change(*header, line->checkpoint); !done) return done;
        out.key_change = header->key_change;
    } else if (header->count > 0) {
        out.key_change.reset();
    }
    if (header->prune) pruned_.allow(*header->prune);
    // The leaves of pruned lines were synced before the lines went.
    if (!pruned_.met_from(header->first_index)) hints_.add(*batch);
    out.state->add(*batch, at);
    history_ = out.sequencer->history();
    next_batch_ = id.plus(1);
    next_index_ = next_index_.plus(header->count);
    out.checkpoint = line->checkpoint;
    ++out.batches_replayed;
    out.entries_replayed += header->count;
    // The newest line may never have reached the disk (its sync failed, or was not reached), and a
    // state that knows more than the journals passes for damage: its run waits until all is synced.
    const bool is_newest = id.value + 1 == out.batches->lines();
    if (is_newest || !out.state->run_due()) return {};
    if (auto sealed = seals_.settle(); !sealed) return sealed;
    return out.state->ingest();
}

Result<void> Recovery::replay_batches(
    Recovered& out, const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
    const std::uint64_t from = next_batch_.value > 0 ? next_batch_.value - 1 : 0;
    auto visited = out.batches->for_each(
        from,
        [&](std::uint64_t number, std::string_view text, store::LinePosition at) -> Result<void> {
            if (number < next_batch_.value) return take_known(out, number, text);
            auto done = replay_batch(out, BatchId(number), text, at);
            if (done && progress && number % 1'024 == 0) progress(number, out.batches->lines());
            return done;
        },
        batches_hint_ ? &*batches_hint_ : nullptr);
    if (!visited) return visited;
    out.sequencer->restore_sealed(next_batch_, next_index_, history_);
    if (auto allowed = pruned_.check(); !allowed) return allowed;
    if (auto sealed = seals_.settle(); !sealed) return sealed;
    return must_be_ours();
}

Result<void> Recovery::replay_tail(Recovered& out) {
    if (out.log->lines() < next_index_.value) {
        return damage("log/ holds " + std::to_string(out.log->lines()) +
                      " entries, but batches/ seals " + std::to_string(next_index_.value));
    }
    auto fed = feed(*out.sequencer, out.log->lines() - next_index_.value);
    if (!fed) return std::move(fed).error();
    if (out.sequencer->open_erased() > 0) {
        return damage("an entry of log/ behind the last sealed one is gone");
    }
    out.entries_replayed += *fed;
    if (*fed > 0) out.key_change.reset();
    out.sequencer->mark_recovered();
    return {};
}

// What lies behind the last valid line is kept before it is cut. Of log/ a commit group may be
// torn; batches/ and anchors/ are synced line by line, so that a whole line there is damage.
Result<void> Recovery::keep_tail(const char* name, store::Journal& journal, Recovered& out) {
    const store::Tail& tail = journal.tail();
    if (tail.bytes == 0) return {};
    const bool is_log = &journal == out.log.get();
    const std::uint64_t bytes_max =
        is_log ? options_.sequencer.group_bytes_max : options_.journal.line_size_max;
    if (tail.bytes > bytes_max || (tail.complete_lines && !is_log)) {
        return damage(std::string(name) + "/ has " + std::to_string(tail.bytes) +
                      " bytes after line " + std::to_string(tail.line) +
                      " that are not valid lines, which no torn write leaves");
    }
    auto bytes = journal.read_tail();
    if (!bytes) return std::move(bytes).error();
    auto kept = store::keep_torn(fs_, options_.dir, name, tail.line, *bytes);
    if (!kept) return std::move(kept).error();
    if (is_log) {
        out.tail_cut = TailCut{EntryIndex(tail.line), tail.bytes, crypto::sha256(as_bytes(*bytes)),
                               tail.complete_lines, *kept};
    }
    return {};
}

Result<void> Recovery::cut_and_settle(Recovered& out) {
    const std::pair<const char*, store::Journal*> journals[] = {
        {"log", out.log.get()}, {"batches", out.batches.get()}, {"anchors", out.anchors.get()}};
    for (const auto& [name, journal] : journals) {
        if (auto kept = keep_tail(name, *journal, out); !kept) return kept;
        if (journal->tail().bytes > 0) {
            if (auto cut = journal->cut_to(journal->lines()); !cut) return cut;
        }
        if (auto settled = journal->settle(); !settled) return settled;
    }
    return {};
}

}  // namespace

Result<void> check_entry_line(std::uint64_t line, std::string_view text) {
    const auto index = index_of(text);
    if (index && index->value == line) return {};
    if (!index) return index.error();
    return Error{Errc::corruption, "carries index " + std::to_string(index->value)};
}

Result<void> check_batch_line(std::uint64_t line, std::string_view text) {
    auto batch = wire::parse_batch_line(text);
    if (!batch) return std::move(batch).error();
    auto header = wire::parse_header(batch->header);
    if (!header) return std::move(header).error();
    if (header->batch_id.value != line) {
        return Error{Errc::corruption,
                     "carries batch_id " + std::to_string(header->batch_id.value)};
    }
    return {};
}

Result<std::optional<wire::Header>> next_key_change(const store::Journal& batches, BatchId from) {
    std::optional<wire::Header> found;
    const auto visit = [&](std::uint64_t number, std::string_view text,
                           store::LinePosition) -> Result<void> {
        if (text.find("\"kind\":\"key\"") == std::string_view::npos) return {};
        auto line = wire::parse_batch_line(text);
        auto header = line ? wire::parse_header(line->header) : Result<wire::Header>(line.error());
        if (!header) {
            return damage("batches/ line " + std::to_string(number) + ": " +
                          header.error().message);
        }
        if (!header->key_change) return {};
        found = std::move(*header);
        return Error{Errc::not_found, "enough"};
    };
    auto visited = batches.for_each(from.value, visit);
    if (!visited && !found) return std::move(visited).error();
    return found;
}

Result<Recovered> recover(FileSystem& fs, const RecoveryOptions& options,
                          std::unique_ptr<store::StateDb> db,
                          std::shared_ptr<const crypto::Signer> signer,
                          const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
    Recovered out;
    out.state = std::make_unique<StateIndex>(std::move(db), options.run_entries);
    out.sequencer = std::make_unique<Sequencer>(options.sequencer, signer);
    Recovery recovery(fs, options, std::move(signer));
    if (auto done = recovery.open_journals(out); !done) return std::move(done).error();
    if (auto done = recovery.check_hardware_key(out); !done) return std::move(done).error();
    if (auto done = recovery.load_state(out); !done) return std::move(done).error();
    if (auto done = recovery.replay_batches(out, progress); !done) return std::move(done).error();
    if (auto done = recovery.replay_tail(out); !done) return std::move(done).error();
    if (auto done = recovery.cut_and_settle(out); !done) return std::move(done).error();
    if (out.state->run_due()) {
        if (auto done = out.state->ingest(); !done) return std::move(done).error();
    }
    return out;
}

Result<std::string> init_log(FileSystem& fs, const std::string& dir,
                             const store::JournalOptions& journal, const std::string& origin,
                             const crypto::Signer& signer, const wire::BatchPolicyRecord& policy,
                             const Hash& nonce, WallTime now,
                             const crypto::HardwareSigner* hardware) {
    if (auto made = fs.create_dir(dir); !made) return std::move(made).error();
    for (const char* name : {"log", "batches", "anchors", "torn"}) {
        const std::string path = dir + "/" + name;
        if (auto names = fs.list(path); names && !names->empty()) {
            return Error{Errc::refused, path +
                                            " is not empty: there is a log already; it is "
                                            "never overwritten, choose another store.dir"};
        }
        if (auto made = fs.create_dir(path); !made) return std::move(made).error();
    }
    auto genesis = make_genesis(origin, signer, policy, nonce, now, hardware);
    if (!genesis) return std::move(genesis).error();
    auto batches = store::Journal::open(fs, dir + "/batches", journal, check_batch_line);
    if (!batches) return std::move(batches).error();
    if (auto done = (*batches)->append(genesis->line, 1); !done) return std::move(done).error();
    if (auto done = (*batches)->sync(); !done) return std::move(done).error();
    if (auto done = fs.sync_dir(dir); !done) return std::move(done).error();
    return genesis->checkpoint;
}

}  // namespace anchorlog::ledger
