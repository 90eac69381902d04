#include "wire/header_rules.h"

#include <algorithm>
#include <array>
#include <tuple>

#include "anchorlog/crypto/sha256.h"
#include "anchorlog/wire/alert.h"
#include "anchorlog/wire/note.h"

namespace anchorlog::wire {

namespace {

constexpr std::size_t kKindSizeMax = 32;
constexpr std::size_t kKeyIdDigits = 8;
constexpr std::array<std::string_view, 5> kReasons{"count", "age", "stop", "recover", "control"};
// A kind is also a member's name, so it cannot be one of these.
constexpr std::array<std::string_view, 17> kCommonMembers{
    "batch_id",       "beacon",    "count",       "count_audit", "first_index",
    "kind",           "log",       "merkle_root", "opened_at",   "prev_root",
    "reason",         "sealed_at", "signer",      "sources",     "sources_count",
    "sources_digest", "v"};

Error broken(std::string_view why) { return {Errc::invalid_input, "header: " + std::string(why)}; }

bool is_kind(std::string_view kind) {
    return !kind.empty() && kind.size() <= kKindSizeMax &&
           std::all_of(kind.begin(), kind.end(),
                       [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; }) &&
           std::find(kCommonMembers.begin(), kCommonMembers.end(), kind) == kCommonMembers.end();
}

bool is_key_id(std::string_view text) {
    return text.size() == kKeyIdDigits && from_hex(text).has_value();
}

// All of a source's numbers are above what came before this batch, so its gaps are at least the
// numbers missing between its first and last, and at most all numbers from 1 it does not hold.
bool is_possible(const Source& source) {
    const std::uint64_t first = source.first_seq.value;
    const std::uint64_t last = source.last_seq.value;
    if (!is_name(source.device_id) || first == 0 || first > last) return false;
    const std::uint64_t span = last - first + 1;
    return source.count >= 1 && source.count <= span && source.gaps >= span - source.count &&
           source.gaps <= last - source.count;
}

Result<void> check_sources(const Header& header) {
    if (header.sources_count.has_value() != header.sources_digest.has_value()) {
        return broken("`sources_count` and `sources_digest` stand together or not at all");
    }
    if (header.sources_count) {
        if (*header.sources_count <= kSourcesMax || !header.sources.empty()) {
            return broken("`sources_count` stands for more than 16 sources, none of them listed");
        }
        if (*header.sources_count > header.count - header.count_audit) {
            return broken("`sources_count` is over the number of alerts");
        }
        return {};
    }
    if (header.sources.size() > kSourcesMax) return broken("over 16 sources are listed");
    std::uint64_t alerts = 0;
    const Source* before = nullptr;
    for (const Source& source : header.sources) {
        if (!is_possible(source)) return broken("a source's numbers contradict each other");
        if (before != nullptr && std::tie(before->device_id, before->epoch) >=
                                     std::tie(source.device_id, source.epoch)) {
            return broken("`sources` are not sorted by device_id and epoch, each once");
        }
        alerts += source.count;
        before = &source;
    }
    if (alerts != header.count - header.count_audit) {
        return broken("the sources' counts and `count_audit` do not add up to `count`");
    }
    return {};
}

Result<void> check_key_change(const Header& header) {
    const auto before = parse_vkey(header.key_change->old_key);
    const auto after = parse_vkey(header.key_change->new_key);
    if (!before || !after || before->name != header.log || after->name != header.log) {
        return broken("`key` must name two keys of this log");
    }
    if (before->key_id == after->key_id) return broken("`key` names the same key twice");
    if (format_key_id(before->key_id) != header.signer) {
        return broken("a change of the key is sealed by the old one");
    }
    return {};
}

// One range behind the other, all of them behind this batch's beginning.
Result<void> check_prune(const Header& header) {
    if (header.prune->ranges.empty()) return broken("`prune` names no range");
    std::uint64_t from = 0;
    for (const PruneRange& range : header.prune->ranges) {
        if (range.first.value < from || range.last < range.first) {
            return broken("the ranges of `prune` overlap or are not in order");
        }
        if (range.last >= header.first_index) {
            return broken("`prune` names entries that are not sealed before it");
        }
        from = range.last.value + 1;
    }
    return {};
}

Result<void> check_kind(const Header& header) {
    const bool is_genesis = header.kind == "genesis";
    if (header.genesis.has_value() != is_genesis) {
        return broken("`genesis` belongs to kind genesis, and to no other");
    }
    if (header.kind == "batch") {
        if (header.count == 0) return broken("an empty batch is never sealed");
        if (header.batch_id.value == 0) return broken("batch_id 0 is the genesis");
        return {};
    }
    const Hash empty = crypto::sha256(ByteView());
    if (header.count != 0 || !header.sources.empty() || header.merkle_root != empty) {
        return broken("a control kind has count 0, no sources and the empty tree's root");
    }
    if (is_genesis != (header.batch_id.value == 0)) {
        return broken("batch_id 0 is the genesis, and no other batch is");
    }
    if (is_genesis && (header.first_index.value != 0 || header.prev_root != empty)) {
        return broken("nothing comes before a genesis");
    }
    if (header.key_change) return check_key_change(header);
    if (header.prune) return check_prune(header);
    return {};
}

}  // namespace

Result<void> check_header(const Header& header) {
    if (!is_kind(header.kind)) return broken("`kind` must be 1 to 32 of a-z _");
    if (!is_origin(header.log)) {
        return broken("`log` must be an origin: 1 to 255 of a-z 0-9 . / _ -");
    }
    if (std::find(kReasons.begin(), kReasons.end(), header.reason) == kReasons.end()) {
        return broken("`reason` must be count, age, stop, recover or control");
    }
    if (!is_key_id(header.signer)) return broken("`signer` must be a key id: 8 hex digits");
    if (header.count_audit > header.count) return broken("`count_audit` is over `count`");
    if (auto fit = check_kind(header); !fit) return fit;
    return check_sources(header);
}

}  // namespace anchorlog::wire
