#include "support/log_builder.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <nlohmann/json.hpp>

#include "anchorlog/base/assert.h"
#include "anchorlog/crypto/keccak.h"
#include "anchorlog/crypto/sha256.h"
#include "anchorlog/wire/anchor_step.h"
#include "anchorlog/wire/entry.h"
#include "anchorlog/wire/pruned_lines.h"
#include "support/alert_builder.h"

namespace anchorlog::testing {
namespace {

class MapFile final : public File {
public:
    explicit MapFile(const std::string& bytes) : bytes_(bytes) {}
    Result<void> write_at(std::uint64_t, ByteView) override { return refused(); }
    Result<std::size_t> read_at(std::uint64_t offset, std::span<std::uint8_t> out) const override {
        if (offset >= bytes_.size()) return std::size_t{0};
        const std::size_t size = std::min<std::size_t>(out.size(), bytes_.size() - offset);
        std::memcpy(out.data(), bytes_.data() + offset, size);
        return size;
    }
    Result<void> allocate(std::uint64_t) override { return refused(); }
    Result<void> truncate(std::uint64_t) override { return refused(); }
    Result<void> sync_data() override { return refused(); }
    Result<void> sync_all() override { return refused(); }
    Result<std::uint64_t> size() const override { return std::uint64_t{bytes_.size()}; }

private:
    static Error refused() { return {Errc::io, "read-only"}; }
    const std::string& bytes_;
};

Error read_only() { return {Errc::io, "read-only"}; }

std::string segment_name(std::uint64_t first, const char* suffix) {
    const std::string digits = std::to_string(first);
    return std::string(20 - digits.size(), '0') + digits + suffix;
}

}  // namespace

Result<std::unique_ptr<File>> MapFileSystem::open(const std::string& path, OpenMode mode) {
    const auto found = files.find(path);
    if (found == files.end()) return Error{Errc::not_found, path + ": no such file"};
    if (mode != OpenMode::read) return read_only();
    return std::unique_ptr<File>(std::make_unique<MapFile>(found->second));
}

Result<std::vector<std::string>> MapFileSystem::list(const std::string& dir) const {
    std::vector<std::string> names;
    const std::string prefix = dir + "/";
    for (const auto& [path, bytes] : files) {
        if (!path.starts_with(prefix)) continue;
        const std::string name = path.substr(prefix.size());
        if (name.find('/') == std::string::npos) names.push_back(name);
    }
    if (names.empty()) return Error{Errc::not_found, dir + ": no such directory"};
    return names;
}

Result<bool> MapFileSystem::exists(const std::string& path) const { return files.contains(path); }
Result<void> MapFileSystem::create_dir(const std::string&) { return read_only(); }
Result<void> MapFileSystem::sync_dir(const std::string&) { return read_only(); }
Result<void> MapFileSystem::rename(const std::string&, const std::string&) { return read_only(); }
Result<void> MapFileSystem::remove(const std::string&) { return read_only(); }
Result<std::unique_ptr<FileLock>> MapFileSystem::lock(const std::string&) { return read_only(); }
Result<SpaceInfo> MapFileSystem::space(const std::string&) const { return SpaceInfo{}; }
Result<std::string> MapFileSystem::volatile_type(const std::string&) const { return std::string(); }

LogBuilder::LogBuilder(std::uint8_t key_seed, HardwareKey hardware_)
    : hardware(std::move(hardware_)) {
    std::array<std::uint8_t, 32> seed{};
    seed.fill(key_seed);
    signer_ = crypto::signer_from_seed(seed);
    wire::Header genesis;
    genesis.kind = "genesis";
    genesis.log = kOrigin;
    genesis.merkle_root = merkle::empty_root();
    genesis.reason = "control";
    Hash nonce;
    nonce.bytes.fill(9);
    genesis.genesis = wire::GenesisRecord{{wire::format_vkey(vkey())}, nonce, {}, ""};
    if (hardware) genesis.genesis->keys.push_back(wire::format_vkey(hardware_vkey()));
    write_line(genesis);
}

wire::VerifierKey LogBuilder::vkey() const {
    return wire::make_verifier_key(kOrigin, signer_->public_key());
}

wire::HardwareKey LogBuilder::hardware_vkey() const {
    return wire::make_hardware_key(kOrigin, hardware->public_key());
}

eth::AnchorRecord LogBuilder::newest_record() const { return newest_; }

void LogBuilder::add_entry(std::string line) {
    line.pop_back();
    if (before_hashing) before_hashing(line);
    before_hashing = nullptr;
    leaves.push_back(merkle::hash_leaf(as_bytes(line)));
    entries.push_back(std::move(line));
}

void LogBuilder::add_alert(const std::string& device, std::uint64_t skip_numbers) {
    add_alert(
        device, skip_numbers,
        [&](std::uint64_t epoch, std::uint64_t seq_no) {
            return make_alert(device, seq_no, now_ms_, epoch);
        },
        "");
}

void LogBuilder::add_alert(const std::string& device, std::uint64_t skip_numbers,
                           const MakeBody& body, const std::string& sent_at) {
    now_ms_ += 10;
    Number& number = highest_[device];
    const std::uint64_t before = number.highest;
    number.highest += 1 + skip_numbers;
    const std::uint64_t seq_no = number.highest;
    auto [source, made] = sources_.try_emplace({device, number.epoch});
    if (made) {
        source->second = {device, Epoch(number.epoch), SeqNo(seq_no), SeqNo(seq_no), 0, 0};
    }
    source->second.last_seq = SeqNo(seq_no);
    ++source->second.count;
    source->second.gaps += seq_no - before - 1;
    std::string line;
    wire::append_alert_line(line, body(number.epoch, seq_no), wire::CertFingerprint{5},
                            EntryIndex(entries.size()), WallTime{now_ms_}, "gw-01", sent_at);
    add_entry(std::move(line));
}

void LogBuilder::open_epoch(const std::string& device, std::uint64_t step) {
    Number& number = highest_[device];
    number.epoch += step;
    number.highest = 0;
}

void LogBuilder::add_audit(const std::string& event, const std::string& subject) {
    now_ms_ += 10;
    wire::Audit audit;
    audit.event = event;
    audit.subject = subject;
    audit.first_at = audit.last_at = WallTime{now_ms_};
    std::string line;
    wire::append_audit_line(line, audit, EntryIndex(entries.size()), WallTime{now_ms_});
    add_entry(std::move(line));
    ++audits_;
}

void LogBuilder::seal() {
    wire::Header header;
    header.log = kOrigin;
    header.first_index = EntryIndex(first_index_);
    header.count = entries.size() - first_index_;
    header.count_audit = audits_;
    header.merkle_root = merkle::root_of(std::span(leaves).subspan(first_index_));
    header.reason = "count";
    std::vector<wire::Source> all;
    for (const auto& [key, source] : sources_) all.push_back(source);
    if (all.size() <= wire::kSourcesMax) {
        header.sources = all;
    } else {
        header.sources_count = all.size();
        header.sources_digest = crypto::sha256(as_bytes(wire::format_sources(all)));
    }
    sources_of_[batches.size()] = std::move(all);
    write_line(header);
    first_index_ = entries.size();
    audits_ = 0;
    sources_.clear();
}

std::string LogBuilder::devices_of(std::uint64_t first, std::size_t segment_lines) const {
    std::string text;
    for (const wire::Header& header : headers) {
        const std::uint64_t begin = header.first_index.value;
        const auto sources = sources_of_.find(header.batch_id.value);
        if (sources == sources_of_.end()) continue;
        if (begin >= first + segment_lines || begin + header.count <= first) continue;
        for (const wire::Source& source : sources->second) {
            wire::append_source_line(text, header.batch_id, source);
        }
    }
    return text;
}

void LogBuilder::prune(std::uint64_t first, std::uint64_t last, std::size_t segment_lines,
                       const std::string& why) {
    const std::string devices = devices_of(first / segment_lines * segment_lines, segment_lines);
    wire::Header header;
    header.kind = "prune";
    header.first_index = EntryIndex(first_index_);
    header.merkle_root = merkle::empty_root();
    header.reason = "control";
    header.prune = wire::PruneRecord{
        crypto::sha256(as_bytes(devices)), {{EntryIndex(first), EntryIndex(last)}}, why};
    write_line(header);
    for (std::uint64_t index = first; index <= last; ++index) erased.insert(index);
}

wire::Header LogBuilder::dated(const wire::Header& draft) {
    now_ms_ += 1'000;
    wire::Header header = draft;
    header.log = kOrigin;
    header.batch_id = BatchId(batches.size());
    header.prev_root = history_.root();
    header.opened_at = WallTime{now_ms_ - 500};
    header.sealed_at = WallTime{now_ms_};
    header.signer = wire::format_key_id(vkey().key_id);
    return header;
}

void LogBuilder::write_line(const wire::Header& draft) {
    wire::Header header = dated(draft);
    auto text = wire::format_header(header);
    ANCHORLOG_ASSERT(text.has_value());
    write_text(std::move(header), std::move(*text), {signer_.get()});
}

// Kinds that wire does not write yet are made of one it does.
std::string LogBuilder::control_text(const std::string& kind, const std::string& member) {
    wire::Header header;
    header.count = header.count_audit = 1;
    header.first_index = EntryIndex(first_index_);
    header.merkle_root = merkle::empty_root();
    header.reason = "control";
    auto text = wire::format_header(dated(header));
    ANCHORLOG_ASSERT(text.has_value());
    auto json = nlohmann::json::parse(*text);
    json["count"] = json["count_audit"] = 0;
    json["kind"] = kind;
    json[kind] = nlohmann::json::parse(member);
    return json.dump();
}

void LogBuilder::seal_control(const std::string& kind, const std::string& member) {
    std::string text = control_text(kind, member);
    auto header = wire::parse_header(text);
    ANCHORLOG_ASSERT(header.has_value());
    write_text(std::move(*header), std::move(text), {signer_.get()});
}

void LogBuilder::change_key(std::uint8_t key_seed, const std::string& why) {
    std::array<std::uint8_t, 32> seed{};
    seed.fill(key_seed);
    auto next = crypto::signer_from_seed(seed);
    const auto next_key = wire::make_verifier_key(kOrigin, next->public_key());
    const nlohmann::json change = {
        {"new", wire::format_vkey(next_key)}, {"old", wire::format_vkey(vkey())}, {"why", why}};
    std::string text = control_text("key", change.dump());
    auto header = wire::parse_header(text);
    ANCHORLOG_ASSERT(header.has_value());
    write_text(std::move(*header), std::move(text), {signer_.get(), next.get()});
    signer_ = std::move(next);
}

void LogBuilder::write_text(wire::Header header, std::string text,
                            const std::vector<const crypto::Signer*>& signers) {
    if (before_signing) {
        before_signing(text);
        if (auto told = wire::parse_header(text)) header = *told;
    }
    before_signing = nullptr;
    history_.append(merkle::hash_leaf(as_bytes(text)));
    const Hash root = history_.root();
    const std::string stated = wire::format_checkpoint({kOrigin, history_.size(), root});
    auto note = wire::sign_note(stated, kOrigin, signers);
    if (hardware) {
        *note += wire::hardware_line(hardware_vkey(), *hardware->sign(as_bytes(stated)));
    }
    checkpoint_ = *note;
    const Hash log_id = wire::log_id_of(kOrigin);
    const BatchId batch_id(batches.size());
    auto seal = signer_->sign(
        wire::seal_payload(log_id, batch_id, header.merkle_root, root, header.sealed_at));
    newest_ = {log_id,
               batch_id,
               header.merkle_root,
               root,
               static_cast<std::uint64_t>(header.sealed_at.ms),
               {},
               {},
               {}};
    newest_.signer_key.bytes = signer_->public_key();
    std::copy_n(seal->begin(), 32, newest_.sig_r.bytes.begin());
    std::copy_n(seal->begin() + 32, 32, newest_.sig_s.bytes.begin());
    batches.push_back(wire::format_batch_line({*note, text, Bytes(seal->begin(), seal->end())}));
    headers.push_back(header);
}

void LogBuilder::fill(std::uint64_t count, std::uint64_t batch_entries) {
    for (std::uint64_t i = 0; i < count; ++i) {
        for (std::uint64_t k = 0; k < batch_entries; ++k) {
            add_alert(k % 2 == 0 ? "cam-1" : "cam-2");
        }
        seal();
    }
}

void LogBuilder::anchor(FakeChain& chain, bool with_receipt) {
    add_steps(chain.anchor(newest_), with_receipt);
}

void LogBuilder::anchor_after_reorg(FakeChain& chain, bool found_again) {
    const FakeChain::Anchored& one = chain.anchor(newest_);
    FakeChain::Anchored before = one;
    before.block_number += 1'000'000;
    before.block_header = FakeChain::header_of(one, before.block_number);
    before.block_hash = crypto::keccak256(before.block_header);
    add_steps(before, true);
    wire::AnchorSuperseded superseded;
    superseded.target = "eth";
    superseded.batch_id = newest_.batch_id;
    superseded.hash = one.transaction;
    superseded.reason = "the block left the chain";
    superseded.at = WallTime{now_ms_};
    anchors.push_back(wire::format_anchor_step(superseded));
    if (!found_again) return;
    add_steps(one, true);
    anchors.erase(anchors.end() - 2);
}

void LogBuilder::stamp_file() {
    wire::AnchorWritten line;
    line.target = "copy";
    line.batch_id = BatchId(batches.size() - 1);
    line.hash = crypto::sha256(as_bytes(checkpoint_));
    line.at = WallTime{now_ms_};
    anchors.push_back(wire::format_anchor_step(line));
}

void LogBuilder::stamp_token(const Bytes& token) {
    wire::AnchorToken line;
    line.target = "clock";
    line.batch_id = BatchId(batches.size() - 1);
    line.hash = crypto::sha256(as_bytes(checkpoint_));
    line.token = token;
    line.at = WallTime{now_ms_};
    anchors.push_back(wire::format_anchor_step(line));
}

void LogBuilder::add_steps(const FakeChain::Anchored& one, bool with_receipt) {
    wire::AnchorAttempt attempt;
    attempt.target = "eth";
    attempt.batch_id = newest_.batch_id;
    attempt.nonce = one.nonce;
    attempt.gas = 90'000;
    attempt.max_fee = 2'000'000;
    attempt.priority_fee = 1'000;
    attempt.hash = one.transaction;
    attempt.raw = one.raw;
    attempt.at = WallTime{now_ms_};
    anchors.push_back(wire::format_anchor_step(attempt));
    if (!with_receipt) return;
    wire::AnchorReceipt receipt;
    receipt.target = "eth";
    receipt.batch_id = newest_.batch_id;
    receipt.from_batch = one.event.from_batch;
    receipt.chain_id = FakeChain::kChainId;
    receipt.contract = FakeChain::contract();
    receipt.hash = one.transaction;
    receipt.block_number = one.block_number;
    receipt.block_hash = one.block_hash;
    receipt.block_header = one.block_header;
    receipt.transaction_index = 1;
    receipt.log_index = 0;
    receipt.receipt_path = one.receipt_path;
    receipt.at = WallTime{now_ms_};
    anchors.push_back(wire::format_anchor_step(receipt));
}

void LogBuilder::write(MapFileSystem& fs, const std::string& dir, std::size_t segment_lines,
                       bool with_leaves) const {
    SegmentLines lines;
    lines.log = segment_lines;
    write(fs, dir, lines, with_leaves);
}

void LogBuilder::write(MapFileSystem& fs, const std::string& dir, const SegmentLines& segment,
                       bool with_leaves) const {
    const auto put = [&](const std::string& journal, const std::vector<std::string>& lines,
                         std::size_t step) {
        for (std::size_t first = 0; first == 0 || first < lines.size(); first += step) {
            std::string& bytes =
                fs.files[dir + "/" + journal + "/" + segment_name(first, ".ndjson")];
            bytes.clear();
            const std::size_t end = std::min(lines.size(), first + step);
            for (std::size_t i = first; i < end; ++i) bytes += lines[i] + "\n";
            if (end == lines.size()) bytes.append(padding_bytes, '\0');
        }
    };
    std::vector<std::string> lines = entries;
    for (const std::uint64_t index : erased) {
        lines[index] = R"({"erased":")" + to_hex(leaves[index]) + R"(","index":)" +
                       std::to_string(index) + "}";
    }
    put("log", lines, segment.log);
    put("batches", batches, segment.batches);
    if (!anchors.empty()) put("anchors", anchors, segment.anchors);
    for (std::size_t first = 0; first < entries.size(); first += segment.log) {
        const auto gone = erased.lower_bound(first);
        const bool is_touched = gone != erased.end() && *gone < first + segment.log;
        if (!with_leaves && !is_touched) continue;
        std::string& bytes = fs.files[dir + "/log/" + segment_name(first, ".leaves")];
        bytes.clear();
        const std::size_t end = std::min<std::size_t>(first_index_, first + segment.log);
        for (std::size_t i = first; i < end; ++i) bytes += as_text(leaves[i].bytes);
        if (!is_touched) continue;
        const std::string stem = dir + "/log/" + segment_name(first, "");
        fs.files[stem + ".devices.ndjson"] = devices_of(first, segment.log);
        const auto kept = std::distance(gone, erased.lower_bound(first + segment.log));
        if (static_cast<std::size_t>(kept) == segment.log) fs.files.erase(stem + ".ndjson");
    }
}

}  // namespace anchorlog::testing
