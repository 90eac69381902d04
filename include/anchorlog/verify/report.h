#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "anchorlog/base/types.h"

namespace anchorlog::verify {

enum class Verdict { pass, fail, undecided };
// How much stands behind a pass.
// Timestamped: somebody dates the history; a second one could be dated too, but only later.
enum class Level { none, sealed, witnessed, timestamped, anchored };
[[nodiscard]] std::string_view to_string(Verdict verdict) noexcept;
[[nodiscard]] std::string_view to_string(Level level) noexcept;

// One thing that is wrong, or a run of neighbours with the same thing wrong. Ranges are inclusive.
struct Fault {
    std::string kind;    // stable, snake_case: altered, missing, reordered, inserted, seal, …
    std::string phrase;  // "altered", "missing", …: follows the subject in a sentence
    std::optional<std::uint64_t> index, index_last;
    std::optional<std::uint64_t> batch, batch_last;
    std::optional<std::uint64_t> batch_first_index, batch_count;  // of `batch`, when one
    std::string segment;                // file inside the store: log/….ndjson
    std::optional<std::uint64_t> line;  // in that file, from 1
    std::string detail;
    std::string expected, found;
};
// The whole sentence: what, where, expected and found.
[[nodiscard]] std::string describe(const Fault& fault);

// An anchor the log or the chain shows, and whether it counts.
struct AnchorSummary {
    std::uint64_t chain_id = 0;
    std::string contract;  // 0x…, EIP-55
    std::uint64_t from_batch = 0;
    std::uint64_t batch = 0;
    std::uint64_t block_number = 0;
    std::string block_hash;
    std::string transaction;
    std::string state;  // verified | block_untrusted | not_trusted | failed | superseded
    std::string basis;  // what a verified one rests on
    bool is_public = false;
};

// What one target of anchors/ holds, in one line.
struct TargetSummary {
    std::string target;
    std::string type;   // ethereum | rfc3161 | file
    std::string state;  // verified | untrusted | failed | self | pending
    std::uint64_t lines = 0;
    std::optional<std::uint64_t> covered_to;  // highest batch a line of it covers
    std::string detail;
};

struct Checked {
    std::uint64_t segments = 0;
    std::uint64_t bytes = 0;
    std::uint64_t entries = 0;
    std::uint64_t alerts = 0;
    std::uint64_t audits = 0;
    std::uint64_t pruned = 0;  // entries whose lines are gone: by their leaves alone
    std::uint64_t batches = 0;
    std::uint64_t checkpoints = 0;
    std::uint64_t seals = 0;
    std::uint64_t devices = 0;
    std::uint64_t anchors = 0;  // verified ones
};

inline constexpr std::size_t kFaultsListedMax = 10'000;
inline constexpr std::size_t kNotesListedMax = 1'000;
inline constexpr std::size_t kAnchorsListedMax = 1'000;  // the newest
inline constexpr std::size_t kDevicesListedMax = 1'000;  // those with the largest gaps

// What the log holds of one device.
struct DeviceSummary {
    std::string device;
    std::uint64_t alerts = 0;
    std::uint64_t gaps = 0;  // numbers that were never logged
    std::uint64_t epochs = 0;
    std::uint64_t epoch = 0;    // the newest
    std::uint64_t highest = 0;  // its highest number
    std::uint64_t first_index = 0;
    std::uint64_t last_index = 0;
};

// Entries by index, both included.
struct EntryRange {
    std::uint64_t first = 0;
    std::uint64_t last = ~std::uint64_t{0};
};

// The audit of a whole log.
struct Report {
    Verdict verdict = Verdict::undecided;
    Level level = Level::none;
    std::string label;  // public | private for ANCHORED and TIMESTAMPED, else empty
    std::string origin;
    std::vector<std::string> basis;  // what the verdict rests on
    std::vector<Fault> faults;       // in the order found, at most kFaultsListedMax
    std::uint64_t faults_unlisted = 0;
    std::vector<std::string> undecided;  // why no decision was possible
    std::vector<std::string> notes;      // information, never a reason to fail
    std::vector<std::string> not_checked;
    std::vector<AnchorSummary> anchors;
    std::vector<TargetSummary> targets;  // by type, then name
    std::vector<DeviceSummary> devices;
    std::optional<EntryRange> range;  // the entries asked for, if not all
    Checked checked;
    std::uint64_t entries = 0;                 // sealed and not
    std::uint64_t unsealed = 0;                // entries behind the last sealed batch
    std::uint64_t unprotected = 0;             // entries newer than the newest verified anchor
    std::optional<std::uint64_t> anchored_to;  // highest batch under a verified anchor
    std::string checkpoint;                    // the newest signed note
};

enum class StepState { ok, failed, skipped };
struct Step {
    std::string name;  // stable: parse, canonical, leaf, …
    StepState state = StepState::skipped;
    std::string detail;
};

// The audit of one entry, step by step; the steps after the first broken one are not taken.
struct EntryHit {
    std::uint64_t index = 0;
    std::optional<std::uint64_t> batch;
    std::string segment;
    std::uint64_t line = 0;  // in that file, from 1
    Verdict verdict = Verdict::undecided;
    Level level = Level::none;
    std::string label;
    std::vector<Step> steps;
    std::string text;  // the stored line
};
struct EntryReport {
    Verdict verdict = Verdict::undecided;
    Level level = Level::none;  // the lowest of the hits
    std::string label;
    std::string origin;
    std::string asked;  // "index 120", "entry_id …"
    std::vector<EntryHit> hits;
    std::vector<std::string> basis;
    std::vector<Fault> faults;
    std::vector<std::string> still;  // for each fault of a hit: what can be trusted all the same
    std::vector<std::string> undecided;
    std::vector<std::string> notes;
    std::vector<std::string> not_checked;
    std::vector<AnchorSummary> anchors;
};

// The head of a history: what a checkpoint states.
struct HistoryHead {
    std::uint64_t size = 0;  // batches
    Hash root;
    std::string checkpoint;  // the signed note
};
// Whether a log only grew since somebody kept its checkpoint.
struct ConsistencyReport {
    Verdict verdict = Verdict::undecided;
    std::string origin;
    std::optional<HistoryHead> kept;   // nothing: it does not read
    std::optional<HistoryHead> store;  // the newest that holds; nothing: there is none
    // The store's own root at the kept size, if it is that long and its headers are whole.
    std::optional<Hash> root_then;
    std::vector<Fault> faults;  // rolled_back, forked, or what is wrong with batches/
    std::vector<std::string> undecided;
    std::vector<std::string> basis;
    std::vector<std::string> notes;
    std::vector<std::string> not_checked;
};

// What a page says of itself besides the report.
struct HtmlFrame {
    std::string store;
    std::string trust;
    std::string made_at;
    std::string program;
};
// One page that needs nothing else, to read and to print. Everything is escaped.
[[nodiscard]] std::string to_html(const Report& report, const HtmlFrame& frame);

// For people: reasons first, the last line is the verdict. No colours, UTF-8, ends in LF.
[[nodiscard]] std::string to_text(const Report& report);
[[nodiscard]] std::string to_text(const EntryReport& report);
[[nodiscard]] std::string to_text(const ConsistencyReport& report);
// One JSON document with stable member names, ends in LF.
[[nodiscard]] std::string to_json(const Report& report);
[[nodiscard]] std::string to_json(const EntryReport& report);
[[nodiscard]] std::string to_json(const ConsistencyReport& report);

}  // namespace anchorlog::verify
