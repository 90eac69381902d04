#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "anchorlog/verify/verify.h"
#include "support/log_builder.h"

namespace anchorlog::edits {

// A sound store in memory, what to trust of it, and what an audit says of it.
struct Subject {
    testing::LogBuilder log;
    testing::FakeChain chain;
    testing::MapFileSystem fs;
    verify::Trust trust;
    verify::Report clean;
};

inline constexpr const char* kStoreDir = "store";

// About `bytes` large, of a seed: several segments of each journal, devices, gaps, audits, anchors
// over all batches, leaf hashes, nothing unsealed. Ends in a receipt.
[[nodiscard]] Subject make_subject(std::uint64_t bytes, std::uint64_t seed,
                                   std::uint64_t log_segments = 3);

// What became of an edit.
enum class Outcome {
    named,        // FAIL, and a fault names the file and the entry, batch or line
    undecided,    // UNDECIDED, naming the file: a crash may have left it so
    said_less,    // PASS, but of a lower level or fewer protected entries than before
    no_meaning,   // PASS, and nothing that anybody relies on was changed
    named_wrong,  // FAIL or UNDECIDED, but nothing names the place
    missed,       // PASS
};
[[nodiscard]] const char* to_string(Outcome outcome);

// Where an edit was made, and so what has to be named.
struct Place {
    std::string file;                           // inside the store
    std::uint64_t line = 0, line_last = 0;      // in the file, from 1
    std::uint64_t number = 0, number_last = 0;  // in the journal: index or batch_id
    bool whole_file = false;                    // padding: the file is enough
    bool moved = false;                         // the line may stand in another file by now
};

[[nodiscard]] Outcome judge(const verify::Report& report, const verify::Report& clean,
                            const Place& place);

// How often each outcome came, and the first few that should not have.
class Tally {
public:
    void add(const std::string& deed, Outcome outcome, const std::string& what);
    void add(const Tally& other);
    [[nodiscard]] std::uint64_t count(Outcome outcome) const;
    [[nodiscard]] std::uint64_t tried() const;
    [[nodiscard]] bool has_missed() const {
        return count(Outcome::missed) + count(Outcome::named_wrong) > 0;
    }
    // One JSON object: a member for each deed with its outcomes.
    [[nodiscard]] std::string to_json() const;
    [[nodiscard]] const std::string& complaints() const { return complaints_; }

private:
    std::map<std::string, std::map<Outcome, std::uint64_t>> counts_;
    std::string complaints_;
    std::uint64_t complaint_count_ = 0;
};

}  // namespace anchorlog::edits
