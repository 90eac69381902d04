#include "anchorlog/wire/pruned_lines.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "anchorlog/base/bytes.h"
#include "anchorlog/crypto/sha256.h"
#include "wire/header_rules.h"
#include "wire/object_reader.h"
#include "wire/object_writer.h"

namespace anchorlog::wire {
namespace {

constexpr std::string_view kStart = "{\"erased\":\"";
constexpr std::string_view kMiddle = "\",\"index\":";
constexpr std::size_t kHexSize = 2 * Hash::kSize;
constexpr std::uint64_t kLeavesPerRead = 2'048;

Error bad_line() {
    return {Errc::invalid_input, R"(erased line: must be {"erased":"<64 hex digits>","index":N})"};
}

// Lines of equal length: those whose index has the same number of digits.
struct Stretch {
    std::uint64_t first_leaf = 0;
    std::uint64_t leaves = 0;
    std::uint64_t offset = 0;
    std::uint64_t line_size = 0;
};

class ErasedLines final : public File {
public:
    ErasedLines(std::unique_ptr<File> leaves, std::uint64_t first, std::uint64_t size)
        : leaves_(std::move(leaves)), first_(first) {
        const std::uint64_t count = (size + Hash::kSize - 1) / Hash::kSize;
        for (std::uint64_t leaf = 0; leaf < count;) {
            const std::string digits = std::to_string(first + leaf);
            const std::uint64_t next_length =
                digits.size() < 19 ? power_of_ten(digits.size()) : ~std::uint64_t{0};
            Stretch stretch;
            stretch.first_leaf = leaf;
            stretch.leaves = std::min(count - leaf, next_length - (first + leaf));
            stretch.offset = size_;
            stretch.line_size = kStart.size() + kHexSize + kMiddle.size() + digits.size() +
                                std::string("}\n").size();
            size_ += stretch.leaves * stretch.line_size;
            leaf += stretch.leaves;
            stretches_.push_back(stretch);
        }
    }

    Result<std::size_t> read_at(std::uint64_t offset, std::span<std::uint8_t> out) const override {
        std::size_t filled = 0;
        while (filled < out.size() && offset + filled < size_) {
            auto got = read_some(offset + filled, out.subspan(filled));
            if (!got) return got;
            filled += *got;
        }
        return filled;
    }
    Result<std::uint64_t> size() const override { return size_; }
    Result<void> write_at(std::uint64_t, ByteView) override { return read_only(); }
    Result<void> allocate(std::uint64_t) override { return read_only(); }
    Result<void> truncate(std::uint64_t) override { return read_only(); }
    Result<void> sync_data() override { return read_only(); }
    Result<void> sync_all() override { return read_only(); }

private:
    static Error read_only() {
        return {Errc::internal, "the lines of pruned entries are read-only"};
    }

    static std::uint64_t power_of_ten(std::size_t exponent) {
        std::uint64_t power = 1;
        for (std::size_t i = 0; i < exponent; ++i) power *= 10;
        return power;
    }

    // Bytes of the lines of one stretch, at least one.
    Result<std::size_t> read_some(std::uint64_t offset, std::span<std::uint8_t> out) const {
        const auto stretch = std::prev(
            std::upper_bound(stretches_.begin(), stretches_.end(), offset,
                             [](std::uint64_t at, const Stretch& one) { return at < one.offset; }));
        const std::uint64_t line = (offset - stretch->offset) / stretch->line_size;
        const std::uint64_t skip = (offset - stretch->offset) % stretch->line_size;
        const std::uint64_t wanted = (skip + out.size()) / stretch->line_size + 1;
        const std::uint64_t count = std::min({wanted, stretch->leaves - line, kLeavesPerRead});
        Bytes hashes(count * Hash::kSize, 0);
        auto got = leaves_->read_at((stretch->first_leaf + line) * Hash::kSize, hashes);
        if (!got) return got;
        std::string text;
        text.reserve(count * stretch->line_size);
        for (std::uint64_t i = 0; i < count; ++i) {
            ErasedLine erased{EntryIndex(first_ + stretch->first_leaf + line + i), {}};
            std::copy_n(hashes.begin() + static_cast<std::ptrdiff_t>(i * Hash::kSize), Hash::kSize,
                        erased.leaf.bytes.begin());
            append_erased_line(text, erased);
        }
        const std::size_t bytes = std::min<std::size_t>(text.size() - skip, out.size());
        std::copy_n(text.begin() + static_cast<std::ptrdiff_t>(skip), bytes, out.begin());
        return bytes;
    }

    std::unique_ptr<File> leaves_;
    std::uint64_t first_;
    std::uint64_t size_ = 0;
    std::vector<Stretch> stretches_;
};

}  // namespace

bool is_erased_line(std::string_view line) { return line.starts_with(kStart); }

Result<ErasedLine> parse_erased_line(std::string_view line) {
    constexpr std::size_t kDigitsAt = kStart.size() + kHexSize + kMiddle.size();
    if (!is_erased_line(line) || line.size() <= kDigitsAt || !line.ends_with('}') ||
        line.substr(kStart.size() + kHexSize, kMiddle.size()) != kMiddle) {
        return bad_line();
    }
    auto leaf = hash_from_hex(line.substr(kStart.size(), kHexSize));
    if (!leaf) return bad_line();
    ErasedLine out{EntryIndex(), *leaf};
    const char* const end = line.data() + line.size() - 1;
    const auto [stop, error] = std::from_chars(line.data() + kDigitsAt, end, out.index.value);
    if (error != std::errc() || stop != end || out.index.value > kIntegerMax) return bad_line();
    // One value has one spelling: no zeros in front.
    std::string again;
    append_erased_line(again, out);
    if (line != std::string_view(again).substr(0, again.size() - 1)) return bad_line();
    return out;
}

void append_erased_line(std::string& out, const ErasedLine& line) {
    out.append(kStart);
    append_hex(out, line.leaf.bytes);
    out.append(kMiddle).append(std::to_string(line.index.value)).append("}\n");
}

Result<std::unique_ptr<File>> show_erased_lines(std::unique_ptr<File> leaves, EntryIndex first) {
    auto size = leaves->size();
    if (!size) return std::move(size).error();
    return std::unique_ptr<File>(
        std::make_unique<ErasedLines>(std::move(leaves), first.value, *size));
}

void append_source_line(std::string& out, BatchId batch, const Source& source) {
    ObjectWriter(out)
        .number("batch_id", batch.value)
        .number("count", source.count)
        .string("device_id", source.device_id)
        .number("epoch", source.epoch.value)
        .number("first_seq", source.first_seq.value)
        .number("gaps", source.gaps)
        .number("last_seq", source.last_seq.value)
        .close();
    out.push_back('\n');
}

Result<std::vector<Source>> SourceLines::of(BatchId batch) {
    std::vector<Source> sources;
    while (at_ < text_.size()) {
        const std::size_t end = std::min(text_.find('\n', at_), text_.size());
        ObjectReader reader(std::string_view(text_).substr(at_, end - at_), "line of sources");
        const std::uint64_t of = reader.number("batch_id");
        if (!reader.error() && of > batch.value) break;
        Source source = read_source(reader);
        if (auto whole = reader.finish(); !whole) return std::move(whole).error();
        if (of == batch.value) sources.push_back(std::move(source));
        at_ = end + 1;
    }
    return sources;
}

bool are_sources_of(const Header& header, const std::vector<Source>& sources) {
    const std::string text = format_sources(sources);
    if (!header.sources_digest) return text == format_sources(header.sources);
    return header.sources_count == sources.size() &&
           header.sources_digest == crypto::sha256(as_bytes(text));
}

}  // namespace anchorlog::wire
