#include <functional>

#include "anchorlog/verify/evidence.h"
#include "anchorlog/wire/evidence.h"
#include "unit/verify/fixture.h"

// Evidence of a log whose key was changed: batches 1-2 by the first key, 3 the change, 4-5 by the
// second, 6 the change, 7 by the third; ten entries a batch.
namespace anchorlog::verify {
namespace {

class ChangedKey : public ::testing::Test {
protected:
    ChangedKey() {
        log.fill(2, 10);
        before = exported(5);
        log.change_key(7);
        second = trust_of(log);
        log.fill(2, 10);
        log.anchor(chain);
        log.change_key(8, "compromise");
        log.fill(1, 10);
        first = trust_of_first(log);
        third = trust_of(log);
        for (Trust* trust : {&first, &second, &third}) trust_blocks(*trust, chain);
    }
    [[nodiscard]] std::string exported(std::uint64_t index) const {
        MapFileSystem fs;
        log.write(fs, "store");
        const ExportedEvidence made = export_evidence(fs, "store", EntryIndex(index), nullptr);
        EXPECT_EQ(made.report.verdict, Verdict::pass) << to_text(made.report);
        return made.file;
    }
    [[nodiscard]] wire::Evidence evidence_of(std::uint64_t index) const {
        return *wire::parse_evidence(exported(index));
    }
    // The link that breaks, or nothing.
    static std::string broken(const wire::Evidence& evidence, const Trust& trust) {
        const EntryReport report = verify_evidence(wire::format_evidence(evidence), trust, nullptr);
        if (report.verdict == Verdict::pass) return "";
        EXPECT_EQ(report.verdict, Verdict::fail) << to_text(report);
        return report.faults.empty() ? "?" : report.faults[0].kind;
    }
    using Change = std::function<void(wire::Evidence&)>;
    [[nodiscard]] std::string broken_by(std::uint64_t index, const Change& change) const {
        wire::Evidence evidence = evidence_of(index);
        EXPECT_EQ(broken(evidence, first), "");
        change(evidence);
        return broken(evidence, first);
    }

    LogBuilder log;
    FakeChain chain;
    std::string before;  // made before any change
    Trust first, second, third;
};

TEST_F(ChangedKey, IsFollowedFromAnyKeyThatIsTrusted) {
    for (const std::uint64_t index : {5u, 25u, 45u}) {
        const wire::Evidence evidence = evidence_of(index);
        // Up to the change its checkpoint knows: the anchor over the first four is of batch 5.
        EXPECT_EQ(evidence.keys.size(), index == 45 ? 2u : 1u);
        EXPECT_EQ(broken(evidence, first), "") << index;
        EXPECT_EQ(broken(evidence, second), "") << index;
        EXPECT_EQ(broken(evidence, third), index == 45 ? "" : "keys") << index;
        Trust stranger = first;
        stranger.logs[0].key = LogBuilder(99).vkey();
        EXPECT_EQ(broken(evidence, stranger), "keys");
        EXPECT_EQ(verify_evidence(wire::format_evidence(evidence), first, nullptr).level,
                  index == 45 ? Level::sealed : Level::anchored);
    }
}

TEST_F(ChangedKey, EvidenceOfBeforeStillHolds) {
    const wire::Evidence evidence = *wire::parse_evidence(before);
    EXPECT_TRUE(evidence.keys.empty());
    EXPECT_EQ(broken(evidence, first), "");
    EXPECT_EQ(broken(evidence, second), "checkpoint") << "nothing in it leads to that key";
}

TEST_F(ChangedKey, AChangeThatIsLeftOutIsMissed) {
    EXPECT_EQ(broken_by(45, [](auto& e) { e.keys.clear(); }), "checkpoint");
    EXPECT_EQ(broken_by(45, [](auto& e) { e.keys.pop_back(); }), "checkpoint");
    EXPECT_EQ(broken_by(45, [](auto& e) { e.keys.erase(e.keys.begin()); }), "keys");
    EXPECT_EQ(broken_by(45, [](auto& e) { std::swap(e.keys[0], e.keys[1]); }), "keys");
    EXPECT_EQ(broken_by(45, [](auto& e) { e.keys[1] = e.keys[0]; }), "keys");
}

TEST_F(ChangedKey, AnAlteredChangeIsNamed) {
    const auto without = [](std::size_t line) {
        return [line](wire::Evidence& e) {
            std::string& note = e.keys[0].checkpoint;
            const std::size_t at = note.find("\n\n") + 2;
            const std::size_t end = note.find('\n', at) + 1;
            note = line == 0 ? note.substr(0, at) + note.substr(end) : note.substr(0, end);
        };
    };
    EXPECT_EQ(broken_by(45, without(0)), "keys") << "signed by the new key alone";
    EXPECT_EQ(broken_by(45, without(1)), "keys") << "signed by the old key alone";
    EXPECT_EQ(broken_by(45,
                        [](auto& e) {
                            std::string& header = e.keys[1].header;
                            header.replace(header.find("compromise"), 10, "planned");
                        }),
              "keys");
    EXPECT_EQ(broken_by(45, [](auto& e) { e.keys[0].path[0].bytes[3] ^= 1; }), "keys");
    EXPECT_EQ(broken_by(45, [](auto& e) { e.keys[0].path.pop_back(); }), "keys");
    EXPECT_EQ(broken_by(45, [](auto& e) { e.keys[0].checkpoint = e.checkpoint; }), "keys");
    EXPECT_EQ(broken_by(45, [](auto& e) { e.keys[0].header = e.header; }), "keys");
    EXPECT_EQ(broken_by(45, [](auto& e) { e.keys[0].header.clear(); }), "keys");
}

// The first key's holder seals on behind the change, and the daemon takes it into the history.
TEST_F(ChangedKey, ASealOfTheOldKeyBehindTheChangeIsRefused) {
    const auto id = [](const wire::VerifierKey& key) {
        return wire::format_key_id(key.key_id);
    };
    log.add_alert();
    log.before_signing = [&](std::string& text) {
        text.replace(text.find(id(log.vkey())), 8, id(first.logs[0].key));
    };
    log.seal();
    std::array<std::uint8_t, 32> seed{};
    seed.fill(1);
    const auto old = crypto::signer_from_seed(seed);
    ASSERT_EQ(old->public_key(), first.logs[0].key.key);
    const eth::AnchorRecord record = log.newest_record();
    const auto seal = old->sign(
        wire::seal_payload(record.log_id, record.batch_id, record.merkle_root, record.history_root,
                           WallTime{static_cast<std::int64_t>(record.sealed_at_ms)}));
    ASSERT_TRUE(seal);
    auto line = wire::parse_batch_line(log.batches.back());
    line->seal.assign(seal->begin(), seal->end());
    log.batches.back() = wire::format_batch_line(*line);

    MapFileSystem fs;
    log.write(fs, "store");
    EXPECT_EQ(kinds(verify_log(fs, "store", first, nullptr)), std::vector<std::string>{"seal"});
    wire::Evidence evidence = evidence_of(45);
    const EntryReport entry = verify_entry(fs, "store", EntryIndex(50), first, nullptr);
    EXPECT_EQ(entry.verdict, Verdict::fail);
    ASSERT_FALSE(entry.faults.empty());
    EXPECT_EQ(entry.faults[0].kind, "seal");
}

TEST_F(ChangedKey, AnAlteredChangeInTheStoreIsNamed) {
    auto line = wire::parse_batch_line(log.batches[6]);
    line->header.replace(line->header.find("compromise"), 10, "planned");
    log.batches[6] = wire::format_batch_line(*line);
    const Report report = audit(log, first);
    ASSERT_FALSE(report.faults.empty());
    EXPECT_EQ(report.faults[0].kind, "header");
    EXPECT_EQ(report.faults[0].batch, 6u);
}

}  // namespace
}  // namespace anchorlog::verify
