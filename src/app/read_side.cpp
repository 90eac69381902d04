#include "app/read_side.h"

#include <algorithm>
#include <utility>

#include "anchorlog/base/log.h"
#include "anchorlog/ledger/recovery.h"
#include "anchorlog/merkle/tree.h"
#include "anchorlog/wire/frame.h"
#include "anchorlog/wire/header.h"
#include "anchorlog/wire/receipt.h"

namespace anchorlog::app {

SealedBook::SealedBook(const ledger::StateIndex& state, const store::Journal& batches,
                       std::string origin, crypto::PublicKey signer,
                       std::function<std::uint64_t()> sealed_batches)
    : state_(state), batches_(batches), log_id_(wire::log_id_of(origin)),
      signer_(wire::make_verifier_key(origin, signer)), sealed_batches_(std::move(sealed_batches)) {
}

Result<wire::BatchLine> SealedBook::line(BatchId batch) const {
    auto place = state_.batch(batch);
    if (!place) return std::move(place).error();
    if (!*place) {
        return Error{Errc::not_found, "batch " + std::to_string(batch.value) + " is not sealed"};
    }
    auto lines = batches_.read_lines((*place)->batches_at, 1);
    if (!lines) return std::move(lines).error();
    if (lines->empty()) return Error{Errc::corruption, "batches/ ends early"};
    return wire::parse_batch_line(lines->front());
}

Result<std::optional<anchor::SealedRecord>> SealedBook::newest() const {
    const std::uint64_t sealed = sealed_batches_();
    if (sealed == 0) return std::optional<anchor::SealedRecord>();
    auto record = get(BatchId(sealed - 1));
    if (record) return std::optional(std::move(*record));
    log(LogLevel::error, "sealed_batch_unreadable", {{"error", record.error().message}});
    return std::move(record).error();
}

Result<anchor::SealedRecord> SealedBook::get(BatchId batch) const {
    auto stored = line(batch);
    if (!stored) return std::move(stored).error();
    auto header = wire::parse_header(stored->header);
    if (!header) return std::move(header).error();
    auto note = wire::parse_note(stored->checkpoint);
    if (!note) return std::move(note).error();
    auto checkpoint = wire::parse_checkpoint(note->text);
    if (!checkpoint) return std::move(checkpoint).error();
    if (stored->seal.size() != 2 * Hash::kSize) {
        return Error{Errc::corruption, "the seal is not 64 bytes"};
    }
    anchor::SealedRecord record;
    record.log_id = log_id_;
    record.batch_id = batch;
    record.merkle_root = header->merkle_root;
    record.history_root = checkpoint->root;
    record.sealed_at = header->sealed_at;
    auto signer = key_of(*header);
    if (!signer) return std::move(signer).error();
    record.signer_key.bytes = signer->key;
    const auto middle = stored->seal.begin() + Hash::kSize;
    std::copy(stored->seal.begin(), middle, record.sig_r.bytes.begin());
    std::copy(middle, stored->seal.end(), record.sig_s.bytes.begin());
    return record;
}

Result<SealedBook::SealKey> SealedBook::key_of(BatchId batch) const {
    auto stored = line(batch);
    if (!stored) return std::move(stored).error();
    auto header = wire::parse_header(stored->header);
    if (!header) return std::move(header).error();
    return key_of(*header);
}

// A header names its key by the id alone; a key that is not ours any more is told in full where it
// was replaced, which is at the next change behind what it sealed.
Result<SealedBook::SealKey> SealedBook::key_of(const wire::Header& header) const {
    if (header.signer == wire::format_key_id(signer_.key_id)) return SealKey{signer_.key};
    {
        const std::lock_guard lock(mutex_);
        const auto known = replaced_.find(header.signer);
        if (known != replaced_.end()) return known->second;
    }
    auto change = ledger::next_key_change(batches_, header.batch_id);
    if (!change) return std::move(change).error();
    auto before = *change ? wire::parse_vkey((*change)->key_change->old_key)
                          : Result<wire::VerifierKey>(Error{Errc::not_found, "none replaces it"});
    if (!before || wire::format_key_id(before->key_id) != header.signer) {
        return Error{Errc::corruption, "batches/ does not tell the key " + header.signer +
                                           " that sealed batch " +
                                           std::to_string(header.batch_id.value)};
    }
    const SealKey found{before->key, (*change)->key_change->why == "compromise"};
    const std::lock_guard lock(mutex_);
    return replaced_.emplace(header.signer, found).first->second;
}

Result<std::vector<BatchId>> SealedBook::key_changes() const {
    {
        const std::lock_guard lock(mutex_);
        if (key_changes_) return *key_changes_;
    }
    auto first = line(BatchId(0));
    if (!first) return std::move(first).error();
    auto genesis = wire::parse_header(first->header);
    if (!genesis) return std::move(genesis).error();
    std::vector<BatchId> found;
    bool is_done = genesis->signer == wire::format_key_id(signer_.key_id);
    while (!is_done) {
        auto change =
            ledger::next_key_change(batches_, found.empty() ? BatchId(1) : found.back().plus(1));
        if (!change) return std::move(change).error();
        is_done = !*change;
        if (*change) found.push_back((*change)->batch_id);
    }
    const std::lock_guard lock(mutex_);
    key_changes_ = found;
    return found;
}

Result<std::string> SealedBook::checkpoint(BatchId batch) const {
    auto stored = line(batch);
    if (!stored) return std::move(stored).error();
    return std::move(stored->checkpoint);
}

Result<std::vector<std::string>> SealedBook::headers(BatchId first, std::uint64_t count) const {
    auto place = state_.batch(first);
    if (!place) return std::move(place).error();
    if (!*place) return Error{Errc::not_found, "no such batch"};
    auto lines = batches_.read_lines((*place)->batches_at, count);
    if (!lines) return std::move(lines).error();
    if (lines->size() != count) return Error{Errc::corruption, "batches/ ends early"};
    std::vector<std::string> headers;
    headers.reserve(count);
    for (const std::string& text : *lines) {
        auto stored = wire::parse_batch_line(text);
        if (!stored) return std::move(stored).error();
        headers.push_back(std::move(stored->header));
    }
    return headers;
}

Result<WallTime> SealedBook::opened_at(BatchId batch) const {
    auto stored = line(batch);
    if (!stored) return std::move(stored).error();
    auto header = wire::parse_header(stored->header);
    if (!header) return std::move(header).error();
    return header->opened_at;
}

Result<std::uint64_t> SealedBook::entries_through(BatchId batch) const {
    auto place = state_.batch(batch);
    if (!place) return std::move(place).error();
    if (!*place) return Error{Errc::not_found, "no such batch"};
    return (*place)->first_index.value + (*place)->count;
}

std::vector<net::Outbound> sign_promises(std::vector<Promises> promises, const std::string& origin,
                                         const crypto::Signer& signer) {
    const Hash log_id = wire::log_id_of(origin);
    const std::string key_id =
        wire::format_key_id(wire::make_verifier_key(origin, signer.public_key()).key_id);
    std::vector<net::Outbound> out;
    out.reserve(promises.size());
    for (Promises& session : promises) {
        std::string frames;
        for (Promises::Promise& made : session.all) {
            wire::Receipt& receipt = made.receipt;
            const auto sig = signer.sign(
                wire::receipt_payload(log_id, receipt.index, receipt.leaf, receipt.received_at));
            if (!sig) {
                log(LogLevel::error, "receipt_not_signed", {{"error", sig.error().message}});
                continue;
            }
            receipt.signer = key_id;
            receipt.sig = *sig;
            wire::append_frame(frames, wire::format_receipt(receipt));
        }
        session.behind.frames.insert(0, frames);
        out.push_back(std::move(session.behind));
    }
    return out;
}

Answer Answerer::answer(const Question& question) const {
    if (const auto* hello = std::get_if<WelcomeQuestion>(&question.content)) {
        return {question.session, welcome(*hello)};
    }
    auto compared = compare(std::get<CompareQuestion>(question.content));
    if (compared) return {question.session, *compared};
    // An unreadable store must neither ack nor refuse for ever what it cannot show.
    log(LogLevel::error, "compare_failed", {{"error", compared.error().message}});
    return {question.session, CompareAnswer{CompareAnswer::Verdict::unreadable, {}}};
}

Result<CompareAnswer> Answerer::compare(const CompareQuestion& question) const {
    const auto judge = [&](const wire::EntryLine& entry, std::string_view line) {
        return CompareAnswer{entry.body == question.canonical ? CompareAnswer::Verdict::same
                                                              : CompareAnswer::Verdict::other,
                             entry.index, merkle::hash_leaf(as_bytes(line)), entry.received_at};
    };
    if (question.open) {
        auto lines = log_.read_lines(question.open->at, 1);
        if (!lines) return std::move(lines).error();
        if (lines->empty()) return Error{Errc::corruption, "log/ ends early"};
        auto entry = wire::parse_entry_line(lines->front());
        if (!entry) return std::move(entry).error();
        return judge(*entry, lines->front());
    }
    auto place = state_.batch_of(question.device_id, question.epoch, question.seq_no);
    if (!place) return std::move(place).error();
    CompareAnswer found{CompareAnswer::Verdict::absent, {}};
    if (!*place) return found;
    std::uint64_t left = (*place)->count;
    // A line is only parsed if it can be the one: a batch may hold 65,536, and whoever sends old
    // alerts again and again chooses how often it is searched. Of "seq_no", from its rarest letter.
    const std::string number = "q_no\":" + std::to_string(question.seq_no.value);
    const auto visit = [&](std::uint64_t, std::string_view text,
                           store::LinePosition) -> Result<void> {
        if (left-- == 0) return Error{Errc::not_found, "end of batch"};
        if (text.find(number) == std::string_view::npos) return {};
        auto entry = wire::parse_entry_line(text);
        if (!entry) return std::move(entry).error();
        if (entry->kind != wire::EntryLine::Kind::alert) return {};
        auto key = wire::alert_key(entry->body);
        if (!key) return std::move(key).error();
        if (key->device_id != question.device_id || key->epoch != question.epoch ||
            key->seq_no != question.seq_no) {
            return {};
        }
        found = judge(*entry, text);
        return Error{Errc::not_found, "found"};
    };
    auto visited = log_.for_each((*place)->first_index.value, visit, &(*place)->log_at);
    if (!visited && visited.error().code != Errc::not_found) return std::move(visited).error();
    return found;
}

WelcomeAnswer Answerer::welcome(const WelcomeQuestion& question) const {
    WelcomeAnswer answer;
    wire::Welcome welcome = question.welcome;
    if (!question.seen.empty()) {
        auto path = consistency(question, answer.fork);
        if (path) {
            welcome.consistency = std::move(*path);
        } else if (path.error().code == Errc::io || path.error().code == Errc::corruption) {
            // Without a path a sender must believe that its checkpoint is not of this log.
            log(LogLevel::error, "welcome_failed", {{"error", path.error().message}});
            return {};
        } else {
            log(LogLevel::warn, "seen_unusable", {{"error", path.error().message}});
        }
    }
    answer.json = wire::format_welcome(welcome);
    return answer;
}

Result<std::vector<Hash>> Answerer::consistency(const WelcomeQuestion& question,
                                                std::string& fork) const {
    auto note = wire::parse_note(question.seen);
    if (!note) return std::move(note).error();
    auto seen = wire::parse_checkpoint(note->text);
    if (!seen) return std::move(seen).error();
    bool can_deny = true;
    if (auto valid = wire::verify_note(*note, {key_}); !valid) {
        // Of before a change of the key. One that was stolen may have signed anything.
        auto then = seen->size.value > 0 ? book_.key_of(BatchId(seen->size.value - 1))
                                         : Result<SealedBook::SealKey>(valid.error());
        if (!then && then.error().code != Errc::not_found) return std::move(then).error();
        if (!then) return std::move(valid).error();
        const auto key = wire::make_verifier_key(key_.name, then->key);
        if (!wire::verify_note(*note, {key})) return std::move(valid).error();
        can_deny = !then->was_stolen;
    }
    if (seen->origin != key_.name) return Error{Errc::invalid_input, "seen is of another log"};
    auto own_note = wire::parse_note(question.welcome.checkpoint);
    if (!own_note) return std::move(own_note).error();
    auto own = wire::parse_checkpoint(own_note->text);
    if (!own) return std::move(own).error();
    const merkle::NodeSource nodes = [this](merkle::NodeId id) {
        return state_.node(id);
    };
    if (seen->size > own->size) {
        fork = "a sender holds our signature over " + std::to_string(seen->size.value) +
               " batches, the store has " + std::to_string(own->size.value);
        return std::vector<Hash>();
    }
    auto then = merkle::CompactRange::restore(seen->size, nodes);
    if (!then) return std::move(then).error();
    if (then->root() != seen->root && !can_deny) {
        return Error{Errc::refused, "seen bears a key that was stolen, and is not of this log"};
    }
    if (then->root() != seen->root) {
        fork = "a sender holds our signature over another history of " +
               std::to_string(seen->size.value) + " batches";
        return std::vector<Hash>();
    }
    return merkle::consistency_path(seen->size, own->size, nodes);
}

}  // namespace anchorlog::app
