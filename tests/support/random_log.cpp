#include "support/random_log.h"

#include <algorithm>
#include <array>
#include <random>

#include "anchorlog/base/assert.h"
#include "anchorlog/crypto/sha256.h"
#include "anchorlog/wire/alert.h"
#include "anchorlog/wire/canonical_json.h"
#include "support/hardware_key.h"

namespace anchorlog::testing {
namespace {

using Daemon = RandomLog::Daemon;

// A change of text that something signed would not survive were it made by another hand.
struct Lie {
    const char* name;
    const char* from;
    const char* to;
};
constexpr std::array kHeaderLies = {
    Lie{"another count of audits", "\"count_audit\":", "\"count_audit\":1"},
    Lie{"more gaps", "\"gaps\":", "\"gaps\":1"},
    Lie{"another first number", "\"first_seq\":", "\"first_seq\":1"},
    Lie{"another last number", "\"last_seq\":", "\"last_seq\":1"},
    Lie{"another device", "\"device_id\":\"", "\"device_id\":\"x"},
    Lie{"another first_index", "\"first_index\":", "\"first_index\":1"},
    Lie{"another batch_id", "\"batch_id\":", "\"batch_id\":1"},
    Lie{"another merkle_root", "\"merkle_root\":\"", "\"merkle_root\":\"00"},
    Lie{"another origin", "anchorlog.example/gw-01", "anchorlog.example/gw-02"},
    Lie{"an unknown member", "\"sources\":", "\"source\":1,\"sources\":"},
    Lie{"a reason of control", "\"reason\":\"count\"", "\"reason\":\"control\""},
    Lie{"an unknown reason", "\"reason\":\"count\"", "\"reason\":\"weather\""},
    Lie{"another signer", "\"signer\":\"", "\"signer\":\"0"},
    Lie{"opened after it was sealed", "\"opened_at\":\"20", "\"opened_at\":\"21"},
    Lie{"no day", "\"opened_at\":\"2023-11-", "\"opened_at\":\"2023-13-"},
    Lie{"a second genesis", "\"kind\":\"batch\"", "\"kind\":\"genesis\""},
    Lie{"an unknown kind that holds entries", "\"kind\":\"batch\"", "\"kind\":\"note\""},
    Lie{"a digest of few sources", "\"v\":1", "\"sources_count\":17,\"v\":1"},
    Lie{"white space", "\"v\":1", "\"v\": 1"},
    Lie{"a beacon of one member", "\"count\":", "\"beacon\":{\"chain_id\":1},\"count\":"},
};
constexpr std::array kEntryLies = {
    Lie{"another index", "\"index\":", "\"index\":1"},
    Lie{"a member too many", ",\"received_at\"", ",\"note\":1,\"received_at\""},
    Lie{"white space in an entry", ",\"index\"", ", \"index\""},
    Lie{"a number not as ECMAScript writes it", "\"confidence\":0.97", "\"confidence\":0.970"},
    Lie{"an escape that need not be", "\"alert_type\":\"s", "\"alert_type\":\"\\u0073"},
    Lie{"members out of order", "{\"alert_type\"", "{\"z\":1,\"alert_type\""},
    Lie{"a name twice", "{\"alert_type\"", "{\"alert_type\":\"x\",\"alert_type\""},
    Lie{"no device", "\"device_id\"", "\"device_ia\""},
    Lie{"a device that is no name", "\"device_id\":\"", "\"device_id\":\" "},
    Lie{"an entry_id of another version", "\"entry_id\":\"", "\"entry_id\":\"0"},
    Lie{"number 0", "\"seq_no\":", "\"seq_no\":0.5,\"t\":"},
    Lie{"epoch 0 spelled out", "\"features_summary\"", "\"epoch\":0,\"features_summary\""},
    Lie{"a sender of another kind", "urn:anchorlog:sender:gw-01", "urn:anchorlog:sender:gw 01"},
    Lie{"a certificate too short", "\"cert\":\"05", "\"cert\":\""},
    Lie{"a time without milliseconds", "\"received_at\":\"2023-11-14T22:13:20.",
        "\"received_at\":\"2023-11-14T22:13:20+"},
    Lie{"an integer too large", "\"variant\":", "\"variant\":9007199254740992,\"w\":"},
    Lie{"a number that was used", "\"seq_no\":", "\"seq_no\":1,\"t\":"},
    Lie{"nested too deeply", "\"variant\":0", "\"variant\":[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]"},
    Lie{"nested as deeply as may be", "\"variant\":0", "\"variant\":[[[[[[[[[[[[[[1]]]]]]]]]]]]]]"},
};

class Maker {
public:
    Maker(std::uint64_t seed, Daemon daemon) : seed_(seed), random_(seed) {
        out_.daemon = daemon;
        // Not drawn: the logs of the other seeds stay what they are.
        if (seed % 4 == 1) out_.log = LogBuilder(1, hardware_key_from_seed(7));
    }

    RandomLog make() {
        const std::uint64_t batches = below(5) + (out_.daemon == Daemon::honest ? 0 : 1);
        const std::uint64_t telling = batches == 0 ? 0 : below(batches);
        out_.trust = "log " + wire::format_vkey(out_.log.vkey()) + "\n";
        if (out_.log.hardware && seed_ % 8 == 1) {
            out_.trust += "log " + wire::format_vkey(out_.log.hardware_vkey()) + "\n";
        }
        out_.log.padding_bytes = chance(2) ? below(2'000) : 0;
        out_.with_leaves = chance(2);
        out_.segments = {1 + below(40), 1 + below(6), 1 + below(6)};
        for (std::uint64_t i = 0; i < batches; ++i) batch(i == telling);
        if (chance(4)) entries(1 + below(4));
        return std::move(out_);
    }

private:
    std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
    bool chance(std::uint64_t in) { return below(in) == 0; }

    std::string text() {
        static constexpr std::array<const char*, 8> kPieces{
            "a", "Z9", "\\u00e9", "\\ud83d\\ude00", "\\n", "\\\"", "\\u001f", "\\\\"};
        std::string out = "\"";
        for (std::uint64_t i = below(4); i > 0; --i) out += kPieces[below(kPieces.size())];
        return out + "\"";
    }

    std::string value(int depth) {
        switch (below(depth > 3 ? 6 : 8)) {
            case 0:
                return std::to_string(below(100'000));
            case 1:
                return std::to_string(static_cast<double>(below(1'000'000)) / 777.0);
            case 2:
                return std::to_string(below(9)) + "." + std::to_string(below(9)) + "e-" +
                       std::to_string(below(12));
            case 3:
                return chance(2) ? "null" : "-" + std::to_string(below(1u << 30));
            case 4:
                return chance(2) ? "true" : "false";
            case 5:
                return text();
            case 6: {
                std::string list = "[";
                for (std::uint64_t i = below(4); i > 0; --i) list += value(depth + 1) + ",";
                return list + "0]";
            }
            default:
                return object(depth + 1);
        }
    }

    std::string object(int depth) {
        std::string out = "{\"variant\":0";
        for (std::uint64_t i = below(4); i > 0; --i) {
            out += ",\"" + std::string(1, static_cast<char>('a' + below(20))) + std::to_string(i) +
                   "\":" + value(depth);
        }
        return out + "}";
    }

    std::string body(const std::string& device, std::uint64_t epoch, std::uint64_t seq_no) {
        Hash salt = crypto::sha256(as_bytes(std::to_string(random_())));
        wire::EntryId id{};
        std::copy_n(salt.bytes.begin(), id.size(), id.begin());
        id[6] = static_cast<std::uint8_t>(0x70 | (id[6] & 0x0f));
        id[8] = static_cast<std::uint8_t>(0x80 | (id[8] & 0x3f));
        const std::string uuid = wire::format_entry_id(id);
        const std::string at = format_server_time(WallTime{out_.log.now_ms()});
        auto canonical = wire::canonicalize(
            "{\"alert_type\":\"scan.vertical\",\"batch_id\":\"" + uuid +
            "\",\"confidence\":0.97,\"device_id\":\"" + device + "\",\"entry_id\":\"" + uuid +
            "\"" + (epoch == 0 ? "" : ",\"epoch\":" + std::to_string(epoch)) +
            ",\"features_summary\":" + object(1) + ",\"seq_no\":" + std::to_string(seq_no) +
            ",\"timestamp\":\"" + at + "\"}");
        ANCHORLOG_ASSERT(canonical.has_value());
        return *canonical;
    }

    void entry() {
        LogBuilder& log = out_.log;
        log.wait_ms(chance(20) ? -5'000 : static_cast<std::int64_t>(below(2'000)));
        if (chance(9)) {
            static constexpr std::array<const char*, 4> kEvents{"start", "stop", "heartbeat",
                                                                "replay"};
            log.add_audit(kEvents[below(kEvents.size())], "a subject");
            return;
        }
        const std::string device = "dev-" + std::to_string(below(devices_));
        if (chance(25)) log.open_epoch(device, 1 + below(3));
        const std::string sent_at =
            chance(3) ? "2023-11-14T22:13:2" + std::to_string(below(10)) + (chance(2) ? ".5Z" : "Z")
                      : "";
        log.add_alert(
            device, chance(6) ? 1 + below(9) : 0,
            [&](std::uint64_t epoch, std::uint64_t seq_no) { return body(device, epoch, seq_no); },
            sent_at);
    }

    void entries(std::uint64_t count) {
        for (std::uint64_t i = 0; i < count; ++i) entry();
    }

    template <std::size_t kCount>
    std::function<void(std::string&)> telling(const std::array<Lie, kCount>& lies) {
        const Lie& lie = lies[below(kCount)];
        out_.lie = lie.name;
        return [&lie](std::string& text) {
            const std::size_t at = text.find(lie.from);
            if (at != std::string::npos)
                text.replace(at, std::string_view(lie.from).size(), lie.to);
        };
    }

    void later_version() {
        LogBuilder& log = out_.log;
        if (chance(3)) {
            log.seal_control("note", "{\"about\":[1,2]}");
        } else {
            entries(1 + below(3));
            log.before_signing = [](std::string& text) {
                text.replace(text.rfind("\"v\":1"), 5, "\"v\":2");
            };
            log.seal();
        }
    }

    void batch(bool tells) {
        LogBuilder& log = out_.log;
        devices_ = chance(8) ? 40 : 1 + below(6);
        if (tells && out_.daemon == Daemon::from_later) later_version();
        const auto device = log.hardware;
        if (tells && out_.daemon == Daemon::lying && device && seed_ % 16 < 8) {
            out_.lie = "no signature of the hardware key";
            log.hardware = nullptr;
            tells = false;
        }
        const bool about_entry = tells && out_.daemon == Daemon::lying && chance(2);
        if (about_entry) log.before_hashing = telling(kEntryLies);
        entries(chance(8) ? 30 + below(30) : 1 + below(9));
        if (tells && out_.daemon == Daemon::lying && !about_entry) {
            log.before_signing = telling(kHeaderLies);
        }
        log.seal();
        log.hardware = device;
        if (chance(8)) log.change_key(++key_seed_, chance(2) ? "planned" : "compromise");
        if (chance(3)) prune();
        if (chance(3)) anchor();
        if (chance(4)) log.stamp_file();
    }

    // A segment that is closed and sealed whichever way the log goes on, or an entry of one.
    void prune() {
        LogBuilder& log = out_.log;
        const std::size_t lines = out_.segments.log;
        const std::uint64_t closed = (log.entries.size() - 1) / lines;
        if (closed == 0) return;
        const std::uint64_t first = below(closed) * lines;
        const bool whole = chance(2);
        const std::uint64_t from = whole ? first : first + below(lines);
        const std::uint64_t last = whole ? first + lines - 1 : from;
        const auto pruned = log.erased.lower_bound(from);
        if (pruned == log.erased.end() || *pruned > last) log.prune(from, last, lines);
    }

    void anchor() {
        if (awaits_receipt_) return;
        awaits_receipt_ = chance(5);
        if (!awaits_receipt_ && chance(4)) {
            out_.log.anchor_after_reorg(out_.chain, !chance(3));
        } else {
            out_.log.anchor(out_.chain, !awaits_receipt_);
        }
    }

    const std::uint64_t seed_;
    std::mt19937_64 random_;
    RandomLog out_;
    std::uint64_t devices_ = 1;
    std::uint8_t key_seed_ = 1;    // the builder's own first one
    bool awaits_receipt_ = false;  // one transaction at a time
};

}  // namespace

RandomLog make_random_log(std::uint64_t seed, RandomLog::Daemon daemon) {
    RandomLog log = Maker(seed, daemon).make();
    const FakeChain& chain = log.chain;
    log.trust += "anchor eip155:" + std::to_string(FakeChain::kChainId) + ":" +
                 eth::format_address(FakeChain::contract()) + " " + to_hex(FakeChain::code_hash()) +
                 " private\n";
    for (const auto& one : chain.anchored()) {
        log.trust += "block " + std::to_string(FakeChain::kChainId) + " " +
                     std::to_string(one.block_number) + " " + to_hex(one.block_hash) + "\n";
    }
    return log;
}

}  // namespace anchorlog::testing
