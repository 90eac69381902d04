// audit_store DIR ENTRIES LINE_BYTES BATCH_ENTRIES DEVICES: writes a sealed store of that many
// entries of about that size, as a daemon under load leaves it, and DIR/trust. For
// tests/bench/audit.

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "anchorlog/crypto/sha256.h"
#include "anchorlog/merkle/tree.h"
#include "anchorlog/wire/alert.h"
#include "anchorlog/wire/entry.h"
#include "anchorlog/wire/header.h"
#include "anchorlog/wire/note.h"

namespace {

using namespace anchorlog;

constexpr const char* kOrigin = "anchorlog.example/bench";
constexpr std::uint64_t kSegmentBytes = 64u << 20;
constexpr std::int64_t kStartMs = 1'767'323'045'000;

[[noreturn]] void give_up(const std::string& why) {
    std::cerr << "audit_store: " << why << "\n";
    std::exit(1);
}

// One journal's files, in the daemon's sizes.
class Writer {
public:
    explicit Writer(std::filesystem::path folder) : folder_(std::move(folder)) {
        std::filesystem::create_directories(folder_);
    }
    void line(const std::string& text) {
        if (!file_.is_open() || bytes_ + text.size() > kSegmentBytes) roll();
        file_.write(text.data(), static_cast<std::streamsize>(text.size()));
        if (!file_) give_up("cannot write to " + folder_.string());
        bytes_ += text.size();
        ++lines_;
    }

private:
    void roll() {
        file_.close();
        const std::string digits = std::to_string(lines_);
        file_.open(folder_ / (std::string(20 - digits.size(), '0') + digits + ".ndjson"),
                   std::ios::binary | std::ios::trunc);
        bytes_ = 0;
    }

    std::filesystem::path folder_;
    std::ofstream file_;
    std::uint64_t bytes_ = 0;
    std::uint64_t lines_ = 0;
};

struct Wanted {
    std::filesystem::path dir;
    std::uint64_t entries = 0;
    std::uint64_t line_bytes = 0;
    std::uint64_t batch_entries = 0;
    std::uint64_t devices = 0;
};

class Store {
public:
    explicit Store(const Wanted& wanted)
        : wanted_(wanted), log_(wanted.dir / "log"), batches_(wanted.dir / "batches"),
          highest_(wanted.devices, 0) {
        std::array<std::uint8_t, 32> seed{};
        seed.fill(7);
        signer_ = crypto::signer_from_seed(seed);
        key_ = wire::make_verifier_key(kOrigin, signer_->public_key());
        std::ofstream(wanted.dir / "trust") << "log " << wire::format_vkey(key_) << "\n";
        wire::Header genesis;
        genesis.kind = "genesis";
        genesis.merkle_root = merkle::empty_root();
        genesis.reason = "control";
        genesis.genesis = wire::GenesisRecord{{wire::format_vkey(key_)}, Hash(), {}, ""};
        seal(genesis);
    }

    void write() {
        while (next_index_ < wanted_.entries) {
            const std::uint64_t first = next_index_;
            merkle::CompactRange tree;
            std::map<std::string, wire::Source> sources;
            while (next_index_ < wanted_.entries && next_index_ - first < wanted_.batch_entries) {
                add_entry(tree, sources);
            }
            wire::Header header;
            header.first_index = EntryIndex(first);
            header.count = next_index_ - first;
            header.merkle_root = tree.root();
            header.reason = "count";
            take_sources(header, sources);
            seal(header);
        }
    }

private:
    std::string alert(const std::string& device, std::uint64_t seq_no) {
        const Hash salt = crypto::sha256(as_bytes(device + std::to_string(seq_no)));
        wire::EntryId id{};
        std::copy_n(salt.bytes.begin(), id.size(), id.begin());
        id[6] = static_cast<std::uint8_t>(0x70 | (id[6] & 0x0f));
        id[8] = static_cast<std::uint8_t>(0x80 | (id[8] & 0x3f));
        const std::string uuid = wire::format_entry_id(id);
        const std::string head = R"({"alert_type":"recon.host_scan","batch_id":")" + uuid +
                                 R"(","confidence":0.97,"device_id":")" + device +
                                 R"(","entry_id":")" + uuid +
                                 R"(","features_summary":{"dst_hosts":)" +
                                 std::to_string(seq_no % 250) + R"(,"dst_port":445,"note":")";
        const std::string tail = R"(","seconds":12.5},"seq_no":)" + std::to_string(seq_no) +
                                 R"(,"timestamp":")" + format_server_time({now_ms_}) + R"("})";
        // The envelope around it has about 150 bytes.
        const std::size_t size = head.size() + tail.size() + 150;
        const std::size_t note = wanted_.line_bytes > size ? wanted_.line_bytes - size : 0;
        return head + std::string(note, 'n') + tail;
    }

    void add_entry(merkle::CompactRange& tree, std::map<std::string, wire::Source>& sources) {
        const std::uint64_t number = next_index_ % wanted_.devices;
        const std::string device = "cam-" + std::to_string(number);
        const std::uint64_t seq_no = ++highest_[number];
        if (next_index_ % 16 == 0) ++now_ms_;
        line_.clear();
        wire::append_alert_line(line_, alert(device, seq_no), wire::CertFingerprint{5},
                                EntryIndex(next_index_), WallTime{now_ms_}, "gw-01", "");
        tree.append(merkle::hash_leaf(as_bytes(line_).first(line_.size() - 1)));
        log_.line(line_);
        auto [source, made] = sources.try_emplace(device);
        if (made) source->second = {device, Epoch(0), SeqNo(seq_no), SeqNo(seq_no), 0, 0};
        source->second.last_seq = SeqNo(seq_no);
        ++source->second.count;
        ++next_index_;
    }

    static void take_sources(wire::Header& header,
                             const std::map<std::string, wire::Source>& sources) {
        std::vector<wire::Source> all;
        for (const auto& [device, source] : sources) all.push_back(source);
        if (all.size() <= wire::kSourcesMax) {
            header.sources = all;
            return;
        }
        header.sources_count = all.size();
        header.sources_digest = crypto::sha256(as_bytes(wire::format_sources(all)));
    }

    void seal(wire::Header header) {
        header.batch_id = BatchId(history_.size().value);
        header.log = kOrigin;
        header.prev_root = history_.root();
        header.opened_at = header.sealed_at = WallTime{now_ms_};
        header.signer = wire::format_key_id(key_.key_id);
        const auto text = wire::format_header(header);
        if (!text) give_up(text.error().message);
        history_.append(merkle::hash_leaf(as_bytes(*text)));
        const Hash root = history_.root();
        const auto note = wire::sign_note(wire::format_checkpoint({kOrigin, history_.size(), root}),
                                          kOrigin, {signer_.get()});
        const auto signature = signer_->sign(wire::seal_payload(
            wire::log_id_of(kOrigin), header.batch_id, header.merkle_root, root, header.sealed_at));
        if (!note || !signature) give_up("cannot sign");
        batches_.line(
            wire::format_batch_line({*note, *text, Bytes(signature->begin(), signature->end())}) +
            "\n");
    }

    Wanted wanted_;
    Writer log_;
    Writer batches_;
    std::vector<std::uint64_t> highest_;  // of each device
    std::unique_ptr<crypto::Signer> signer_;
    wire::VerifierKey key_;
    merkle::CompactRange history_;
    std::uint64_t next_index_ = 0;
    std::int64_t now_ms_ = kStartMs;
    std::string line_;
};

std::uint64_t number(std::string_view text) {
    std::uint64_t value = 0;
    const char* end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, value);
    if (read.ec != std::errc() || read.ptr != end || value == 0) {
        give_up("'" + std::string(text) + "' is not a number from 1");
    }
    return value;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 6) give_up("usage: audit_store DIR ENTRIES LINE_BYTES BATCH_ENTRIES DEVICES");
    Store({argv[1], number(argv[2]), number(argv[3]), number(argv[4]), number(argv[5])}).write();
    return 0;
}
