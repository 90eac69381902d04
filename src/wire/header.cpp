#include "anchorlog/wire/header.h"

#include <algorithm>
#include <array>
#include <tuple>

#include "anchorlog/crypto/sha256.h"
#include "anchorlog/wire/alert.h"
#include "anchorlog/wire/note.h"
#include "wire/canonical_scan.h"
#include "wire/header_rules.h"
#include "wire/object_reader.h"
#include "wire/object_writer.h"

namespace anchorlog::wire {

namespace {

constexpr std::string_view kCanon = "rfc8785";
constexpr std::size_t kGenesisKeysMax = 16;
constexpr std::size_t kSealSize = 64;
// The kinds of which Header has every member.
constexpr std::array<std::string_view, 4> kWrittenKinds{"batch", "genesis", "key", "prune"};

std::string genesis_object(const GenesisRecord& genesis) {
    std::string policy;
    ObjectWriter(policy)
        .number("entries", genesis.policy.entries)
        .number("interval_s", genesis.policy.interval_s)
        .number("window_s", genesis.policy.window_s)
        .close();
    std::string out;
    ObjectWriter record(out);
    record.plain("canon", kCanon);
    if (!genesis.continues.empty()) record.string("continues", genesis.continues);
    record.raw("keys", string_array(genesis.keys))
        .plain("nonce", to_hex(genesis.nonce))
        .raw("policy", policy)
        .close();
    return out;
}

std::string beacon_object(const Beacon& beacon) {
    std::string out;
    ObjectWriter(out)
        .number("chain_id", beacon.chain_id)
        .plain("hash", to_hex(beacon.hash))
        .number("number", beacon.number)
        .close();
    return out;
}

std::string key_object(const KeyChange& change) {
    std::string out;
    ObjectWriter(out)
        .string("new", change.new_key)
        .string("old", change.old_key)
        .plain("why", change.why)
        .close();
    return out;
}

std::string prune_object(const PruneRecord& prune) {
    std::string ranges = "[";
    for (const PruneRange& range : prune.ranges) {
        ranges += (ranges.size() > 1 ? ",[" : "[") + std::to_string(range.first.value) + "," +
                  std::to_string(range.last.value) + "]";
    }
    ranges += "]";
    std::string out;
    ObjectWriter(out)
        .plain("devices_sha256", to_hex(prune.devices_sha256))
        .raw("ranges", ranges)
        .string("why", prune.why)
        .close();
    return out;
}

Beacon read_beacon(ObjectReader& header) {
    ObjectReader reader(header.raw("beacon"), "`beacon`");
    Beacon beacon{reader.number("chain_id"), reader.hash("hash"), reader.number("number")};
    if (auto whole = reader.finish(); !whole) header.absorb(std::move(whole).error());
    return beacon;
}

GenesisRecord read_genesis(ObjectReader& header) {
    ObjectReader reader(header.raw("genesis"), "`genesis`");
    GenesisRecord genesis;
    reader.require(reader.plain("canon") == kCanon, "canon", "must be rfc8785");
    if (reader.has("continues")) {
        genesis.continues = reader.string("continues", kNoteSizeMax);
        reader.require(!genesis.continues.empty(), "continues", "must not be empty");
    }
    const auto keys = reader.array("keys", kGenesisKeysMax);
    reader.require(!keys.empty(), "keys", "must not be empty");
    for (const std::string_view element : keys) {
        const std::string_view text = plain_string(element).value_or(std::string_view());
        const bool is_key = parse_vkey(text).has_value() ||
                            (!genesis.keys.empty() && parse_hardware_vkey(text).has_value());
        reader.require(is_key, "keys", "must hold vkeys, Ed25519 (the first one) or P-256");
        genesis.keys.emplace_back(text);
    }
    genesis.nonce = reader.hash("nonce");
    ObjectReader policy(reader.raw("policy"), "`policy`");
    genesis.policy = {policy.number("entries"), policy.number("interval_s"),
                      policy.number("window_s")};
    if (auto whole = policy.finish(); !whole) reader.absorb(std::move(whole).error());
    if (auto whole = reader.finish(); !whole) header.absorb(std::move(whole).error());
    return genesis;
}

KeyChange read_key_change(ObjectReader& header) {
    ObjectReader reader(header.raw("key"), "`key`");
    KeyChange change;
    for (const auto& [name, key] : {std::pair("new", &change.new_key), {"old", &change.old_key}}) {
        *key = std::string(reader.plain(name));
        reader.require(parse_vkey(*key).has_value(), name, "must be an Ed25519 vkey");
    }
    change.why = std::string(reader.plain("why"));
    reader.require(change.why == "planned" || change.why == "compromise", "why",
                   "must be planned or compromise");
    if (auto whole = reader.finish(); !whole) header.absorb(std::move(whole).error());
    return change;
}

bool is_why(std::string_view text) {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7F; });
}

PruneRecord read_prune(ObjectReader& header) {
    ObjectReader reader(header.raw("prune"), "`prune`");
    PruneRecord prune;
    prune.devices_sha256 = reader.hash("devices_sha256");
    for (const std::string_view element : reader.array("ranges", kPruneRangesMax)) {
        std::vector<std::string_view> ends;
        const bool is_pair = scan_array(element, ends) && ends.size() == 2;
        const auto first = is_pair ? parse_integer(ends[0]) : std::nullopt;
        const auto last = is_pair ? parse_integer(ends[1]) : std::nullopt;
        reader.require(first && last, "ranges", "must hold pairs of indexes");
        if (first && last) prune.ranges.push_back({EntryIndex(*first), EntryIndex(*last)});
    }
    prune.why = reader.string("why", kPruneWhySizeMax);
    reader.require(is_why(prune.why), "why", "must be 1 to 256 printable ASCII characters");
    if (auto whole = reader.finish(); !whole) header.absorb(std::move(whole).error());
    return prune;
}

std::vector<Source> read_sources(ObjectReader& header) {
    std::vector<Source> sources;
    for (const std::string_view element : header.array("sources", kSourcesMax)) {
        ObjectReader reader(element, "`sources`");
        Source source = read_source(reader);
        if (auto whole = reader.finish(); !whole) header.absorb(std::move(whole).error());
        sources.push_back(std::move(source));
    }
    return sources;
}

Header read_header(ObjectReader& reader) {
    Header header;
    header.batch_id = BatchId(reader.number("batch_id"));
    if (reader.has("beacon")) header.beacon = read_beacon(reader);
    header.count = reader.number("count");
    header.count_audit = reader.number("count_audit");
    header.first_index = EntryIndex(reader.number("first_index"));
    header.kind = std::string(reader.plain("kind"));
    header.log = std::string(reader.plain("log"));
    header.merkle_root = reader.hash("merkle_root");
    header.opened_at = reader.time("opened_at");
    header.prev_root = reader.hash("prev_root");
    header.reason = std::string(reader.plain("reason"));
    header.sealed_at = reader.time("sealed_at");
    header.signer = std::string(reader.plain("signer"));
    header.sources = read_sources(reader);
    if (reader.has("sources_count")) header.sources_count = reader.number("sources_count");
    if (reader.has("sources_digest")) header.sources_digest = reader.hash("sources_digest");
    if (header.kind == "genesis") {
        header.genesis = read_genesis(reader);
    } else if (header.kind == "key") {
        header.key_change = read_key_change(reader);
    } else if (header.kind == "prune") {
        header.prune = read_prune(reader);
    } else if (header.kind != "batch") {
        static_cast<void>(reader.raw(header.kind));  // of a kind we only carry
    }
    return header;
}

std::string header_object(const Header& header) {
    std::string out;
    ObjectWriter object(out);
    object.number("batch_id", header.batch_id.value);
    if (header.beacon) object.raw("beacon", beacon_object(*header.beacon));
    object.number("count", header.count)
        .number("count_audit", header.count_audit)
        .number("first_index", header.first_index.value);
    if (header.genesis) object.raw("genesis", genesis_object(*header.genesis));
    if (header.key_change) object.raw("key", key_object(*header.key_change));
    object.string("kind", header.kind)
        .string("log", header.log)
        .plain("merkle_root", to_hex(header.merkle_root))
        .plain("opened_at", format_server_time(header.opened_at))
        .plain("prev_root", to_hex(header.prev_root));
    if (header.prune) object.raw("prune", prune_object(*header.prune));
    object.string("reason", header.reason)
        .plain("sealed_at", format_server_time(header.sealed_at))
        .string("signer", header.signer)
        .raw("sources", format_sources(header.sources));
    if (header.sources_count) object.number("sources_count", *header.sources_count);
    if (header.sources_digest) object.plain("sources_digest", to_hex(*header.sources_digest));
    object.number("v", header.v).close();
    return out;
}

Error bad_header(std::string_view why) {
    return {Errc::invalid_input, "header: " + std::string(why)};
}

}  // namespace

Source read_source(ObjectReader& reader) {
    Source source;
    source.count = reader.number("count");
    source.device_id = std::string(reader.plain("device_id"));
    source.epoch = Epoch(reader.number("epoch"));
    source.first_seq = SeqNo(reader.number("first_seq"));
    source.gaps = reader.number("gaps");
    source.last_seq = SeqNo(reader.number("last_seq"));
    return source;
}

std::string format_sources(const std::vector<Source>& sources) {
    std::vector<const Source*> sorted;
    sorted.reserve(sources.size());
    for (const Source& source : sources) sorted.push_back(&source);
    std::sort(sorted.begin(), sorted.end(), [](const Source* a, const Source* b) {
        return std::tie(a->device_id, a->epoch) < std::tie(b->device_id, b->epoch);
    });
    std::string out = "[";
    for (const Source* source : sorted) {
        if (out.size() > 1) out.push_back(',');
        ObjectWriter(out)
            .number("count", source->count)
            .string("device_id", source->device_id)
            .number("epoch", source->epoch.value)
            .number("first_seq", source->first_seq.value)
            .number("gaps", source->gaps)
            .number("last_seq", source->last_seq.value)
            .close();
    }
    out.push_back(']');
    return out;
}

Result<std::string> format_header(const Header& header) {
    const auto& kinds = kWrittenKinds;
    if (std::find(kinds.begin(), kinds.end(), header.kind) == kinds.end()) {
        return bad_header("kind " + header.kind + " cannot be written");
    }
    std::string out = header_object(header);
    // Reading it back is the check; a header is written once a batch, so it may cost that.
    if (auto read = parse_header(out); !read) return std::move(read).error();
    return out;
}

Result<Header> parse_header(std::string_view canonical) {
    if (canonical.size() > kHeaderSizeMax) {
        return bad_header("over " + std::to_string(kHeaderSizeMax) + " bytes");
    }
    ObjectReader reader(canonical, "header");
    const std::uint64_t version = reader.number("v");
    if (reader.error()) return *reader.error();
    Header header = read_header(reader);
    header.v = version;
    if (version != kHeaderVersion) return header;
    if (auto whole = reader.finish(); !whole) return std::move(whole).error();
    if (auto sound = check_header(header); !sound) return std::move(sound).error();
    return header;
}

std::string format_batch_line(const BatchLine& line) {
    std::string out;
    ObjectWriter(out)
        .string("checkpoint", line.checkpoint)
        .raw("header", line.header)
        .plain("seal", to_base64(line.seal))
        .close();
    return out;
}

Result<BatchLine> parse_batch_line(std::string_view line) {
    ObjectReader reader(line, "batch line");
    BatchLine out;
    out.checkpoint = reader.string("checkpoint", kNoteSizeMax);
    out.header = std::string(reader.raw("header"));
    reader.require(out.header.starts_with('{') && out.header.size() <= kHeaderSizeMax, "header",
                   "must be an object of at most 65535 bytes");
    const auto seal = from_base64(reader.plain("seal"));
    reader.require(seal && seal->size() == kSealSize, "seal", "must be the base64 of 64 bytes");
    if (seal) out.seal = *seal;
    if (auto whole = reader.finish(); !whole) return std::move(whole).error();
    return out;
}

}  // namespace anchorlog::wire
