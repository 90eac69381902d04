#include "anchorlog/ledger/recovery.h"

#include "anchorlog/base/log.h"
#include "anchorlog/crypto/sha256.h"
#include "anchorlog/store/torn.h"
#include "anchorlog/wire/anchor_step.h"

namespace anchorlog::ledger {
namespace {

Error damage(const std::string& what) {
    return {Errc::corruption,
            what +
                "; the store is damaged: keep it as it is, run logverify on it, and restore "
                "from a backup or start a new log"};
}

Result<void> check_anchor_line(std::uint64_t, std::string_view text) {
    auto step = wire::parse_anchor_step(text);
    if (!step) return std::move(step).error();
    return {};
}

// The work of one recovery: journals are open, the sequencer is fed line by line.
class Recovery {
public:
    Recovery(FileSystem& fs, const RecoveryOptions& options,
             std::shared_ptr<const crypto::Signer> signer)
        : fs_(fs), options_(options), signer_(std::move(signer)), hints_(fs, options.dir + "/log") {
    }

    Result<void> open_journals(Recovered& out);
    Result<void> load_state(Recovered& out);
    Result<void> replay_batches(Recovered& out,
                                const std::function<void(std::uint64_t, std::uint64_t)>& progress);
    Result<void> replay_tail(Recovered& out);
    Result<void> cut_and_settle(Recovered& out);

private:
    Result<void> replay_batch(Recovered& out, BatchId id, std::string_view text,
                              store::LinePosition at);
    Result<void> check_genesis(const wire::Header& header) const;
    Result<SealedBatch> reseal(Recovered& out, const wire::BatchLine& line,
                               const wire::Header& header);
    Result<Group> group_of(std::uint64_t line, std::string_view text, store::LinePosition at,
                           ReplayWindow& window) const;
    Result<void> keep_tail(const char* name, store::Journal& journal, Recovered& out);

    FileSystem& fs_;
    const RecoveryOptions& options_;
    std::shared_ptr<const crypto::Signer> signer_;
    LeafHints hints_;
    BatchId next_batch_;
    EntryIndex next_index_;
    merkle::CompactRange history_;
    std::optional<store::LinePosition> log_hint_;
    std::optional<store::LinePosition> batches_hint_;
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
    if (next_batch_.value > 0) {
        auto place = out.state->batch(BatchId(next_batch_.value - 1));
        if (!place) return std::move(place).error();
        if (*place) batches_hint_ = (*place)->batches_at;
    }
    return out.state->for_each_device([&](std::string_view device, DeviceNumber number) {
        out.sequencer->restore_device(device, number);
    });
}

Result<void> Recovery::check_genesis(const wire::Header& header) const {
    const std::string& origin = options_.sequencer.origin;
    const auto key = wire::make_verifier_key(origin, signer_->public_key());
    if (header.kind != "genesis" || !header.genesis) {
        return damage("batches/ line 0 is not a genesis header");
    }
    if (header.log != origin) {
        return Error{Errc::invalid_input, "the store belongs to the log " + header.log +
                                              ", the config says origin " + origin +
                                              ": point store.dir at the right store"};
    }
    if (header.genesis->keys.empty() || header.genesis->keys.front() != wire::format_vkey(key)) {
        return Error{Errc::invalid_input,
                     "signing_key is not the key this log was made with (" +
                         (header.genesis->keys.empty() ? std::string("none")
                                                       : header.genesis->keys.front()) +
                         "): point signing_key at the right file"};
    }
    return {};
}

Result<Group> Recovery::group_of(std::uint64_t line, std::string_view text, store::LinePosition at,
                                 ReplayWindow& window) const {
    auto entry = wire::parse_entry_line(text);
    if (!entry) return damage("log/ line " + std::to_string(line) + ": " + entry.error().message);
    if (entry->index.value != line) {
        return damage("log/ line " + std::to_string(line) + " carries index " +
                      std::to_string(entry->index.value));
    }
    Group group;
    group.first = EntryIndex(line);
    group.received_at = entry->received_at;
    group.at = at;
    group.lines = std::string(text) + '\n';
    GroupEntry made;
    if (entry->kind == wire::EntryLine::Kind::alert) {
        auto key = wire::alert_key(entry->body);
        if (!key) return damage("log/ line " + std::to_string(line) + ": " + key.error().message);
        made = {0, window.slot(key->device_id), key->epoch, key->seq_no, key->entry_id};
        const auto verdict = window.check(made.slot, key->epoch, key->seq_no);
        if (verdict == ReplayWindow::Verdict::seen) {
            return damage("log/ line " + std::to_string(line) + " repeats a seq_no of " +
                          key->device_id);
        }
    }
    group.entries.push_back(made);
    hash_group(group);
    return group;
}

// Runs the entries of a sealed batch through the hot path and takes the signatures from the line
// instead of making them anew: two signatures over one header must never differ.
Result<SealedBatch> Recovery::reseal(Recovered& out, const wire::BatchLine& line,
                                     const wire::Header& header) {
    Sequencer& sequencer = *out.sequencer;
    sequencer.restore_sealed(next_batch_, next_index_, history_);
    const std::uint64_t end = next_index_.value + header.count;
    if (header.count > 0) {
        const auto hint = std::exchange(log_hint_, std::nullopt);
        auto visited = out.log->for_each(
            next_index_.value,
            [&](std::uint64_t number, std::string_view text,
                store::LinePosition at) -> Result<void> {
                if (number >= end) {
                    log_hint_ = at;
                    return Error{Errc::not_found, "end"};
                }
                auto group = group_of(number, text, at, sequencer.window());
                if (!group) return std::move(group).error();
                sequencer.committed(*group, {});
                return {};
            },
            hint ? &*hint : nullptr);
        if (!visited && visited.error().code != Errc::not_found) return std::move(visited).error();
        if (sequencer.durable_entries().value != end) {
            return damage("log/ ends at entry " +
                          std::to_string(sequencer.durable_entries().value) + ", but batch " +
                          std::to_string(header.batch_id.value) + " seals entries up to " +
                          std::to_string(end - 1));
        }
    }
    auto batch = sequencer.adopt(line, header);
    if (!batch) return damage(batch.error().message);
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
        if (auto done = check_genesis(*header); !done) return done;
    }
    auto batch = reseal(out, *line, *header);
    if (!batch) return std::move(batch).error().in(where);
    hints_.add(*batch);
    out.state->add(*batch, at);
    history_ = out.sequencer->history();
    next_batch_ = id.plus(1);
    next_index_ = next_index_.plus(header->count);
    out.checkpoint = line->checkpoint;
    ++out.batches_replayed;
    out.entries_replayed += header->count;
    if (out.state->run_due()) return out.state->ingest();
    return {};
}

Result<void> Recovery::replay_batches(
    Recovered& out, const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
    const std::uint64_t from = next_batch_.value > 0 ? next_batch_.value - 1 : 0;
    auto visited = out.batches->for_each(
        from,
        [&](std::uint64_t number, std::string_view text, store::LinePosition at) -> Result<void> {
            if (number < next_batch_.value) {  // known to the state: only its signatures matter
                auto line = wire::parse_batch_line(text);
                if (!line) return damage("batches/ line " + std::to_string(number));
                out.checkpoint = line->checkpoint;
                return {};
            }
            auto done = replay_batch(out, BatchId(number), text, at);
            if (done && progress && number % 1'024 == 0) progress(number, out.batches->lines());
            return done;
        },
        batches_hint_ ? &*batches_hint_ : nullptr);
    if (!visited) return visited;
    out.sequencer->restore_sealed(next_batch_, next_index_, history_);
    return {};
}

Result<void> Recovery::replay_tail(Recovered& out) {
    if (out.log->lines() < next_index_.value) {
        return damage("log/ holds " + std::to_string(out.log->lines()) +
                      " entries, but batches/ seals " + std::to_string(next_index_.value));
    }
    auto visited = out.log->for_each(
        next_index_.value,
        [&](std::uint64_t number, std::string_view text, store::LinePosition at) -> Result<void> {
            auto group = group_of(number, text, at, out.sequencer->window());
            if (!group) return std::move(group).error();
            out.sequencer->committed(*group, {});
            ++out.entries_replayed;
            return {};
        },
        log_hint_ ? &*log_hint_ : nullptr);
    out.sequencer->mark_recovered();
    return visited;
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
    auto entry = wire::parse_entry_line(text);
    if (!entry) return std::move(entry).error();
    if (entry->index.value != line) {
        return Error{Errc::corruption, "carries index " + std::to_string(entry->index.value)};
    }
    return {};
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

Result<Recovered> recover(FileSystem& fs, const RecoveryOptions& options,
                          std::unique_ptr<store::StateDb> db,
                          std::shared_ptr<const crypto::Signer> signer,
                          const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
    Recovered out;
    out.state = std::make_unique<StateIndex>(std::move(db), options.run_entries);
    out.sequencer = std::make_unique<Sequencer>(options.sequencer, signer);
    Recovery recovery(fs, options, std::move(signer));
    if (auto done = recovery.open_journals(out); !done) return std::move(done).error();
    if (auto done = recovery.load_state(out); !done) return std::move(done).error();
    if (auto done = recovery.replay_batches(out, progress); !done) return std::move(done).error();
    if (auto done = recovery.replay_tail(out); !done) return std::move(done).error();
    if (auto done = recovery.cut_and_settle(out); !done) return std::move(done).error();
    return out;
}

Result<std::string> init_log(FileSystem& fs, const std::string& dir,
                             const store::JournalOptions& journal, const std::string& origin,
                             const crypto::Signer& signer, const wire::BatchPolicyRecord& policy,
                             const Hash& nonce, WallTime now) {
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
    auto genesis = make_genesis(origin, signer, policy, nonce, now);
    if (!genesis) return std::move(genesis).error();
    auto batches = store::Journal::open(fs, dir + "/batches", journal, check_batch_line);
    if (!batches) return std::move(batches).error();
    if (auto done = (*batches)->append(genesis->line, 1); !done) return std::move(done).error();
    if (auto done = (*batches)->sync(); !done) return std::move(done).error();
    if (auto done = fs.sync_dir(dir); !done) return std::move(done).error();
    return genesis->checkpoint;
}

}  // namespace anchorlog::ledger
