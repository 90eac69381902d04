#include "anchorlog/wire/header.h"

#include <gtest/gtest.h>

#include <functional>

#include "anchorlog/crypto/sha256.h"
#include "anchorlog/wire/canonical_json.h"
#include "anchorlog/wire/note.h"
#include "support/hardware_key.h"
#include "unit/wire/mutations.h"

namespace anchorlog::wire {
namespace {

const std::string kOrigin = "anchorlog.example/gw-01";
const std::string kZeros(64, '0');

Source source(const std::string& device, std::uint64_t epoch, std::uint64_t first,
              std::uint64_t last, std::uint64_t count, std::uint64_t gaps) {
    return {device, Epoch(epoch), SeqNo(first), SeqNo(last), count, gaps};
}

Header batch() {
    Header header;
    header.batch_id = BatchId(7);
    header.count = 6;
    header.count_audit = 1;
    header.first_index = EntryIndex(300);
    header.log = kOrigin;
    header.opened_at = WallTime{1'767'323'045'678};
    header.reason = "count";
    header.sealed_at = WallTime{1'767'323'045'999};
    header.signer = "bebb40df";
    header.sources = {source("cam-1", 0, 10, 13, 3, 1), source("cam-1", 2, 1, 2, 2, 0)};
    return header;
}

Header genesis() {
    Header header;
    header.kind = "genesis";
    header.log = kOrigin;
    header.merkle_root = header.prev_root = crypto::sha256(ByteView());
    header.reason = "control";
    header.signer = "530d903a";
    header.genesis =
        GenesisRecord{{"example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"},
                      Hash(),
                      {50, 60, 30},
                      ""};
    return header;
}

std::string text_of(const Header& header) {
    auto text = format_header(header);
    EXPECT_TRUE(text) << text.error().message;
    return text ? *text : "";
}

void expect_refused(const std::function<void(Header&)>& change, Header header = batch()) {
    change(header);
    const auto text = format_header(header);
    EXPECT_FALSE(text) << *text;
}

TEST(Header, OfABatch) {
    const std::string text = text_of(batch());
    EXPECT_EQ(
        text,
        R"({"batch_id":7,"count":6,"count_audit":1,"first_index":300,"kind":"batch",)"
        R"("log":"anchorlog.example/gw-01","merkle_root":")" +
            kZeros + R"(","opened_at":"2026-01-02T03:04:05.678Z","prev_root":")" + kZeros +
            R"(","reason":"count","sealed_at":"2026-01-02T03:04:05.999Z","signer":"bebb40df",)"
            R"("sources":[{"count":3,"device_id":"cam-1","epoch":0,"first_seq":10,"gaps":1,)"
            R"("last_seq":13},{"count":2,"device_id":"cam-1","epoch":2,"first_seq":1,"gaps":0,)"
            R"("last_seq":2}],"v":1})");
    EXPECT_TRUE(is_canonical(text));
    const auto parsed = parse_header(text);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(text_of(*parsed), text);
    EXPECT_EQ(parsed->sources.size(), 2U);
    EXPECT_EQ(parsed->sources[1].epoch, Epoch(2));
}

TEST(Header, OfTheGenesis) {
    Header header = genesis();
    const std::string text = text_of(header);
    EXPECT_NE(text.find(R"("genesis":{"canon":"rfc8785","keys":["example.com/foo+530d903a+Aeky)"),
              std::string::npos);
    EXPECT_NE(text.find(R"("policy":{"entries":50,"interval_s":60,"window_s":30}},"kind")"),
              std::string::npos);
    EXPECT_TRUE(is_canonical(text));
    EXPECT_EQ(text_of(*parse_header(text)), text);
    header.genesis->continues = "old\n\n\u2014 x\n";
    EXPECT_EQ(parse_header(text_of(header))->genesis->continues, header.genesis->continues);
}

TEST(Header, WithABeaconOrWithMoreSourcesThanRows) {
    Header header = batch();
    header.beacon = Beacon{1337, Hash(), 99};
    EXPECT_EQ(parse_header(text_of(header))->beacon->number, 99U);

    header.sources.clear();
    header.count = 18;
    header.sources_count = 17;
    header.sources_digest = Hash();
    const std::string text = text_of(header);
    EXPECT_TRUE(is_canonical(text));
    EXPECT_NE(text.find(R"("sources":[],"sources_count":17,"sources_digest":")"),
              std::string::npos);
    EXPECT_EQ(text_of(*parse_header(text)), text);
}

TEST(Header, CountsMustAddUp) {
    expect_refused([](Header& h) { h.count = 7; });
    expect_refused([](Header& h) { h.count_audit = 0; });
    expect_refused([](Header& h) { h.count_audit = 7; });
    expect_refused([](Header& h) { h.sources.clear(); });
    expect_refused([](Header& h) { h.sources[0].gaps = 0; });
    expect_refused([](Header& h) { h.sources[0].gaps = 11; });
    expect_refused([](Header& h) { h.sources[0].count = 5; });
    expect_refused([](Header& h) { h.sources[0].first_seq = SeqNo(0); });
    expect_refused([](Header& h) { h.sources[0].first_seq = SeqNo(14); });
    expect_refused([](Header& h) { h.sources[0].device_id = "a b"; });
    expect_refused([](Header& h) { h.sources[1].epoch = Epoch(0); });  // the same row twice
    expect_refused([](Header& h) { h.sources_count = 17; });
    expect_refused([](Header& h) { h.sources_digest = Hash(); });
    const auto digest = [](std::uint64_t sources, std::uint64_t alerts) {
        return [=](Header& h) {
            h.sources.clear();
            h.sources_count = sources;
            h.sources_digest = Hash();
            h.count = alerts + h.count_audit;
        };
    };
    expect_refused(digest(16, 100));
    expect_refused(digest(17, 16));
    expect_refused([](Header& h) {
        h.count = kIntegerMax + 2;
        h.sources[0].count = kIntegerMax - 2;
    });
}

TEST(Header, MembersMustBeOfTheirForm) {
    expect_refused([](Header& h) { h.kind = "key"; });
    expect_refused([](Header& h) { h.log = ""; });
    expect_refused([](Header& h) { h.log = "Upper"; });
    expect_refused([](Header& h) { h.reason = "because"; });
    expect_refused([](Header& h) { h.signer = "BEBB40DF"; });
    expect_refused([](Header& h) { h.signer = "bebb40"; });
    expect_refused([](Header& h) { h.batch_id = BatchId(0); });
    expect_refused([](Header& h) { h.batch_id = BatchId(kIntegerMax + 1); });
    expect_refused([](Header& h) { h.genesis = genesis().genesis; });
    expect_refused([](Header& h) {
        h.count = h.count_audit = 0;
        h.sources.clear();
    });
}

TEST(Header, AGenesisHasNothingBeforeIt) {
    expect_refused([](Header& h) { h.batch_id = BatchId(1); }, genesis());
    expect_refused([](Header& h) { h.first_index = EntryIndex(1); }, genesis());
    expect_refused([](Header& h) { h.prev_root = Hash(); }, genesis());
    expect_refused([](Header& h) { h.merkle_root = Hash(); }, genesis());
    expect_refused([](Header& h) { h.count = h.count_audit = 1; }, genesis());
    expect_refused([](Header& h) { h.genesis.reset(); }, genesis());
    expect_refused([](Header& h) { h.genesis->keys.clear(); }, genesis());
    expect_refused([](Header& h) { h.genesis->keys = {"nokey"}; }, genesis());
}

TEST(Header, AGenesisMayNameAHardwareKeyBehindItsOwn) {
    const std::string hardware = format_vkey(
        make_hardware_key("example.com/foo", anchorlog::testing::new_hardware_key()->public_key()));
    Header header = genesis();
    const std::string own = header.genesis->keys.front();
    header.genesis->keys.push_back(hardware);
    EXPECT_EQ(parse_header(text_of(header))->genesis->keys, (std::vector{own, hardware}));
    expect_refused([&](Header& h) { h.genesis->keys = {hardware, own}; }, genesis());
    expect_refused([&](Header& h) { h.genesis->keys = {hardware}; }, genesis());
}

TEST(Header, SourcesMustBeListedInOrder) {
    std::string swapped = text_of(batch());
    swapped.replace(swapped.find("\"epoch\":0"), 9, "\"epoch\":3");
    ASSERT_TRUE(is_canonical(swapped));
    EXPECT_FALSE(parse_header(swapped));
}

// The text of a batch header with one piece replaced.
std::string edited(const std::string& text, std::string_view from, std::string_view to) {
    std::string out = text;
    const std::size_t at = out.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    if (at != std::string::npos) out.replace(at, from.size(), to);
    return out;
}

// The text of a batch that holds nothing, still named so.
std::string control_text() {
    const std::string empty = to_hex(crypto::sha256(ByteView()));
    std::string text = text_of(batch());
    text = edited(text, "\"count\":6,\"count_audit\":1", "\"count\":0,\"count_audit\":0");
    text = edited(text, "\"merkle_root\":\"" + kZeros, "\"merkle_root\":\"" + empty);
    return text.substr(0, text.find("[{")) + "[],\"v\":1}";
}

TEST(Header, OtherKindsKeepTheirCommonMembers) {
    const std::string empty = to_hex(crypto::sha256(ByteView()));
    const std::string text = control_text();
    const std::string key = edited(edited(text, "\"kind\":\"batch\"", R"("kind":"other")"),
                                   "\"prev_root\"", R"("other":{"why":"age"},"prev_root")");
    const auto parsed = parse_header(key);
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(parsed->kind, "other");
    EXPECT_EQ(parsed->batch_id, BatchId(7));
    EXPECT_TRUE(parse_header(edited(edited(text, "\"kind\":\"batch\"", "\"kind\":\"new\""),
                                    ",\"opened_at\"", ",\"new\":[1],\"opened_at\"")));
    EXPECT_FALSE(parse_header(edited(text, "\"kind\":\"batch\"", "\"kind\":\"key\"")));
    EXPECT_FALSE(parse_header(edited(text, "\"kind\":\"batch\"", "\"kind\":\"log\"")));
    EXPECT_FALSE(parse_header(edited(text, "\"kind\":\"batch\"", "\"kind\":\"\"")));
    EXPECT_FALSE(parse_header(edited(key, empty, kZeros)));
    EXPECT_FALSE(parse_header(
        edited(key, "\"count\":0,\"count_audit\":0", "\"count\":1,\"count_audit\":1")));
}

// Entries 0 to 299 are sealed before the batch.
TEST(Header, OfAPruneNamesRangesOfSealedEntriesInOrder) {
    const auto prune = [](const std::string& ranges, const std::string& why = "a year old",
                          const std::string& devices = kZeros) {
        const std::string member = R"("prune":{"devices_sha256":")" + devices + R"(","ranges":)" +
                                   ranges + R"(,"why":")" + why + R"("},"reason")";
        return parse_header(
            edited(edited(control_text(), "\"kind\":\"batch\"", R"("kind":"prune")"), "\"reason\"",
                   member));
    };
    const auto parsed = prune("[[0,9],[10,10],[20,299]]");
    ASSERT_TRUE(parsed) << parsed.error().message;
    ASSERT_TRUE(parsed->prune);
    EXPECT_EQ(parsed->prune->ranges.size(), 3u);
    EXPECT_EQ(parsed->prune->ranges[2].last, EntryIndex(299));
    EXPECT_EQ(parsed->prune->why, "a year old");
    const auto again = parse_header(text_of(*parsed));
    ASSERT_TRUE(again);
    EXPECT_EQ(text_of(*again), text_of(*parsed));
    for (const char* bad : {"[]", "[[0]]", "[[0,1,2]]", "[[1,0]]", "[[0,5],[5,9]]", "[[6,9],[0,5]]",
                            "[[0,300]]", "[[0,-1]]", "[0,1]", "{}", "[[\"0\",1]]"}) {
        EXPECT_FALSE(prune(bad)) << bad;
    }
    EXPECT_FALSE(prune("[[0,9]]", ""));
    EXPECT_FALSE(prune("[[0,9]]", "caf\xC3\xA9"));
    EXPECT_FALSE(prune("[[0,9]]", std::string(kPruneWhySizeMax + 1, 'x')));
    EXPECT_TRUE(prune("[[0,9]]", std::string(kPruneWhySizeMax, 'x')));
    EXPECT_FALSE(prune("[[0,9]]", "old", "00"));
    Header many = *parsed;
    many.first_index = EntryIndex(1'000'000);
    many.prune->ranges.clear();
    for (std::uint64_t i = 0; i < kPruneRangesMax; ++i) {
        many.prune->ranges.push_back({EntryIndex(2 * i), EntryIndex(2 * i)});
    }
    EXPECT_TRUE(format_header(many));
    many.prune->ranges.push_back({EntryIndex(900'000), EntryIndex(900'000)});
    EXPECT_FALSE(format_header(many));
}

TEST(Header, OfAKeyChangeNamesTwoKeysOfTheLog) {
    const auto vkey = [](std::string_view name, std::uint8_t byte) {
        crypto::PublicKey key{};
        key.fill(byte);
        return make_verifier_key(name, key);
    };
    const VerifierKey before = vkey(kOrigin, 1);
    const VerifierKey after = vkey(kOrigin, 2);
    const auto change = [&](const VerifierKey& from, const VerifierKey& to, const char* why) {
        const std::string member = R"("key":{"new":")" + format_vkey(to) + R"(","old":")" +
                                   format_vkey(from) + R"(","why":")" + why + R"("},"kind":"key")";
        return parse_header(edited(edited(control_text(), "\"kind\":\"batch\"", member),
                                   "\"signer\":\"bebb40df",
                                   "\"signer\":\"" + format_key_id(before.key_id)));
    };
    const auto planned = change(before, after, "planned");
    ASSERT_TRUE(planned) << planned.error().message;
    ASSERT_TRUE(planned->key_change);
    EXPECT_EQ(planned->key_change->old_key, format_vkey(before));
    EXPECT_EQ(planned->key_change->new_key, format_vkey(after));
    const std::string text = text_of(*planned);
    const auto again = parse_header(text);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->key_change->why, "planned");
    EXPECT_NE(text.find(R"("first_index":300,"key":{"new":")"), std::string::npos);
    expect_refused([](Header& h) { h.key_change->why = "mood"; }, *planned);
    expect_refused([](Header& h) { h.key_change.reset(); }, *planned);
    expect_refused([](Header& h) { h.kind = "batch"; }, *planned);
    EXPECT_TRUE(change(before, after, "compromise"));
    EXPECT_FALSE(change(before, after, "mood"));
    EXPECT_FALSE(change(after, before, "planned"));
    EXPECT_FALSE(change(before, before, "planned"));
    EXPECT_FALSE(change(before, vkey("anchorlog.example/gw-02", 2), "planned"));
}

TEST(Header, AnUnknownVersionIsReported) {
    const std::string text = text_of(batch());
    const auto newer = parse_header(edited(text, "\"v\":1}", "\"v\":2}"));
    ASSERT_TRUE(newer);
    EXPECT_EQ(newer->v, 2U);
    EXPECT_EQ(newer->batch_id, BatchId(7));
    const auto strange = parse_header(R"({"batch_id":9,"count":"many","log":[],"v":3,"z":{}})");
    ASSERT_TRUE(strange);
    EXPECT_EQ(strange->v, 3U);
    EXPECT_EQ(strange->batch_id, BatchId(9));
    EXPECT_FALSE(parse_header(R"({"batch_id":9})"));
    EXPECT_FALSE(parse_header(R"({"v":"1"})"));
    EXPECT_FALSE(parse_header(R"({"v": 2})"));
}

TEST(Header, NeedsEveryMemberAndNoOther) {
    const std::string text = text_of(batch());
    for (const char* piece :
         {"\"batch_id\":7,", "\"count\":6,", "\"count_audit\":1,", "\"first_index\":300,",
          "\"kind\":\"batch\",", "\"log\":\"anchorlog.example/gw-01\",", "\"reason\":\"count\",",
          "\"signer\":\"bebb40df\",", ",\"v\":1"}) {
        EXPECT_FALSE(parse_header(edited(text, piece, ""))) << piece;
    }
    EXPECT_FALSE(parse_header(edited(text, ",\"v\":1", ",\"v\":1,\"w\":1")));
    EXPECT_FALSE(parse_header(edited(text, "\"kind\"", "\"key\":{},\"kind\"")));
    EXPECT_FALSE(parse_header(" " + text));
    EXPECT_FALSE(parse_header(std::string(kHeaderSizeMax + 1, ' ')));
}

TEST(Header, AnyBytesAreRefusedOrReadBackTheSame) {
    Header header = batch();
    header.beacon = Beacon{1337, Hash(), 99};
    for (const std::string& text : {text_of(header), text_of(genesis())}) {
        testing::feed_mutations(text, 15'000, [](const std::string& changed) {
            const auto parsed = parse_header(changed);
            if (!parsed || parsed->v != kHeaderVersion) return;
            if (parsed->kind == "batch" || parsed->genesis || parsed->key_change || parsed->prune) {
                EXPECT_EQ(text_of(*parsed), changed);
            }
        });
    }
}

TEST(Sources, AreSortedByDeviceBytesThenEpoch) {
    const std::vector<Source> sources{source("b", 0, 1, 1, 1, 0), source("a", 10, 1, 1, 1, 0),
                                      source("a", 9, 1, 1, 1, 0), source("B", 0, 1, 1, 1, 0)};
    const std::string text = format_sources(sources);
    EXPECT_TRUE(is_canonical(text));
    EXPECT_LT(text.find("\"B\""), text.find("\"a\",\"epoch\":9"));
    EXPECT_LT(text.find("\"epoch\":9"), text.find("\"epoch\":10"));
    EXPECT_LT(text.find("\"epoch\":10"), text.find("\"b\""));
    EXPECT_EQ(format_sources({}), "[]");
}

TEST(BatchLine, CarriesNoteHeaderAndSeal) {
    const std::string note = "a\nb\n\n\u2014 k \"\\x\n";
    const std::string text = format_batch_line({note, text_of(batch()), Bytes(64, 0xAB)});
    EXPECT_TRUE(is_canonical(text));
    EXPECT_TRUE(
        text.starts_with("{\"checkpoint\":\"a\\nb\\n\\n\u2014 k \\\"\\\\x\\n\",\"header\":{"));
    const auto parsed = parse_batch_line(text);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->checkpoint, note);
    EXPECT_EQ(parsed->header, text_of(batch()));
    EXPECT_EQ(parsed->seal, Bytes(64, 0xAB));
    EXPECT_FALSE(parse_batch_line(format_batch_line({note, "[]", Bytes(64)})));
    EXPECT_FALSE(parse_batch_line(format_batch_line({note, "{}", Bytes(63)})));
    EXPECT_FALSE(
        parse_batch_line(format_batch_line({std::string(kNoteSizeMax + 1, 'a'), "{}", Bytes(64)})));
    testing::feed_mutations(text, 10'000, [](const std::string& changed) {
        if (const auto line = parse_batch_line(changed)) {
            EXPECT_EQ(format_batch_line(*line), changed);
        }
    });
}

}  // namespace
}  // namespace anchorlog::wire
