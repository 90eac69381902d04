#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "anchorlog/base/file_system.h"
#include "anchorlog/verify/report.h"
#include "anchorlog/verify/trust.h"
#include "anchorlog/wire/receipt.h"

namespace anchorlog::verify {

// A promise is broken when this long after it a seal was made that does not reach its entry.
inline constexpr std::int64_t kReceiptGraceMs = 120'000;

// What a log made of a receipt it gave.
struct ReceiptReport {
    Verdict verdict = Verdict::undecided;  // pass: kept, fail: broken
    std::string origin;
    std::optional<wire::Receipt> receipt;  // nothing: it does not read
    std::optional<std::uint64_t> batch;    // whose signed header speaks of the entry
    std::optional<Hash> leaf;              // that it has in the entry's place
    std::vector<Fault> faults;             // receipt_broken, or what is wrong with batches/
    std::vector<std::string> basis;
    std::vector<std::string> undecided;
    std::vector<std::string> notes;
    // Of a broken one: what convinces others, besides the receipt. The line of batches/ that
    // contradicts it, and, where it holds another leaf, that leaf's path to its merkle_root.
    std::string proof_line;
    std::vector<Hash> proof_path;
};

// Whether the store in `dir` keeps what `receipt` (one as the log sent it) promises.
[[nodiscard]] ReceiptReport verify_receipt(FileSystem& fs, const std::string& dir,
                                           std::string_view receipt, const Trust& trust);
// As of the other reports: for people with the verdict last, and one JSON document.
[[nodiscard]] std::string to_text(const ReceiptReport& report);
[[nodiscard]] std::string to_json(const ReceiptReport& report);

}  // namespace anchorlog::verify
