#include <algorithm>
#include <array>
#include <string>

#include "anchorlog/merkle/tree.h"
#include "anchorlog/verify/receipt.h"
#include "fuzz/target.h"
#include "fuzz/verify/original.h"

namespace anchorlog::fuzz {

namespace {

constexpr std::size_t kEditsMax = 8;

// What the original's log signed, and what has to become of it.
struct Promise {
    wire::Receipt receipt;
    std::string text;
    verify::Verdict verdict = verify::Verdict::undecided;
};

Promise promise(std::uint64_t index, std::string_view line, verify::Verdict verdict) {
    const testing::LogBuilder& log = original().log;
    std::array<std::uint8_t, 32> seed{};
    seed.fill(1);  // the builder's first key
    wire::Receipt receipt;
    receipt.device_id = "cam-1";
    receipt.seq_no = SeqNo(1);
    receipt.index = EntryIndex(index);
    receipt.leaf = merkle::hash_leaf(as_bytes(line));
    receipt.received_at = WallTime{testing::LogBuilder::kStartMs};
    receipt.signer = wire::format_key_id(log.vkey().key_id);
    const auto sig = crypto::signer_from_seed(seed)->sign(
        wire::receipt_payload(wire::log_id_of(testing::LogBuilder::kOrigin), receipt.index,
                              receipt.leaf, receipt.received_at));
    require(sig.has_value(), "the log signs");
    receipt.sig = *sig;
    return {receipt, wire::format_receipt(receipt), verdict};
}

const std::array<Promise, 3>& promises() {
    const auto& entries = original().log.entries;
    static const std::array<Promise, 3> made{
        promise(4, entries[4], verify::Verdict::pass),
        promise(7, entries[4], verify::Verdict::fail),  // another line is there
        promise(Original::kSealed, entries.back(), verify::Verdict::undecided),
    };
    return made;
}

void check(std::string_view text) {
    testing::MapFileSystem fs;
    fs.files = original().files.files;
    const auto report = verify::verify_receipt(fs, Original::kDir, text, original().trust);
    require(!verify::to_text(report).empty() && !verify::to_json(report).empty(),
            "a report is told");
    for (const Promise& one : promises()) {
        require(text != one.text || report.verdict == one.verdict, "a promise is judged right");
    }
    if (report.verdict == verify::Verdict::undecided) return;
    const bool was_given =
        report.receipt &&
        std::any_of(promises().begin(), promises().end(), [&](const Promise& one) {
            return one.verdict == report.verdict && one.receipt.index == report.receipt->index &&
                   one.receipt.leaf == report.receipt->leaf &&
                   one.receipt.received_at == report.receipt->received_at;
        });
    require(was_given, "only what the log signed is kept or broken");
}

}  // namespace

// A receipt as a sender keeps it (formats §2), or, where it does not begin with a brace, edits of
// one that the log gave.
void alert_receipt(ByteView input) {
    std::string text(as_text(input));
    if (!text.starts_with('{')) {
        InputReader reader(input);
        text = promises()[reader.byte() % promises().size()].text;
        for (std::size_t i = 0; i < kEditsMax && !reader.is_empty(); ++i) {
            edit_text(text, reader.byte() % kTextEdits, reader);
        }
    }
    if (const auto receipt = wire::parse_receipt(text)) {
        require(wire::format_receipt(*receipt) == text, "a receipt is written as it was read");
        require(text.size() <= wire::kReceiptSizeMax, "a receipt has a limit");
    }
    check(text);
}

}  // namespace anchorlog::fuzz
