#include "verify/batch_damage.h"

#include <algorithm>
#include <map>

#include "anchorlog/merkle/tree.h"

namespace anchorlog::verify {
namespace {

// More ways to choose between repeated lines than this are not tried.
constexpr std::size_t kChoicesMax = 64;
constexpr std::size_t kNone = static_cast<std::size_t>(-1);

class DamageNamer {
public:
    DamageNamer(DamagedBatch batch, const std::vector<Segment>& segments, FaultList& faults)
        : batch_(std::move(batch)), segments_(segments), faults_(faults),
          slots_(batch_.count, kNone), used_(batch_.lines.size(), false) {}

    std::optional<std::vector<EntryFact>> run() {
        if (batch_.leaves) {
            fill_by_leaf();
        } else {
            fill_by_index();
            choose_by_root();
        }
        name_extra_lines();
        const bool whole = name_slots();
        name_order();
        if (!whole) return std::nullopt;
        std::vector<EntryFact> lines;
        lines.reserve(slots_.size());
        for (const std::size_t at : slots_) lines.push_back(batch_.lines[at]);
        return lines;
    }

private:
    [[nodiscard]] bool in_batch(std::uint64_t index) const {
        return index >= batch_.first_index && index - batch_.first_index < batch_.count;
    }
    std::size_t& slot(std::uint64_t index) { return slots_[index - batch_.first_index]; }
    void place(std::size_t line, std::uint64_t index) {
        slot(index) = line;
        used_[line] = true;
    }

    // Lines whose leaf is known are exactly that entry, whatever stands around them; the rest
    // fill what is left over by what they say or where they stand.
    void fill_by_leaf() {
        std::multimap<Hash, std::uint64_t> wanted;
        for (std::uint64_t i = 0; i < batch_.count; ++i) {
            wanted.emplace((*batch_.leaves)[i], batch_.first_index + i);
        }
        for (std::size_t i = 0; i < batch_.lines.size(); ++i) {
            if (batch_.lines[i].shape == EntryFact::Shape::cut_short) continue;
            const auto found = wanted.find(batch_.lines[i].leaf);
            if (found == wanted.end()) continue;
            place(i, found->second);
            wanted.erase(found);
        }
        fill_by_index();
    }

    void fill_by_index() {
        const auto fill = [this](bool good, bool by_place) {
            for (std::size_t i = 0; i < batch_.lines.size(); ++i) {
                const EntryFact& line = batch_.lines[i];
                if (used_[i] || (line.shape == EntryFact::Shape::good) != good) continue;
                const std::uint64_t index = by_place ? line.guess : line.index();
                if (in_batch(index) && slot(index) == kNone) place(i, index);
            }
        };
        fill(true, false);
        fill(false, false);
        fill(true, true);
        fill(false, true);
    }

    [[nodiscard]] std::optional<Hash> root() const {
        std::vector<Hash> leaves;
        leaves.reserve(slots_.size());
        for (const std::size_t at : slots_) {
            if (at == kNone) return std::nullopt;
            leaves.push_back(batch_.lines[at].leaf);
        }
        return merkle::root_of(leaves);
    }

    // Where several lines claim one index, the sealed root says which one is right.
    void choose_by_root() {
        if (root() == batch_.merkle_root) return;
        std::size_t tries = 0;
        for (std::size_t i = 0; i < batch_.lines.size() && tries < kChoicesMax; ++i) {
            if (used_[i] || !in_batch(batch_.lines[i].index())) continue;
            std::size_t& at = slot(batch_.lines[i].index());
            const std::size_t before = at;
            at = i;
            ++tries;
            if (root() == batch_.merkle_root) {
                used_[i] = true;
                if (before != kNone) used_[before] = false;
                return;
            }
            at = before;
        }
    }

    Fault at_line(std::size_t line, const char* kind, std::string phrase) const {
        Fault fault = line_fault(batch_.lines[line], segments_, kind, std::move(phrase));
        fault.batch = batch_.batch_id;
        fault.batch_first_index = batch_.first_index;
        fault.batch_count = batch_.count;
        return fault;
    }

    void name_extra_lines() {
        for (std::size_t i = 0; i < batch_.lines.size(); ++i) {
            if (used_[i]) continue;
            const EntryFact& line = batch_.lines[i];
            const std::uint64_t index = line.index();
            const bool repeats = in_batch(index) && slot(index) != kNone &&
                                 batch_.lines[slot(index)].leaf == line.leaf;
            Fault fault = at_line(i, repeats ? "duplicated" : "inserted",
                                  repeats ? "repeated" : "followed by an inserted line");
            if (!repeats) {
                fault.index = line.guess == 0 ? 0 : line.guess - 1;
                if (line.claimed && *line.claimed != line.guess) {
                    fault.detail = "the line says that it is entry " + std::to_string(index);
                }
            }
            faults_.add(std::move(fault));
        }
    }

    // True when every slot holds a line and nothing contradicts the sealed root.
    bool name_slots() {
        const bool root_holds = root() == batch_.merkle_root;
        bool whole = root_holds;
        bool named = false;
        for (std::uint64_t i = 0; i < batch_.count; ++i) {
            const std::uint64_t index = batch_.first_index + i;
            const std::size_t at = slots_[i];
            if (at == kNone) {
                name_missing(index);
                whole = false;
                named = true;
                continue;
            }
            const EntryFact& line = batch_.lines[at];
            const bool other_leaf = batch_.leaves && line.leaf != (*batch_.leaves)[i];
            const bool other_index = line.claimed && *line.claimed != index;
            const bool bad = line.shape != EntryFact::Shape::good;
            if (!other_leaf && !bad && !other_index) continue;
            named = true;
            whole = whole && !bad;
            name_altered(at, index, other_leaf);
        }
        if (!root_holds && !named) name_unknown_line();
        return whole;
    }

    void name_missing(std::uint64_t index) {
        Fault fault;
        fault.kind = "missing";
        fault.phrase = "missing";
        fault.index = index;
        fault.batch = batch_.batch_id;
        fault.batch_first_index = batch_.first_index;
        fault.batch_count = batch_.count;
        if (const Segment* segment = segment_of(segments_, index)) {
            fault.segment = segment->name;
            fault.line = index - segment->first_line + 1;
        }
        faults_.add(std::move(fault));
    }

    void name_altered(std::size_t at, std::uint64_t index, bool other_leaf) {
        const EntryFact& line = batch_.lines[at];
        Fault fault = at_line(at, "altered", "altered");
        fault.index = index;
        fault.detail = line.why();
        if (line.shape == EntryFact::Shape::cut_short) {
            fault.kind = "truncated";
            fault.phrase = "cut short";
        } else if (line.claimed && *line.claimed != index) {
            fault.expected = "index " + std::to_string(index);
            fault.found = std::to_string(*line.claimed);
        } else if (other_leaf) {
            fault.expected = "leaf " + to_hex((*batch_.leaves)[index - batch_.first_index]);
            fault.found = to_hex(line.leaf);
        }
        faults_.add(std::move(fault));
    }

    void name_unknown_line() {
        Fault fault =
            batch_fault("batch_altered", batch_.batch_id, "has at least one altered entry");
        const EntryFact& first = batch_.lines[slots_.front()];
        const EntryFact& last = batch_.lines[slots_.back()];
        fault.segment = segments_[first.segment].name;
        fault.line = first.number + 1;
        fault.detail = "one of entries " + std::to_string(batch_.first_index) + "-" +
                       std::to_string(batch_.first_index + batch_.count - 1) + ", up to " +
                       segments_[last.segment].name + " line " + std::to_string(last.number + 1) +
                       "; which one cannot be told, because the leaf hashes beside the log are "
                       "absent or do not give the sealed root";
        fault.batch_first_index = batch_.first_index;
        fault.batch_count = batch_.count;
        fault.expected = "merkle_root " + to_hex(batch_.merkle_root);
        fault.found = to_hex(root().value_or(Hash{}));
        faults_.add(std::move(fault));
    }

    // Cuts the file order into the smallest runs that sorting would not mix.
    void name_order() {
        std::vector<std::pair<std::size_t, std::uint64_t>> placed;  // line, index
        for (std::uint64_t i = 0; i < batch_.count; ++i) {
            const std::size_t at = slots_[i];
            if (at == kNone || batch_.lines[at].blamed) continue;
            placed.emplace_back(at, batch_.first_index + i);
        }
        std::sort(placed.begin(), placed.end());
        std::vector<std::uint64_t> lowest_after(placed.size() + 1, ~std::uint64_t{0});
        for (std::size_t i = placed.size(); i-- > 0;) {
            lowest_after[i] = std::min(lowest_after[i + 1], placed[i].second);
        }
        std::size_t begin = 0;
        std::uint64_t highest = 0;
        for (std::size_t i = 0; i < placed.size(); ++i) {
            highest = std::max(highest, placed[i].second);
            if (highest > lowest_after[i + 1]) continue;
            if (i > begin) {
                Fault fault = at_line(placed[begin].first, "reordered", "re-ordered");
                fault.index = lowest_after[begin];
                fault.index_last = highest;
                faults_.add(std::move(fault));
            }
            begin = i + 1;
        }
    }

    DamagedBatch batch_;
    const std::vector<Segment>& segments_;
    FaultList& faults_;
    std::vector<std::size_t> slots_;  // index - first_index → line
    std::vector<bool> used_;
};

}  // namespace

Fault line_fault(const EntryFact& line, const std::vector<Segment>& segments, std::string kind,
                 std::string phrase) {
    Fault fault;
    fault.kind = std::move(kind);
    fault.phrase = std::move(phrase);
    fault.index = line.index();
    fault.segment = segments[line.segment].name;
    fault.line = line.number + 1;
    return fault;
}

std::optional<std::vector<EntryFact>> name_damage(DamagedBatch batch,
                                                  const std::vector<Segment>& segments,
                                                  FaultList& faults) {
    return DamageNamer(std::move(batch), segments, faults).run();
}

}  // namespace anchorlog::verify
