#include "anchorlog/wire/evidence.h"

#include "anchorlog/wire/entry.h"
#include "anchorlog/wire/header.h"
#include "anchorlog/wire/note.h"
#include "anchorlog/wire/tlog_proof.h"
#include "wire/object_reader.h"
#include "wire/object_writer.h"

namespace anchorlog::wire {

namespace {

constexpr std::size_t kSealSize = 64;

std::string format_path(const std::vector<Hash>& path) {
    std::vector<std::string> hashes;
    hashes.reserve(path.size());
    for (const Hash& hash : path) hashes.push_back(to_hex(hash));
    return string_array(hashes);
}

template <class Items, class Format>
std::string format_list(const Items& items, Format format) {
    std::string out = "[";
    for (const auto& item : items) out += (out.size() > 1 ? "," : "") + format(item);
    return out + "]";
}

std::string format_anchor(const EvidenceAnchor& anchor) {
    std::string out;
    ObjectWriter(out)
        .raw("path", format_path(anchor.path))
        .raw("receipt", format_anchor_step(anchor.receipt))
        .close();
    return out;
}

std::string format_key(const EvidenceKey& key) {
    std::string out;
    ObjectWriter(out)
        .string("checkpoint", key.checkpoint)
        .string("header", key.header)
        .raw("path", format_path(key.path))
        .close();
    return out;
}

std::string format_stamp(const EvidenceStamp& stamp) {
    std::string out;
    ObjectWriter(out)
        .string("checkpoint", stamp.checkpoint)
        .raw("path", format_path(stamp.path))
        .raw("token", format_anchor_step(stamp.token))
        .close();
    return out;
}

std::vector<Hash> read_path(ObjectReader& reader, std::string_view name) {
    std::vector<Hash> path;
    for (const std::string_view element : reader.array(name, kPathHashesMax)) {
        const auto text = plain_string(element);
        const auto hash = hash_from_hex(text.value_or("?"));
        reader.require(hash.has_value(), name, "must hold strings of 64 lower-case hex digits");
        if (hash) path.push_back(*hash);
    }
    return path;
}

Result<EvidenceAnchor> parse_anchor(std::string_view json) {
    ObjectReader reader(json, "anchor");
    EvidenceAnchor anchor;
    anchor.path = read_path(reader, "path");
    auto step = parse_anchor_step(reader.raw("receipt"));
    if (auto whole = reader.finish(); !whole) return std::move(whole).error();
    if (!step) return std::move(step).error();
    auto* receipt = std::get_if<AnchorReceipt>(&*step);
    if (receipt == nullptr)
        return Error{Errc::invalid_input, "anchor: `receipt` is of another kind"};
    anchor.receipt = std::move(*receipt);
    return anchor;
}

Result<EvidenceKey> parse_key(std::string_view json) {
    ObjectReader reader(json, "key");
    EvidenceKey key;
    key.checkpoint = reader.string("checkpoint", kNoteSizeMax);
    key.header = reader.string("header", kHeaderSizeMax);
    key.path = read_path(reader, "path");
    if (auto whole = reader.finish(); !whole) return std::move(whole).error();
    return key;
}

Result<EvidenceStamp> parse_stamp(std::string_view json) {
    ObjectReader reader(json, "stamp");
    EvidenceStamp stamp;
    stamp.checkpoint = reader.string("checkpoint", kNoteSizeMax);
    stamp.path = read_path(reader, "path");
    auto step = parse_anchor_step(reader.raw("token"));
    if (auto whole = reader.finish(); !whole) return std::move(whole).error();
    if (!step) return std::move(step).error();
    auto* token = std::get_if<AnchorToken>(&*step);
    if (token == nullptr) return Error{Errc::invalid_input, "stamp: `token` is of another kind"};
    stamp.token = std::move(*token);
    return stamp;
}

template <class Item>
void read_list(ObjectReader& reader, std::string_view name, std::size_t count_max,
               Result<Item> (*parse)(std::string_view), std::vector<Item>& out) {
    for (const std::string_view element : reader.array(name, count_max)) {
        auto item = parse(element);
        if (!item) {
            reader.absorb(std::move(item).error());
            return;
        }
        out.push_back(std::move(*item));
    }
}

}  // namespace

std::string format_evidence(const Evidence& evidence) {
    TlogProof proof;
    proof.index = evidence.batch_id.value;
    proof.path = evidence.history_path;
    proof.checkpoint = evidence.checkpoint;
    ObjectWriter extra(proof.extra);
    extra.raw("anchors", format_list(evidence.anchors, format_anchor))
        .raw("batch_path", format_path(evidence.batch_path))
        .string("entry", evidence.entry)
        .string("header", evidence.header)
        .raw("keys", format_list(evidence.keys, format_key))
        .plain("seal", to_base64(evidence.seal));
    if (!evidence.stamps.empty()) {
        extra.raw("stamps", format_list(evidence.stamps, format_stamp));
    }
    extra.number("v", kEvidenceVersion).close();
    return format_tlog_proof(proof);
}

Result<Evidence> parse_evidence(std::string_view file) {
    auto proof = parse_tlog_proof(file);
    if (!proof) return std::move(proof).error();
    if (proof->extra.empty()) {
        return Error{Errc::invalid_input,
                     "the file proves a header and has no extra line with the "
                     "entry: it was not made by `logverify export`"};
    }
    ObjectReader reader(proof->extra, "extra");
    const std::uint64_t version = reader.number("v");
    if (!reader.error() && version != kEvidenceVersion) {
        return Error{Errc::unavailable, "evidence of version " + std::to_string(version) +
                                            ", which this program does not know"};
    }
    Evidence out;
    out.batch_id = BatchId(proof->index);
    out.history_path = std::move(proof->path);
    out.checkpoint = std::move(proof->checkpoint);
    read_list(reader, "anchors", kEvidenceAnchorsMax, parse_anchor, out.anchors);
    out.batch_path = read_path(reader, "batch_path");
    out.entry = reader.string("entry", kEntryLineSizeMax);
    out.header = reader.string("header", kHeaderSizeMax);
    read_list(reader, "keys", kEvidenceKeysMax, parse_key, out.keys);
    const auto seal = from_base64(reader.plain("seal"));
    reader.require(seal && seal->size() == kSealSize, "seal", "must be the base64 of 64 bytes");
    if (seal) out.seal = *seal;
    if (reader.has("stamps")) {
        read_list(reader, "stamps", kEvidenceStampsMax, parse_stamp, out.stamps);
        reader.require(!out.stamps.empty(), "stamps", "must not be there when it is empty");
    }
    if (auto whole = reader.finish(); !whole) return std::move(whole).error();
    return out;
}

}  // namespace anchorlog::wire
