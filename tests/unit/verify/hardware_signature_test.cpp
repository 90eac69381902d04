#include <gmock/gmock.h>

#include "anchorlog/verify/evidence.h"
#include "anchorlog/wire/evidence.h"
#include "support/hardware_key.h"
#include "unit/verify/fixture.h"

namespace anchorlog::verify {
namespace {

using ::testing::Contains;
using testing::hardware_key_from_seed;
using ::testing::HasSubstr;

// Five batches, the last two under another key of the log's own.
class HardwareSignature : public ::testing::Test {
protected:
    HardwareSignature() : log(1, hardware_key_from_seed(7)) {
        log.fill(2, 5);
        device = log.hardware;
    }
    void finish() {
        log.hardware = device;
        log.fill(1, 5);
        log.change_key(2);
        log.fill(1, 5);
    }
    Trust pinned() const {
        Trust trust = trust_of_first(log);
        trust.hardware.push_back(
            wire::make_hardware_key(LogBuilder::kOrigin, device->public_key()));
        return trust;
    }
    Trust unpinned() const { return trust_of_first(log); }
    // Puts this in the place of the last line of a batch's checkpoint.
    void replace_line(std::size_t batch, const std::string& line) {
        auto parts = *wire::parse_batch_line(log.batches[batch]);
        const std::size_t at = parts.checkpoint.rfind("\u2014", parts.checkpoint.size() - 2);
        parts.checkpoint = parts.checkpoint.substr(0, at) + line;
        log.batches[batch] = wire::format_batch_line(parts);
    }
    std::string line_of(std::size_t batch) const {
        const std::string note = wire::parse_batch_line(log.batches[batch])->checkpoint;
        return note.substr(note.rfind("\u2014"));
    }

    LogBuilder log;
    LogBuilder::HardwareKey device;
};

TEST_F(HardwareSignature, IsDemandedWhereTheTrustFileNamesTheKey) {
    finish();
    const Report report = audit(log, pinned());
    ASSERT_EQ(report.verdict, Verdict::pass) << all_faults(report);
    const std::string vkey =
        wire::format_vkey(wire::make_hardware_key(LogBuilder::kOrigin, device->public_key()));
    EXPECT_THAT(to_text(report), HasSubstr("signatures of " + vkey));
    EXPECT_THAT(report.notes, Not(Contains(HasSubstr("were not looked at"))));
}

TEST_F(HardwareSignature, IsIgnoredAndNamedWhereItDoesNot) {
    finish();
    replace_line(2, line_of(1));
    const Report report = audit(log, unpinned());
    ASSERT_EQ(report.verdict, Verdict::pass) << all_faults(report);
    EXPECT_THAT(report.notes, Contains(HasSubstr("were not looked at")));
    EXPECT_THAT(to_text(report), Not(HasSubstr("sealed in hardware")));
}

TEST_F(HardwareSignature, ThatIsMissingNamesTheBatch) {
    log.hardware = nullptr;
    log.fill(1, 5);
    finish();
    const Report report = audit(log, pinned());
    ASSERT_EQ(kinds(report), (std::vector<std::string>{"hardware_signature"}))
        << all_faults(report);
    EXPECT_EQ(report.faults[0].batch, 3u);
    EXPECT_EQ(report.verdict, Verdict::fail);
    EXPECT_THAT(describe(report.faults[0]), HasSubstr("the hardware key did not sign"));
    EXPECT_EQ(audit(log, unpinned()).verdict, Verdict::pass);
}

TEST_F(HardwareSignature, OfAnotherCheckpointNamesTheBatch) {
    finish();
    replace_line(2, line_of(1));
    const Report report = audit(log, pinned());
    ASSERT_EQ(kinds(report), (std::vector<std::string>{"hardware_signature"}))
        << all_faults(report);
    EXPECT_EQ(report.faults[0].batch, 2u);
    EXPECT_THAT(report.faults[0].detail, HasSubstr("does not verify"));
}

TEST_F(HardwareSignature, OutlivesAChangeOfTheLogsOwnKey) {
    finish();
    log.hardware = nullptr;
    log.fill(1, 5);
    const Report report = audit(log, pinned());
    ASSERT_EQ(kinds(report), (std::vector<std::string>{"hardware_signature"}));
    EXPECT_EQ(report.faults[0].batch, 6u);
}

// Who stole the file of the log's own key writes another history under it.
TEST_F(HardwareSignature, IsWhatAThiefOfTheLogsKeyLacks) {
    finish();
    LogBuilder forged;
    forged.fill(3, 5);
    EXPECT_EQ(audit(forged, unpinned()).verdict, Verdict::pass) << "the own key alone";
    Report report = audit(forged, pinned());
    EXPECT_THAT(kinds(report), Contains("genesis_key"));
    EXPECT_THAT(kinds(report), Contains("hardware_signature"));

    LogBuilder with_own_device(1, hardware_key_from_seed(8));
    with_own_device.fill(3, 5);
    report = audit(with_own_device, pinned());
    EXPECT_THAT(kinds(report), Contains("genesis_key"));
    EXPECT_THAT(kinds(report), Contains("hardware_signature"));
}

TEST_F(HardwareSignature, IsCheckedInEvidence) {
    const auto evidence = [&] {
        MapFileSystem fs;
        log.write(fs, "store");
        return *wire::parse_evidence(export_evidence(fs, "store", EntryIndex(3), nullptr).file);
    };
    const wire::Evidence good = evidence();
    const auto check = [&](const wire::Evidence& one, const Trust& trust) {
        return verify_evidence(wire::format_evidence(one), trust, nullptr);
    };
    const EntryReport passed = check(good, pinned());
    ASSERT_EQ(passed.verdict, Verdict::pass) << to_text(passed);
    EXPECT_THAT(to_text(passed), HasSubstr("sealed in hardware"));

    wire::Evidence bare = good;
    bare.checkpoint = bare.checkpoint.substr(0, bare.checkpoint.rfind("\u2014"));
    const EntryReport failed = check(bare, pinned());
    EXPECT_EQ(failed.verdict, Verdict::fail);
    EXPECT_EQ(failed.hits.at(0).steps.back().name, "hardware_signature");
    EXPECT_EQ(check(bare, unpinned()).verdict, Verdict::pass);
}

TEST_F(HardwareSignature, IsDemandedOfAKeptCheckpoint) {
    const std::string kept = log.checkpoint();
    finish();
    MapFileSystem fs;
    log.write(fs, "store");
    const ConsistencyReport passed = verify_consistency(fs, "store", kept, pinned());
    EXPECT_EQ(passed.verdict, Verdict::pass) << to_text(passed);
    EXPECT_THAT(to_text(passed), HasSubstr("sealed in hardware"));
    const std::string bare = kept.substr(0, kept.rfind("\u2014"));
    const ConsistencyReport undecided = verify_consistency(fs, "store", bare, pinned());
    EXPECT_EQ(undecided.verdict, Verdict::undecided);
    EXPECT_THAT(to_text(undecided), HasSubstr("proves nothing"));
    EXPECT_EQ(verify_consistency(fs, "store", bare, unpinned()).verdict, Verdict::pass);
}

TEST_F(HardwareSignature, KeyStandsInTheTrustFileBesideTheLogsOwn) {
    const std::string own = "log " + wire::format_vkey(log.vkey()) + "\n";
    const std::string second = "log " + wire::format_vkey(log.hardware_vkey()) + "\n";
    for (const std::string& text : {own + second, second + own}) {
        const auto trust = parse_trust(text);
        ASSERT_TRUE(trust) << trust.error().message;
        EXPECT_EQ(trust->keys_of(LogBuilder::kOrigin).size(), 1u);
        ASSERT_EQ(trust->hardware_of(LogBuilder::kOrigin).size(), 1u);
        EXPECT_TRUE(trust->hardware_of("other.example/log").empty());
    }
    const auto alone = parse_trust(second);
    ASSERT_FALSE(alone);
    const auto of_another = parse_trust(
        own + "log " +
        wire::format_vkey(wire::make_hardware_key("other.example/log", device->public_key())));
    ASSERT_FALSE(of_another);
    EXPECT_THAT(of_another.error().message, HasSubstr("stands alone"));
}

}  // namespace
}  // namespace anchorlog::verify
