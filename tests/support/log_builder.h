#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "anchorlog/base/file_system.h"
#include "anchorlog/crypto/ed25519.h"
#include "anchorlog/crypto/provider_key.h"
#include "anchorlog/eth/log_anchor.h"
#include "anchorlog/merkle/tree.h"
#include "anchorlog/wire/header.h"
#include "anchorlog/wire/note.h"

namespace anchorlog::testing {

// Files in memory, path → bytes; read-only through the interface.
class MapFileSystem final : public FileSystem {
public:
    std::map<std::string, std::string> files;

    [[nodiscard]] Result<std::unique_ptr<File>> open(const std::string& path,
                                                     OpenMode mode) override;
    [[nodiscard]] Result<std::vector<std::string>> list(const std::string& dir) const override;
    [[nodiscard]] Result<bool> exists(const std::string& path) const override;
    [[nodiscard]] Result<void> create_dir(const std::string& dir) override;
    [[nodiscard]] Result<void> sync_dir(const std::string& dir) override;
    [[nodiscard]] Result<void> rename(const std::string& from, const std::string& to) override;
    [[nodiscard]] Result<void> remove(const std::string& path) override;
    [[nodiscard]] Result<std::unique_ptr<FileLock>> lock(const std::string& path) override;
    [[nodiscard]] Result<SpaceInfo> space(const std::string& dir) const override;
    [[nodiscard]] Result<std::string> volatile_type(const std::string& dir) const override;
};

// The contract's rules over blocks that hold one transaction each.
class FakeChain {
public:
    static constexpr std::uint64_t kChainId = 1337;
    static constexpr std::uint64_t kFirstBlock = 5;

    struct Anchored {
        eth::AnchoredEvent event;
        std::uint64_t nonce = 0;
        std::uint64_t block_number = 0;
        Hash receipts_root;
        Hash block_hash;
        Bytes block_header;
        Hash transaction;
        Bytes raw;
        std::vector<Bytes> receipt_path;
    };

    [[nodiscard]] static eth::Address contract();
    [[nodiscard]] static Hash code_hash();
    // The header of a block of that number around the same receipts.
    [[nodiscard]] static Bytes header_of(const Anchored& one, std::uint64_t number);
    // As LogAnchor.anchor would: one event more.
    const Anchored& anchor(const eth::AnchorRecord& record);
    [[nodiscard]] const std::vector<Anchored>& anchored() const { return anchored_; }
    [[nodiscard]] std::uint64_t next_batch() const { return next_batch_; }

private:
    std::vector<Anchored> anchored_;
    std::uint64_t next_batch_ = 0;
};

// Writes a log as the daemon would leave it (formats §3), with fixed seeds and times, and keeps
// its lines apart so that tests can damage them one by one.
class LogBuilder {
public:
    static constexpr const char* kOrigin = "anchorlog.example/gw-01";
    static constexpr std::int64_t kStartMs = 1'700'000'000'000;

    using HardwareKey = std::shared_ptr<const crypto::HardwareSigner>;

    explicit LogBuilder(std::uint8_t key_seed = 1, HardwareKey hardware = nullptr);

    void add_alert(const std::string& device = "cam-1", std::uint64_t skip_numbers = 0);
    // The next alert of `device` with this body in place of a made-up one; `sent_at` may be empty.
    using MakeBody = std::function<std::string(std::uint64_t epoch, std::uint64_t seq_no)>;
    void add_alert(const std::string& device, std::uint64_t skip_numbers, const MakeBody& body,
                   const std::string& sent_at);
    void add_audit(const std::string& event = "start", const std::string& subject = "anchorlogd");
    // Numbers of `device` start again from 1 in an epoch further on.
    void open_epoch(const std::string& device, std::uint64_t step = 1);
    // Lets time pass, also backwards.
    void wait_ms(std::int64_t ms) { now_ms_ += ms; }
    [[nodiscard]] std::int64_t now_ms() const { return now_ms_; }
    // Seals what was added since the last seal.
    void seal();
    // A header of another kind: nothing is in it but `member`, canonical JSON under the kind's
    // name.
    void seal_control(const std::string& kind, const std::string& member);
    // Seals that these entries, of one closed segment of `segment_lines` lines, may be gone;
    // write() with segments of that size leaves them out. All lines of a segment: the whole file.
    void prune(std::uint64_t first, std::uint64_t last, std::size_t segment_lines,
               const std::string& why = "older than a year");
    // What stands beside the segment in its place.
    [[nodiscard]] std::string devices_of(std::uint64_t first, std::size_t segment_lines) const;
    // The log's key is another from the next header on.
    void change_key(std::uint8_t key_seed, const std::string& why = "planned");
    // `batches` batches of `entries` alerts each, of two devices in turn.
    void fill(std::uint64_t batches, std::uint64_t entries);
    // Anchors the newest batch: attempt, event, and, unless told not to, its receipt.
    void anchor(FakeChain& chain, bool with_receipt = true);
    // The same, after a receipt whose block left the chain; unless it is `found_again`, no receipt
    // of the block it is in now is on record yet.
    void anchor_after_reorg(FakeChain& chain, bool found_again = true);
    // The newest batch's signed checkpoint, and the line of a file target that has it.
    [[nodiscard]] const std::string& checkpoint() const { return checkpoint_; }
    void stamp_file();
    // The line of a time stamp authority's token over it.
    void stamp_token(const Bytes& token);

    [[nodiscard]] wire::VerifierKey vkey() const;
    [[nodiscard]] eth::AnchorRecord newest_record() const;
    // log/, batches/, anchors/ below `dir`; `segment_lines` lines of log/ a file; with NULs behind
    // the newest and, if asked, the leaf hashes beside the log.
    void write(MapFileSystem& fs, const std::string& dir, std::size_t segment_lines = 1000,
               bool with_leaves = false) const;
    struct SegmentLines {
        std::size_t log = 1000;
        std::size_t batches = 100'000;
        std::size_t anchors = 100'000;
    };
    void write(MapFileSystem& fs, const std::string& dir, const SegmentLines& lines,
               bool with_leaves) const;

    // Signs the checkpoints too, as long as it is there; the genesis names it if it was then.
    HardwareKey hardware;
    [[nodiscard]] wire::HardwareKey hardware_vkey() const;

    // What a dishonest (or a later) daemon would do to a line before it hashes, and to a header
    // before it signs it. Each is for one line and is forgotten then.
    std::function<void(std::string&)> before_hashing;
    std::function<void(std::string&)> before_signing;
    std::vector<std::string> entries;
    std::vector<std::string> batches;
    std::vector<std::string> anchors;
    std::set<std::uint64_t> erased;  // entries whose lines write() leaves out
    std::vector<Hash> leaves;        // as sealed, whatever happens to `entries`
    std::vector<wire::Header> headers;
    std::size_t padding_bytes = 512;

private:
    void write_line(const wire::Header& draft);
    void write_text(wire::Header header, std::string text,
                    const std::vector<const crypto::Signer*>& signers);
    [[nodiscard]] wire::Header dated(const wire::Header& draft);
    [[nodiscard]] std::string control_text(const std::string& kind, const std::string& member);
    void add_entry(std::string line);
    void add_steps(const FakeChain::Anchored& one, bool with_receipt);

    std::unique_ptr<crypto::Signer> signer_;
    merkle::CompactRange history_;
    struct Number {
        std::uint64_t epoch = 0;
        std::uint64_t highest = 0;
    };
    std::map<std::string, Number> highest_;
    std::map<std::pair<std::string, std::uint64_t>, wire::Source> sources_;
    std::map<std::uint64_t, std::vector<wire::Source>> sources_of_;  // of each batch
    std::uint64_t first_index_ = 0;
    std::uint64_t audits_ = 0;
    std::int64_t now_ms_ = kStartMs;
    std::string checkpoint_;
    eth::AnchorRecord newest_;
};

}  // namespace anchorlog::testing
