#include "anchorlog/eth/log_anchor.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

#include "anchor/eth/log_anchor_bytecode.h"
#include "anchorlog/crypto/keccak.h"

namespace anchorlog::eth {

namespace {

constexpr std::size_t kWord = 32;
constexpr std::size_t kSelector = 4;
constexpr std::size_t kAnchorWords = 8;
constexpr std::size_t kHeadWords = 3;
constexpr std::size_t kEventTopics = 4;
constexpr std::size_t kEventWords = 6;
constexpr std::string_view kAnchor =
    "anchor(bytes32,uint64,bytes32,bytes32,uint64,bytes32,bytes32,bytes32)";
constexpr std::string_view kAnchored =
    "Anchored(bytes32,uint64,bytes32,uint64,bytes32,uint64,bytes32,bytes32,bytes32)";

Error bad(const std::string& why) { return {Errc::invalid_input, "LogAnchor: " + why}; }

Bytes selector(std::string_view signature) {
    const Hash hash = crypto::keccak256(as_bytes(signature));
    return Bytes(hash.bytes.begin(), hash.bytes.begin() + kSelector);
}

Hash uint_word(std::uint64_t value) {
    Bytes tail;
    append_u64be(tail, value);
    Hash word;
    std::copy(tail.begin(), tail.end(), word.bytes.end() - 8);
    return word;
}

Hash address_word(const Address& address) {
    Hash word;
    std::copy(address.begin(), address.end(), word.bytes.end() - 20);
    return word;
}

void append_word(Bytes& out, const Hash& word) { append(out, word.bytes); }

bool is_zero(std::span<const std::uint8_t> bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t b) { return b == 0; });
}

Result<std::uint64_t> word_uint(const Hash& word) {
    if (!is_zero(std::span(word.bytes).first<24>())) return bad("a uint64 has dirty upper bits");
    return read_u64be(word.bytes.data() + 24);
}

// Static ABI types only: the data is exactly `count` words.
Result<std::vector<Hash>> split_words(ByteView data, std::size_t count) {
    if (data.size() != count * kWord) {
        return bad(std::to_string(data.size()) + " bytes where " + std::to_string(count * kWord) +
                   " are expected");
    }
    std::vector<Hash> words(count);
    for (std::size_t i = 0; i < count; ++i) {
        std::copy_n(data.begin() + static_cast<std::ptrdiff_t>(i * kWord), kWord,
                    words[i].bytes.begin());
    }
    return words;
}

Bytes encode_record(const AnchorRecord& record) {
    Bytes out;
    append_word(out, record.log_id);
    append_word(out, uint_word(record.batch_id.value));
    append_word(out, record.merkle_root);
    append_word(out, record.history_root);
    append_word(out, uint_word(record.sealed_at_ms));
    append_word(out, record.signer_key);
    append_word(out, record.sig_r);
    append_word(out, record.sig_s);
    return out;
}

struct KnownError {
    std::string_view signature;
    std::size_t words;
};
constexpr std::array<KnownError, 7> kErrors = {{
    {"NotAuthorised()", 0},
    {"Exists()", 0},
    {"Frozen()", 0},
    {"ZeroAddress()", 0},
    {"Conflict(bytes32)", 1},
    {"Covered(uint64)", 1},
    {"Panic(uint256)", 1},
}};

std::string describe_argument(std::string_view signature, const Hash& word) {
    const auto number = word_uint(word);
    if (signature.find("uint") != std::string_view::npos && number) {
        return std::to_string(*number);
    }
    return "0x" + to_hex(word);
}

// Error(string): offset 0x20, length, text. Cut to what fits an operator's line.
std::optional<std::string> error_text(ByteView arguments) {
    constexpr std::size_t kTextMax = 200;
    if (arguments.size() < 2 * kWord) return std::nullopt;
    const auto head = split_words(arguments.first(2 * kWord), 2);
    const auto offset = word_uint((*head)[0]);
    const auto length = word_uint((*head)[1]);
    if (!offset || *offset != kWord || !length) return std::nullopt;
    const ByteView text = arguments.subspan(2 * kWord);
    if (*length > text.size()) return std::nullopt;
    std::string out(as_text(text.first(std::min<std::size_t>(*length, kTextMax))));
    std::replace_if(out.begin(), out.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    return out;
}

}  // namespace

AnchorRecord record_of_event(const AnchoredEvent& event) {
    return {event.log_id,       event.batch_id,   event.merkle_root, event.history_root,
            event.sealed_at_ms, event.signer_key, event.sig_r,       event.sig_s};
}

Hash record_hash(const AnchorRecord& record) { return crypto::keccak256(encode_record(record)); }

Bytes anchor_call(const AnchorRecord& record) {
    Bytes out = selector(kAnchor);
    append(out, encode_record(record));
    return out;
}

Bytes record_of_call(const Hash& log_id, BatchId batch) {
    Bytes out = selector("recordOf(bytes32,uint64)");
    append_word(out, log_id);
    append_word(out, uint_word(batch.value));
    return out;
}

Bytes head_call(const Hash& log_id) {
    Bytes out = selector("head(bytes32)");
    append_word(out, log_id);
    return out;
}

Bytes create_log_call(const Hash& log_id, const Address& submitter) {
    Bytes out = selector("createLog(bytes32,address)");
    append_word(out, log_id);
    append_word(out, address_word(submitter));
    return out;
}

Bytes set_submitter_call(const Hash& log_id, const Address& submitter) {
    Bytes out = selector("setSubmitter(bytes32,address)");
    append_word(out, log_id);
    append_word(out, address_word(submitter));
    return out;
}

Bytes accept_submitter_call(const Hash& log_id) {
    Bytes out = selector("acceptSubmitter(bytes32)");
    append_word(out, log_id);
    return out;
}

Bytes log_anchor_creation_code() {
    auto code = from_hex(kLogAnchorBytecode);
    ANCHORLOG_ASSERT(code.has_value());
    return std::move(*code);
}

Hash log_anchor_code_hash() {
    auto hash = hash_from_hex(kLogAnchorCodeHash.substr(2));
    ANCHORLOG_ASSERT(hash.has_value());
    return *hash;
}

Result<HeadAnswer> parse_head_answer(ByteView data) {
    const auto words = split_words(data, kHeadWords);
    if (!words) return words.error();
    const Hash& submitter = (*words)[0];
    if (!is_zero(std::span(submitter.bytes).first<12>())) return bad("head: malformed address");
    HeadAnswer out;
    std::copy(submitter.bytes.begin() + 12, submitter.bytes.end(), out.submitter.begin());
    const auto next = word_uint((*words)[1]);
    if (!next) return next.error().in("head");
    out.next_batch = BatchId(*next);
    const auto frozen = word_uint((*words)[2]);
    if (!frozen || *frozen > 1) return bad("head: malformed truth value");
    out.frozen = *frozen == 1;
    return out;
}

Result<Hash> parse_record_of_answer(ByteView data) {
    const auto words = split_words(data, 1);
    if (!words) return words.error();
    return (*words)[0];
}

Result<AnchorRecord> parse_anchor_call(ByteView data) {
    const Bytes expected = selector(kAnchor);
    if (data.size() < kSelector || !std::equal(expected.begin(), expected.end(), data.begin())) {
        return bad("not a call of anchor");
    }
    const auto words = split_words(data.subspan(kSelector), kAnchorWords);
    if (!words) return words.error().in("anchor");
    const std::vector<Hash>& w = *words;
    const auto batch = word_uint(w[1]);
    const auto sealed_at = word_uint(w[4]);
    if (!batch || !sealed_at) return bad("anchor: a uint64 has dirty upper bits");
    return AnchorRecord{w[0], BatchId(*batch), w[2], w[3], *sealed_at, w[5], w[6], w[7]};
}

const Hash& anchored_topic() {
    static const Hash topic = crypto::keccak256(as_bytes(kAnchored));
    return topic;
}

Result<AnchoredEvent> decode_anchored(const Log& log) {
    if (log.topics.size() != kEventTopics || log.topics[0] != anchored_topic()) {
        return bad("not an Anchored event");
    }
    const auto words = split_words(log.data, kEventWords);
    if (!words) return words.error().in("Anchored");
    const std::vector<Hash>& w = *words;
    const auto batch = word_uint(log.topics[2]);
    const auto from = word_uint(w[0]);
    const auto sealed_at = word_uint(w[2]);
    if (!batch || !from || !sealed_at) return bad("Anchored: a uint64 has dirty upper bits");
    return AnchoredEvent{log.topics[1], BatchId(*batch), log.topics[3], BatchId(*from),
                         w[1],          *sealed_at,      w[3],          w[4],
                         w[5]};
}

Log encode_anchored(const Address& contract, const AnchoredEvent& event) {
    Log log;
    log.address = contract;
    log.topics = {anchored_topic(), event.log_id, uint_word(event.batch_id.value),
                  event.history_root};
    append_word(log.data, uint_word(event.from_batch.value));
    append_word(log.data, event.merkle_root);
    append_word(log.data, uint_word(event.sealed_at_ms));
    append_word(log.data, event.signer_key);
    append_word(log.data, event.sig_r);
    append_word(log.data, event.sig_s);
    return log;
}

std::optional<std::string> describe_revert(ByteView data) {
    if (data.size() < kSelector) return std::nullopt;
    const Bytes code(data.begin(), data.begin() + kSelector);
    const ByteView arguments = data.subspan(kSelector);
    if (code == selector("Error(string)")) return error_text(arguments);
    for (const KnownError& known : kErrors) {
        if (code != selector(known.signature)) continue;
        const auto words = split_words(arguments, known.words);
        if (!words) return std::nullopt;
        std::string out(known.signature.substr(0, known.signature.find('(') + 1));
        if (known.words == 1) out += describe_argument(known.signature, (*words)[0]);
        return out + ")";
    }
    return std::nullopt;
}

}  // namespace anchorlog::eth
