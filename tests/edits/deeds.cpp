#include "edits/deeds.h"

#include <algorithm>
#include <random>
#include <vector>

#include "anchorlog/merkle/tree.h"
#include "anchorlog/wire/anchor_step.h"
#include "anchorlog/wire/entry.h"
#include "anchorlog/wire/pruned_lines.h"
#include "support/fake_chain_view.h"

namespace anchorlog::edits {
namespace {

using testing::MapFileSystem;
using Strings = std::vector<std::string>;

// A store as lists of lines, written back into files of as many lines as before.
class Lines {
public:
    explicit Lines(const MapFileSystem& fs) {
        for (const auto& [path, bytes] : fs.files) {
            if (!path.ends_with(".ndjson")) {
                others_[path] = bytes;
                continue;
            }
            const std::string inside = path.substr(path.find('/') + 1);
            Journal& journal = journals_[inside.substr(0, inside.find('/'))];
            std::size_t count = 0;
            for (std::size_t at = 0, lf = 0; (lf = bytes.find('\n', at)) != bytes.npos;
                 at = lf + 1) {
                journal.lines.push_back(bytes.substr(at, lf - at));
                ++count;
            }
            journal.per_file = std::max(journal.per_file, count);
        }
    }

    [[nodiscard]] const Strings& batches() const { return journals_.at("batches").lines; }
    Strings& log() { return journals_["log"].lines; }
    Strings& batches() { return journals_["batches"].lines; }
    Strings& anchors() { return journals_["anchors"].lines; }
    // What tells which line was altered where the root tells only that one was.
    void drop_leaf_hints() { others_.clear(); }

    // The file that holds a line, as its name says.
    [[nodiscard]] Place place(const std::string& journal, std::uint64_t number,
                              std::uint64_t last) const {
        const std::size_t per_file = journals_.at(journal).per_file;
        Place place;
        place.file = journal + "/" + name_of(number / per_file * per_file);
        place.number = number;
        place.number_last = last;
        place.moved = true;
        return place;
    }

    [[nodiscard]] MapFileSystem files() const {
        MapFileSystem fs;
        fs.files = others_;
        for (const auto& [name, journal] : journals_) {
            for (std::size_t i = 0; i == 0 || i < journal.lines.size(); ++i) {
                const std::size_t first = i / journal.per_file * journal.per_file;
                std::string& file = fs.files[kStoreDir + ("/" + name + "/" + name_of(first))];
                if (i < journal.lines.size()) file += journal.lines[i] + "\n";
            }
        }
        return fs;
    }

private:
    struct Journal {
        Strings lines;
        std::size_t per_file = 1;
    };

    static std::string name_of(std::uint64_t first) {
        const std::string digits = std::to_string(first);
        return std::string(20 - digits.size(), '0') + digits + ".ndjson";
    }

    std::map<std::string, Journal> journals_;
    std::map<std::string, std::string> others_;
};

class Deeds {
public:
    Deeds(const Subject& subject, std::uint64_t seed)
        : subject_(subject), whole_(subject.fs), draw_(seed), wrong_key_(9) {}

    Tally run(std::uint64_t rounds) {
        for (std::uint64_t i = 0; i < rounds; ++i) {
            for (const std::string journal : {"log", "batches"}) {
                delete_line(journal);
                swap_lines(journal);
                duplicate(journal);
            }
            insert_entry();
            erase_entry();
            sign_again();
            swap_batches();
            delete_batch();
            delete_receipt();
            roll_back();
            roll_back_under_a_kept_checkpoint();
        }
        return std::move(tally_);
    }

private:
    std::uint64_t below(std::uint64_t end) { return draw_() % end; }
    static Strings& of(Lines& lines, const std::string& journal) {
        return journal == "log" ? lines.log() : lines.batches();
    }

    void look(const std::string& deed, const Lines& lines, const Place& place,
              verify::ChainView* chain = nullptr) {
        Lines edited = lines;
        if (below(2) == 0) edited.drop_leaf_hints();
        const MapFileSystem fs = edited.files();
        MapFileSystem copy = fs;
        const auto report = verify_log(copy, kStoreDir, subject_.trust, chain);
        tally_.add(deed, judge(report, subject_.clean, place),
                   place.file + " number " + std::to_string(place.number) + "-" +
                       std::to_string(place.number_last) +
                       (report.faults.empty() ? "" : ", but: " + describe(report.faults[0])));
    }

    void delete_line(const std::string& journal) {
        Lines lines = whole_;
        Strings& list = of(lines, journal);
        const std::uint64_t at = below(list.size());
        list.erase(list.begin() + static_cast<std::ptrdiff_t>(at));
        look("a line of " + journal + " deleted", lines, lines.place(journal, at, at));
    }

    void swap_lines(const std::string& journal) {
        Lines lines = whole_;
        Strings& list = of(lines, journal);
        const std::uint64_t a = below(list.size() - 1);
        const std::uint64_t b = below(2) == 0 ? a + 1 : a + 1 + below(list.size() - a - 1);
        std::swap(list[a], list[b]);
        look("two lines of " + journal + " swapped", lines, lines.place(journal, a, b));
    }

    void duplicate(const std::string& journal) {
        Lines lines = whole_;
        Strings& list = of(lines, journal);
        const std::uint64_t from = below(list.size());
        const std::uint64_t to = below(2) == 0 ? from : below(list.size());
        const std::string line = list[from];
        list.insert(list.begin() + static_cast<std::ptrdiff_t>(to), line);
        look("a line of " + journal + " repeated", lines,
             lines.place(journal, std::min(from, to), std::max(from, to)));
    }

    // As pruning leaves it, but no sealed header says that it may be gone.
    void erase_entry() {
        Lines lines = whole_;
        const std::uint64_t at = below(lines.log().size());
        std::string& line = lines.log()[at];
        std::string erased;
        wire::append_erased_line(erased, {EntryIndex(at), merkle::hash_leaf(as_bytes(line))});
        line.assign(erased, 0, erased.size() - 1);
        look("an entry erased without a prune header", lines, lines.place("log", at, at));
    }

    // An alert that was never sent, well formed, under an index that exists.
    void insert_entry() {
        Lines lines = whole_;
        const std::uint64_t at = below(lines.log().size());
        testing::LogBuilder forger(3);
        forger.add_alert("cam-forged");
        auto forged = wire::parse_entry_line(forger.entries[0]);
        std::string line;
        wire::append_alert_line(line, forged->body, wire::CertFingerprint{5}, EntryIndex(at),
                                WallTime{testing::LogBuilder::kStartMs}, "gw-01", "");
        line.pop_back();
        const bool replace = below(2) == 0;
        if (replace) {
            lines.log()[at] = line;
            // Without the leaf hashes only the batch of a replaced line can be told.
            const MapFileSystem fs = lines.files();
            MapFileSystem copy = fs;
            const auto report = verify_log(copy, kStoreDir, subject_.trust, nullptr);
            tally_.add("an entry replaced",
                       judge(report, subject_.clean, lines.place("log", at, at)), "");
            return;
        }
        lines.log().insert(lines.log().begin() + static_cast<std::ptrdiff_t>(at), line);
        // What is named is the line, as behind the entry before it.
        look("an entry inserted", lines, lines.place("log", at == 0 ? 0 : at - 1, at + 1));
    }

    // Checkpoint, seal or both of a batch by a key of the same name that nobody trusts.
    void sign_again() {
        Lines lines = whole_;
        const std::uint64_t at = below(lines.batches().size());
        auto line = wire::parse_batch_line(lines.batches()[at]);
        const wire::Header& header = subject_.log.headers[at];
        auto note = wire::parse_note(line->checkpoint);
        const std::string text = note->text;
        auto root = wire::parse_checkpoint(text)->root;
        std::array<std::uint8_t, 32> seed{};
        seed.fill(wrong_key_);
        const auto signer = crypto::signer_from_seed(seed);
        const std::uint64_t which = below(3);
        if (which != 1) {
            line->checkpoint = *wire::sign_note(text, testing::LogBuilder::kOrigin, {signer.get()});
        }
        if (which != 0) {
            const auto seal = signer->sign(
                wire::seal_payload(wire::log_id_of(testing::LogBuilder::kOrigin), header.batch_id,
                                   header.merkle_root, root, header.sealed_at));
            line->seal.assign(seal->begin(), seal->end());
        }
        lines.batches()[at] = wire::format_batch_line(*line);
        look("a batch signed with another key", lines, lines.place("batches", at, at));
    }

    // The entries of two neighbouring batches, their lines in batches/, or both.
    void swap_batches() {
        Lines lines = whole_;
        if (lines.batches().size() < 3) return;
        const std::uint64_t a = 1 + below(lines.batches().size() - 2);
        const wire::Header& one = subject_.log.headers[a];
        const wire::Header& two = subject_.log.headers[a + 1];
        const std::uint64_t which = below(3);
        if (which != 1) {
            const auto begin =
                lines.log().begin() + static_cast<std::ptrdiff_t>(one.first_index.value);
            const auto middle = begin + static_cast<std::ptrdiff_t>(one.count);
            std::rotate(begin, middle, middle + static_cast<std::ptrdiff_t>(two.count));
        }
        if (which != 0) std::swap(lines.batches()[a], lines.batches()[a + 1]);
        const Place place = which == 0 ? lines.place("log", one.first_index.value,
                                                     two.first_index.value + two.count - 1)
                                       : lines.place("batches", a, a + 1);
        look("two whole batches swapped", lines, place);
    }

    // A batch gone without a trace in log/ and batches/.
    void delete_batch() {
        Lines lines = whole_;
        const std::uint64_t at = 1 + below(lines.batches().size() - 1);
        const wire::Header& header = subject_.log.headers[at];
        const auto begin =
            lines.log().begin() + static_cast<std::ptrdiff_t>(header.first_index.value);
        lines.log().erase(begin, begin + static_cast<std::ptrdiff_t>(header.count));
        lines.batches().erase(lines.batches().begin() + static_cast<std::ptrdiff_t>(at));
        look("a whole batch deleted", lines, lines.place("batches", at, at));
    }

    void delete_receipt() {
        Lines lines = whole_;
        Strings& list = lines.anchors();
        std::vector<std::size_t> receipts;
        for (std::size_t i = 0; i < list.size(); ++i) {
            if (list[i].find("\"kind\":\"receipt\"") != std::string::npos) receipts.push_back(i);
        }
        const std::size_t at = receipts[below(receipts.size())];
        // A line that is gone cannot be named, nor its file; the batch that it anchored can.
        auto step = wire::parse_anchor_step(list[at]);
        const std::uint64_t batch =
            std::visit([](const auto& one) { return one.batch_id.value; }, *step);
        list.erase(list.begin() + static_cast<std::ptrdiff_t>(at));
        look("a receipt deleted", lines, lines.place("batches", batch, batch));
    }

    // The first `kept` batches, as a copy of the directory taken then holds them.
    [[nodiscard]] Lines as_it_was(std::uint64_t kept) const {
        Lines lines = whole_;
        const wire::Header& next = subject_.log.headers[kept];
        lines.batches().resize(kept);
        lines.log().resize(next.first_index.value);
        std::erase_if(lines.anchors(), [&](const std::string& line) {
            auto step = wire::parse_anchor_step(line);
            return std::visit([&](const auto& one) { return one.batch_id.value >= kept; }, *step);
        });
        return lines;
    }

    // The whole directory as it was some batches ago. Nothing in it can tell; the chain can.
    void roll_back() {
        const std::uint64_t kept = 1 + below(whole_.batches().size() - 1);
        testing::FakeChainView chain(subject_.chain);
        const std::uint64_t newest = subject_.log.headers.size() - 1;
        look("the directory rolled back, the chain asked", as_it_was(kept),
             whole_.place("batches", kept, newest), &chain);
    }

    // The same before somebody who kept a checkpoint of a batch that is gone since; every other
    // time the log has grown again with the right key, past the size it had.
    void roll_back_under_a_kept_checkpoint() {
        const std::uint64_t newest = whole_.batches().size() - 1;
        const std::uint64_t kept = 1 + below(newest);
        const std::uint64_t noted = kept + below(newest - kept + 1);
        const bool grown = below(2) == 0;
        MapFileSystem fs = as_it_was(kept).files();
        if (grown) {
            fs.files.clear();
            testing::LogBuilder again;
            again.fill(newest + 1 + below(3), 2);
            again.write(fs, kStoreDir);
        }
        const auto line = wire::parse_batch_line(whole_.batches()[noted]);
        const auto report = verify_consistency(fs, kStoreDir, line->checkpoint, subject_.trust);
        verify::Report as_audit;
        as_audit.verdict = report.verdict;
        as_audit.faults = report.faults;
        tally_.add(
            grown ? "the directory rolled back and grown again, a checkpoint kept"
                  : "the directory rolled back, a checkpoint kept",
            judge(as_audit, subject_.clean, whole_.place("batches", grown ? 0 : kept, noted)),
            "to " + std::to_string(kept) + " under " + std::to_string(noted));
    }

    const Subject& subject_;
    Lines whole_;
    std::mt19937_64 draw_;
    std::uint8_t wrong_key_;
    Tally tally_;
};

}  // namespace

Tally do_deeds(const Subject& subject, std::uint64_t rounds, std::uint64_t seed) {
    return Deeds(subject, seed).run(rounds);
}

}  // namespace anchorlog::edits
