#include "sim/witness.h"

#include <algorithm>
#include <utility>

#include "anchorlog/eth/log_anchor.h"
#include "anchorlog/eth/transaction.h"
#include "anchorlog/verify/evidence.h"
#include "anchorlog/verify/verify.h"
#include "anchorlog/wire/alert.h"
#include "anchorlog/wire/anchor_step.h"
#include "anchorlog/wire/entry.h"
#include "anchorlog/wire/header.h"
#include "anchorlog/wire/note.h"

namespace anchorlog::sim {
namespace {

constexpr std::size_t kNameDigits = 20;
constexpr std::string_view kSegment = ".ndjson";
constexpr std::size_t kIdsLookedUp = 8;  // of all there are, after each start

std::string number(std::uint64_t value) { return std::to_string(value); }

bool is_segment(const std::string& name) {
    return name.size() == kNameDigits + kSegment.size() && name.ends_with(kSegment);
}

}  // namespace

std::string to_text(const AlertKey& key) {
    return key.device + " epoch " + number(key.epoch) + " seq_no " + number(key.seq_no);
}

Witness::Witness(Machine& machine, Coverage& coverage) : machine_(machine), coverage_(coverage) {}

void Witness::sent(const AlertKey& key, const std::string& sender, const std::string& canonical) {
    Sent& sent = sent_[key];
    sent.sender = sender;
    sent.bodies.insert(canonical);
}

void Witness::promised(const AlertKey& key, const std::string& canonical) {
    coverage_.add(Event::ack);
    const auto [found, fresh] = promises_.try_emplace(key, Promise{canonical, {}});
    if (!fresh && found->second.canonical != canonical) {
        throw Violation("two different alerts were acked as " + to_text(key));
    }
}

void Witness::promised_index(const AlertKey& key, std::uint64_t index) {
    Promise& promise = promises_.at(key);
    if (promise.index && *promise.index != index) {
        throw Violation(to_text(key) + " was acked with index " + number(*promise.index) +
                        " and with " + number(index));
    }
    promise.index = index;
}

void Witness::shown(const std::string& checkpoint, std::uint64_t entries) {
    entries_shown_ = std::max(entries_shown_, entries);
    if (checkpoints_.contains(checkpoint)) return;
    const auto note = wire::parse_note(checkpoint);
    if (!note) throw Violation("a checkpoint was shown that is no note");
    const auto known = wire::verify_note(*note, machine_.keys);
    if (!known) throw Violation("a checkpoint: " + known.error().message);
    const auto parsed = wire::parse_checkpoint(note->text);
    if (!parsed) throw Violation("a note was shown that is no checkpoint");
    checkpoints_[checkpoint] = {parsed->size.value, parsed->root};
}

std::vector<std::string> Witness::lines_of(const std::string& journal) const {
    const std::string dir = std::string(kDir) + "/" + journal;
    std::vector<std::string> lines;
    for (const std::string& name : machine_.files.names(dir)) {
        if (!is_segment(name)) continue;
        if (std::stoull(name) != lines.size()) {
            throw Violation(journal + "/" + name + " does not begin with line " +
                            number(lines.size()));
        }
        for (std::string& line : lines_in(dir + "/" + name)) lines.push_back(std::move(line));
    }
    return lines;
}

std::vector<std::string> Witness::lines_in(const std::string& path) const {
    std::vector<std::string> lines;
    std::string bytes = machine_.files.content(path);
    bytes.resize(std::min(bytes.size(), bytes.find('\0')));
    std::size_t at = 0;
    for (auto end = bytes.find('\n'); end != std::string::npos; end = bytes.find('\n', at)) {
        lines.push_back(bytes.substr(at, end - at));
        at = end + 1;
    }
    if (at != bytes.size()) throw Violation(path + " ends inside a line");
    return lines;
}

// The auditor's calls are not the daemon's: no fault meets them.
class Witness::Observing {
public:
    explicit Observing(Machine& machine)
        : machine_(machine), chain_faults_(std::exchange(machine.chain.on_call, nullptr)) {
        machine_.files.observe(true);
    }
    ~Observing() {
        machine_.files.observe(false);
        machine_.chain.on_call = chain_faults_;
    }
    Observing(const Observing&) = delete;
    Observing& operator=(const Observing&) = delete;

private:
    Machine& machine_;
    decltype(machine_.chain.on_call) chain_faults_;
};

void Witness::check_store() {
    const Observing observing(machine_);
    check_log();
    check_promises();
    check_batches();
    check_checkpoints();
    check_anchors();
}

void Witness::check_log() {
    stored_.clear();
    by_id_.clear();
    leaves_.clear();
    gone_.clear();
    const std::string dir = std::string(kDir) + "/log";
    for (const std::string& name : machine_.files.names(dir)) {
        if (!is_segment(name)) continue;
        take_gone(std::stoull(name));
        if (std::stoull(name) != leaves_.size()) {
            throw Violation("log/" + name + " does not begin with line " + number(leaves_.size()));
        }
        for (const std::string& line : lines_in(dir + "/" + name)) take_line(line);
    }
    if (leaves_.size() < entries_shown_) {
        throw Violation(number(entries_shown_) + " entries were shown as durable, there are " +
                        number(leaves_.size()));
    }
}

void Witness::may_go(EntryIndex first, EntryIndex last) {
    for (std::uint64_t index = first.value; index <= last.value; ++index) {
        may_go_.try_emplace(index, Gone{leaves_.at(index), {}, {}});
    }
    for (const auto& [key, stored] : stored_) {
        const auto found = may_go_.find(stored.index);
        if (found == may_go_.end()) continue;
        found->second.key = key;
        found->second.canonical = stored.canonical;
    }
}

bool Witness::is_gone(const AlertKey& key) const {
    const auto found = stored_.find(key);
    return found != stored_.end() && gone_.contains(found->second.index);
}

// What the files leave out up to `end` must be what the operator took out. It counts as stored.
void Witness::take_gone(std::uint64_t end) {
    while (leaves_.size() < end) {
        const std::uint64_t index = leaves_.size();
        const auto gone = may_go_.find(index);
        if (gone == may_go_.end()) {
            throw Violation("log/ has no line " + number(index) + ", and nobody took it out");
        }
        gone_.insert(index);
        leaves_.push_back(gone->second.leaf);
        if (gone->second.key) place(*gone->second.key, Stored{index, gone->second.canonical});
    }
}

void Witness::take_line(const std::string& line) {
    const std::uint64_t next = leaves_.size();
    const auto gone = may_go_.find(next);
    if (gone != may_go_.end() && line == "{\"erased\":\"" + to_hex(gone->second.leaf) +
                                             "\",\"index\":" + number(next) + "}") {
        return take_gone(next + 1);
    }
    const auto entry = wire::parse_entry_line(line);
    if (!entry) {
        throw Violation("log/ line " + number(next) + ": " + entry.error().message);
    }
    if (entry->index.value != next) {
        throw Violation("log/ line " + number(next) + " bears index " + number(entry->index.value));
    }
    if (entry->kind == wire::EntryLine::Kind::alert) take_alert(*entry);
    leaves_.push_back(merkle::hash_leaf(as_bytes(line)));
}

void Witness::take_alert(const wire::EntryLine& entry) {
    const std::uint64_t index = entry.index.value;
    const auto parsed = wire::alert_key(entry.body);
    if (!parsed) throw Violation("log/ line " + number(index) + " holds no alert");
    const AlertKey key{parsed->device_id, parsed->epoch.value, parsed->seq_no.value};
    const auto sent = sent_.find(key);
    if (sent == sent_.end() || !sent->second.bodies.contains(std::string(entry.body))) {
        throw Violation("stored, but nobody sent it: " + std::string(entry.body));
    }
    if (entry.sender != "urn:anchorlog:sender:" + sent->second.sender) {
        throw Violation(to_text(key) + " is stored as sent by " + std::string(entry.sender));
    }
    place(key, Stored{index, std::string(entry.body)});
    by_id_[parsed->entry_id].push_back(index);
}

// Of one device the numbers ascend, so the newest stored one must be below.
void Witness::place(const AlertKey& key, Stored stored) {
    const auto [at, fresh] = stored_.try_emplace(key, std::move(stored));
    if (!fresh) throw Violation(to_text(key) + " is stored twice");
    if (std::next(at) != stored_.end() && std::next(at)->first.device == key.device) {
        throw Violation(to_text(key) + " is stored behind " + to_text(std::next(at)->first));
    }
}

void Witness::check_promises() const {
    for (const auto& [key, promise] : promises_) {
        const auto found = stored_.find(key);
        if (found == stored_.end()) throw Violation(to_text(key) + " was acked and is not stored");
        const Stored& stored = found->second;
        if (stored.canonical != promise.canonical) {
            throw Violation(to_text(key) + " was acked and another alert is stored");
        }
        if (promise.index && *promise.index != stored.index) {
            throw Violation(to_text(key) + " was acked with index " + number(*promise.index) +
                            " and is stored at " + number(stored.index));
        }
    }
}

void Witness::check_batches() {
    const auto lines = lines_of("batches");
    if (lines.size() < headers_.size()) {
        throw Violation("batches/ has lost lines: " + number(headers_.size()) + " were there");
    }
    merkle_roots_.clear();
    history_roots_ = {merkle::empty_root()};
    merkle::CompactRange history;
    std::uint64_t next = 0;
    for (std::uint64_t id = 0; id < lines.size(); ++id) {
        const std::string where = "batches/ line " + number(id);
        const auto line = wire::parse_batch_line(lines[id]);
        if (!line) throw Violation(where + ": " + line.error().message);
        const auto header = wire::parse_header(line->header);
        if (!header) throw Violation(where + ": " + header.error().message);
        if (id == headers_.size()) headers_.push_back(line->header);
        if (headers_[id] != line->header) {
            throw Violation("batch " + number(id) + " has two headers");
        }
        const std::uint64_t end = next + header->count;
        if (header->batch_id.value != id || header->first_index.value != next ||
            end > leaves_.size()) {
            throw Violation(where + " does not follow, or seals entries that are not there");
        }
        const auto leaves = std::span(leaves_).subspan(next, header->count);
        if (merkle::root_of(leaves) != header->merkle_root) {
            throw Violation(where + " seals other entries than log/ holds");
        }
        history.append(merkle::hash_leaf(as_bytes(line->header)));
        merkle_roots_.push_back(header->merkle_root);
        history_roots_.push_back(history.root());
        shown(line->checkpoint, end);
        next = end;
    }
    sealed_ = next;
}

// All of them are of one tree exactly when each is the tree's own root at its size.
void Witness::check_checkpoints() const {
    for (const auto& [note, seen] : checkpoints_) {
        if (seen.first >= history_roots_.size()) {
            throw Violation("a checkpoint over " + number(seen.first) +
                            " batches was shown, the store has " +
                            number(history_roots_.size() - 1));
        }
        if (history_roots_[seen.first] != seen.second) {
            throw Violation("a checkpoint over " + number(seen.first) +
                            " batches was shown that is of another history");
        }
    }
}

bool Witness::is_record_stored(const Anchored& record) const {
    return record.batch < merkle_roots_.size() &&
           merkle_roots_[record.batch] == record.merkle_root &&
           history_roots_[record.batch + 1] == record.history_root;
}

void Witness::check_anchors() {
    const auto& sent = machine_.chain.sent();
    for (; transactions_seen_ < sent.size(); ++transactions_seen_) {
        const auto parsed = eth::parse_transaction(sent[transactions_seen_]);
        if (!parsed) throw Violation("what was sent to the chain is no transaction");
        const auto call = eth::parse_anchor_call(parsed->fields.data);
        if (!call) throw Violation("what was sent to the chain is no anchor");
        transactions_.push_back({call->batch_id.value, call->merkle_root, call->history_root});
        transaction_hashes_.push_back(parsed->hash);
    }
    std::set<Hash> on_record;
    for (const std::string& line : lines_of("anchors")) {
        const auto step = wire::parse_anchor_step(line);
        if (!step) throw Violation("anchors/: " + step.error().message);
        if (const auto* attempt = std::get_if<wire::AnchorAttempt>(&*step)) {
            on_record.insert(attempt->hash);
        }
    }
    for (const Hash& hash : transaction_hashes_) {
        if (!on_record.contains(hash)) {
            throw Violation("a transaction was sent that is not on record");
        }
    }
    for (const Anchored& record : transactions_) {
        if (!is_record_stored(record)) {
            throw Violation("batch " + number(record.batch) +
                            " was sent to the chain with roots that are not stored");
        }
    }
    std::uint64_t next = 0;
    for (const auto& event : machine_.chain.events(wire::log_id_of(kOrigin))) {
        const Anchored record{event.batch_id.value, event.merkle_root, event.history_root};
        if (!is_record_stored(record)) {
            throw Violation("batch " + number(record.batch) +
                            " is anchored with roots that are not stored");
        }
        if (event.from_batch.value != next) throw Violation("a batch has no anchor, or two");
        next = record.batch + 1;
    }
}

// Whoever asks the daemon for an id gets all the sealed entries that bear it, and no other.
void Witness::check_by_id(const app::EntryBook& book) {
    const Observing observing(machine_);
    const std::size_t stride = by_id_.size() / kIdsLookedUp + 1;
    std::size_t at = 0;
    for (const auto& [id, indexes] : by_id_) {
        if (at++ % stride != 0) continue;
        coverage_.add(Event::entry_found);
        const std::string name = "entry_id " + wire::format_entry_id(id);
        const auto found = book.find(id);
        if (!found) throw Violation(name + " is not looked up: " + found.error().message);
        const auto sealed = std::count_if(indexes.begin(), indexes.end(),
                                          [this](std::uint64_t index) { return index < sealed_; });
        // The index may know for a while what was taken out.
        std::vector<std::uint64_t> there;
        for (const auto& place : found->places) {
            if (!gone_.contains(place.index.value)) there.push_back(place.index.value);
        }
        const bool same =
            std::equal(there.begin(), there.end(), indexes.begin(), indexes.begin() + sealed);
        if (!same || found->total != found->places.size()) {
            throw Violation(
                name + ": " + number(found->total) + " entries are found, from " +
                (found->places.empty() ? "none" : number(found->places.front().index.value)) +
                ", the log has " + number(static_cast<std::uint64_t>(sealed)) + ", from " +
                number(indexes.front()));
        }
    }
}

namespace {

// The log is verified from its first key, however often it has changed since.
verify::Trust trust_of(Machine& machine) {
    verify::Trust trust;
    trust.logs.push_back({machine.keys.front(), ""});
    trust.anchors.push_back({testing::SimChain::kChainId, machine.chain.contract(),
                             eth::log_anchor_code_hash(), false});
    const std::uint64_t head = *machine.chain.head_number();
    for (std::uint64_t block = 0; block <= head; ++block) {
        trust.blocks.insert(
            {testing::SimChain::kChainId, block, (*machine.chain.block(block))->hash});
    }
    return trust;
}

}  // namespace

void Witness::check_by_verify_log(bool anchored) {
    coverage_.add(Event::log_verified);
    const Observing observing(machine_);
    const verify::Report report =
        verify::verify_log(machine_.files, kDir, trust_of(machine_), nullptr);
    const bool good = report.verdict == verify::Verdict::pass && report.faults.empty();
    const bool all = report.entries == leaves_.size() && report.unprotected == 0;
    if (!good || (anchored && (report.level != verify::Level::anchored || !all))) {
        throw Violation("verify_log says:\n" + verify::to_text(report));
    }
}

void Witness::check_by_evidence(const app::EntryBook& book, std::uint64_t pick) {
    if (by_id_.empty()) return;
    const Observing observing(machine_);
    const auto at = std::next(by_id_.begin(), static_cast<std::ptrdiff_t>(pick % by_id_.size()));
    const auto& [id, indexes] = *at;
    if (indexes.back() >= sealed_) throw Violation("an entry is not sealed at the end");
    const std::string name = "entry " + number(indexes.back()) + " by its id";
    const auto file = book.evidence(id, EntryIndex(indexes.back()));
    if (!file) throw Violation(name + " is not proven: " + file.error().message);
    const auto report = verify::verify_evidence(*file, trust_of(machine_), nullptr);
    if (report.verdict != verify::Verdict::pass || report.hits.size() != 1 ||
        report.hits.front().index != indexes.back()) {
        throw Violation("verify_evidence says of " + name + ":\n" + verify::to_text(report));
    }
}

void Witness::check_by_verify_entry(std::uint64_t pick) {
    if (stored_.empty()) return;
    const Observing observing(machine_);
    auto at = std::next(stored_.begin(), static_cast<std::ptrdiff_t>(pick % stored_.size()));
    while (at != stored_.end() && gone_.contains(at->second.index)) ++at;
    if (at == stored_.end()) return;
    coverage_.add(Event::entry_verified);
    const verify::EntryReport report = verify::verify_entry(
        machine_.files, kDir, EntryIndex(at->second.index), trust_of(machine_), nullptr);
    if (report.verdict != verify::Verdict::pass || report.level != verify::Level::anchored) {
        throw Violation("verify_entry says of " + to_text(at->first) + ":\n" +
                        verify::to_text(report));
    }
}

}  // namespace anchorlog::sim
