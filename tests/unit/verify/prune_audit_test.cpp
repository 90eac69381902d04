#include "verify/prune_audit.h"

#include <algorithm>

#include "anchorlog/verify/evidence.h"
#include "anchorlog/wire/entry.h"
#include "fixture.h"

namespace anchorlog::verify {
namespace {

constexpr std::size_t kLines = 10;  // of a segment
const std::string kLog = "store/log/";
const std::string kFirst = kLog + "00000000000000000000";
const std::string kSecond = kLog + "00000000000000000010";

// 45 entries in batches of 6 and more, over segments of ten; the third batch has more sources than
// its header lists. Entries 10-19 are one segment, 33 is an alert.
class PruneAuditTest : public ::testing::Test {
protected:
    void SetUp() override {
        log.add_audit();
        log.fill(2, 6);
        for (int device = 0; device < 18; ++device) log.add_alert("cam-" + std::to_string(device));
        log.seal();
        log.fill(2, 6);
        log.add_alert("cam-1");
        log.add_alert("cam-1");
    }
    MapFileSystem& write() {
        fs.files.clear();
        log.write(fs, "store", kLines, true);
        return fs;
    }
    Report audit(const AuditOptions& options = {}) {
        return verify_log(fs, "store", trust_of(log), nullptr, options);
    }
    void expect_fault(const std::string& kind, const std::string& named) {
        const Report report = audit();
        EXPECT_EQ(report.verdict, Verdict::fail);
        const std::string all = all_faults(report);
        EXPECT_NE(all.find(kind + " | "), std::string::npos) << all;
        EXPECT_NE(all.find(named), std::string::npos) << all;
    }
    static bool tells(const std::vector<std::string>& all, const std::string& what) {
        return std::any_of(all.begin(), all.end(), [&](const std::string& one) {
            return one.find(what) != std::string::npos;
        });
    }

    LogBuilder log;
    MapFileSystem fs;
};

TEST_F(PruneAuditTest, APrunedSegmentPassesAndIsTold) {
    write();
    const Report whole = audit();
    log.prune(10, 19, kLines);
    write();
    ASSERT_FALSE(fs.files.contains(kSecond + ".ndjson"));
    const Report report = audit();
    EXPECT_EQ(report.verdict, Verdict::pass) << all_faults(report);
    EXPECT_EQ(report.checked.pruned, 10u);
    EXPECT_EQ(report.checked.entries, whole.checked.entries);
    EXPECT_TRUE(tells(report.notes, "entries 10-19 (older than a year): the lines of 10 of them"));
    EXPECT_TRUE(tells(report.not_checked, "the lines of 10 pruned entries"));
    EXPECT_NE(to_text(report).find("10 pruned"), std::string::npos);
    // Devices are counted from what the headers say.
    ASSERT_EQ(report.devices.size(), whole.devices.size());
    for (std::size_t i = 0; i < whole.devices.size(); ++i) {
        EXPECT_EQ(report.devices[i].device, whole.devices[i].device);
        EXPECT_EQ(report.devices[i].alerts, whole.devices[i].alerts);
        EXPECT_EQ(report.devices[i].gaps, whole.devices[i].gaps);
        EXPECT_EQ(report.devices[i].highest, whole.devices[i].highest);
        EXPECT_EQ(report.devices[i].epochs, whole.devices[i].epochs);
    }
    AuditOptions part;
    part.range = EntryRange{12, 30};
    EXPECT_EQ(audit(part).verdict, Verdict::pass) << all_faults(audit(part));
}

TEST_F(PruneAuditTest, APutBackSegmentIsCheckedInFull) {
    log.prune(10, 19, kLines);
    write();
    LogBuilder& builder = log;
    const auto erased = std::exchange(builder.erased, {});
    MapFileSystem whole;
    builder.write(whole, "store", kLines, true);
    builder.erased = erased;
    fs.files[kSecond + ".ndjson"] = whole.files.at(kSecond + ".ndjson");
    const Report report = audit();
    EXPECT_EQ(report.verdict, Verdict::pass) << all_faults(report);
    EXPECT_EQ(report.checked.pruned, 0u);
    EXPECT_TRUE(tells(report.notes, "the lines of 0 of them are gone"));
    std::string& text = fs.files[kSecond + ".ndjson"];
    text.replace(text.find("\"seq_no\":"), 10, "\"seq_no\":7");
    expect_fault("altered", kSecond.substr(6) + ".ndjson");
}

TEST_F(PruneAuditTest, AnErasedEntryPassesAndItsNeighboursAreChecked) {
    log.prune(33, 33, kLines);
    write();
    const Report report = audit();
    EXPECT_EQ(report.verdict, Verdict::pass) << all_faults(report);
    EXPECT_EQ(report.checked.pruned, 1u);
    EXPECT_TRUE(tells(report.notes, "prunes entry 33"));
    std::string& text = fs.files[kLog + "00000000000000000030.ndjson"];
    const std::size_t at = text.find("\"erased\":\"") + 10;
    text[at] = text[at] == '0' ? '1' : '0';
    expect_fault("altered", "33");
}

TEST_F(PruneAuditTest, WhatIsGoneWithoutASealedHeaderFails) {
    log.prune(10, 19, kLines);
    log.batches.pop_back();
    write();
    expect_fault("erased", "10-19 gone, and no sealed prune header");
    fs.files.erase(kSecond + ".devices.ndjson");
    expect_fault("missing", "10");
}

TEST_F(PruneAuditTest, AnErasedLineOutsideTheRangesFails) {
    log.prune(33, 33, kLines);
    log.erased.insert(34);
    write();
    const Report report = audit();
    EXPECT_EQ(report.verdict, Verdict::fail);
    EXPECT_EQ(kinds(report), std::vector<std::string>{"erased"}) << all_faults(report);
    EXPECT_EQ(report.faults[0].index, 34u);
    EXPECT_EQ(report.faults[0].index_last.value_or(34), 34u);
    log.erased.erase(34);
    log.erased.insert(44);  // not sealed
    write();
    expect_fault("erased", "44");
}

TEST_F(PruneAuditTest, ChangedFilesAreNamed) {
    log.prune(10, 19, kLines);
    write();
    std::string& leaves = fs.files[kSecond + ".leaves"];
    leaves[40] = static_cast<char>(leaves[40] ^ 1);
    expect_fault("batch_altered", kSecond.substr(6) + ".leaves");
    write();
    fs.files[kSecond + ".leaves"] += "x";
    expect_fault("", "11");
    write();
    fs.files[kSecond + ".leaves"].resize(9 * Hash::kSize);
    expect_fault("missing", "19");
    write();
    std::string& devices = fs.files[kSecond + ".devices.ndjson"];
    devices.replace(devices.rfind("\"count\":1"), 9, "\"count\":2");
    expect_fault("devices", kSecond.substr(6) + ".devices.ndjson");
    write();
    fs.files[kSecond + ".devices.ndjson"] += "\n";
    expect_fault("devices", "seals other devices");
    write();
    fs.files.erase(kSecond + ".leaves");
    expect_fault("missing", "10");
}

TEST_F(PruneAuditTest, RangesThatOverlapOrCrossSegmentsFail) {
    log.prune(10, 19, kLines);
    log.prune(15, 15, kLines);
    write();
    expect_fault("prune_range", "pruned already");
    LogBuilder other;
    other.fill(8, 5);
    other.prune(8, 12, kLines);
    other.erased.clear();
    fs.files.clear();
    other.write(fs, "store", kLines, true);
    fs.files[kFirst + ".devices.ndjson"] = other.devices_of(0, kLines);
    fs.files[kSecond + ".devices.ndjson"] = other.devices_of(10, kLines);
    const Report report = verify_log(fs, "store", trust_of(other), nullptr, {});
    EXPECT_EQ(kinds(report), std::vector<std::string>{"prune_range"}) << all_faults(report);
}

TEST_F(PruneAuditTest, OfAPrunedEntryItIsSaidWhereItsLineIs) {
    const ExportedEvidence before = [&] {
        write();
        return export_evidence(fs, "store", WhichEntry(EntryIndex(12)), nullptr);
    }();
    ASSERT_EQ(before.report.verdict, Verdict::pass);
    const wire::EntryId id =
        wire::alert_key(wire::parse_entry_line(log.entries[12])->body)->entry_id;
    log.prune(10, 19, kLines);
    write();
    const Trust trust = trust_of(log);
    const ExportedEvidence gone = export_evidence(fs, "store", WhichEntry(EntryIndex(12)), nullptr);
    EXPECT_EQ(gone.report.verdict, Verdict::undecided);
    EXPECT_TRUE(tells(gone.report.undecided, "entry 12 is pruned"));
    EXPECT_TRUE(tells(verify_entry(fs, "store", WhichEntry(id), trust, nullptr).notes,
                      "the ids of pruned entries"));
    EXPECT_EQ(verify_evidence(before.file, trust, nullptr).verdict, Verdict::pass);
    // Entries of the same batch are proved by the leaves beside them.
    EXPECT_EQ(verify_entry(fs, "store", WhichEntry(EntryIndex(9)), trust, nullptr).verdict,
              Verdict::pass);
    EXPECT_EQ(verify_entry(fs, "store", WhichEntry(EntryIndex(20)), trust, nullptr).verdict,
              Verdict::pass);
    log.batches.pop_back();
    write();
    EXPECT_EQ(verify_entry(fs, "store", WhichEntry(EntryIndex(12)), trust, nullptr).verdict,
              Verdict::fail);
}

}  // namespace
}  // namespace anchorlog::verify
