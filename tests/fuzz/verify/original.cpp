#include "fuzz/verify/original.h"

#include <algorithm>

namespace anchorlog::fuzz {

namespace {

constexpr std::size_t kSegmentLines = 5;

}  // namespace

Original::Original() {
    log.padding_bytes = 8;
    log.fill(kAnchoredBatch, kEntriesPerBatch);
    log.anchor(chain);
    log.fill(kBatches - kAnchoredBatch, kEntriesPerBatch);
    log.add_alert();
    trust.logs.push_back({log.vkey(), ""});
    trust.anchors.push_back({testing::FakeChain::kChainId, testing::FakeChain::contract(),
                             testing::FakeChain::code_hash(), false});
    const auto& anchored = chain.anchored().front();
    trust.blocks.insert({testing::FakeChain::kChainId, anchored.block_number, anchored.block_hash});
    log.write(files, kDir, kSegmentLines, true);
}

const Original& original() {
    static const Original made;
    return made;
}

void edit_text(std::string& text, std::uint8_t what, InputReader& reader) {
    const std::size_t at = std::size_t{reader.byte()} << 8 | reader.byte();
    const std::size_t place = at % std::max<std::size_t>(text.size(), 1);
    const std::size_t size = reader.byte();
    const std::string_view bytes = as_text(reader.bytes(what <= 1 ? size : 0));
    if (what == 0) text.replace(place, std::min(bytes.size(), text.size() - place), bytes);
    if (what == 1) text.insert(place, bytes);
    if (what == 2) text.erase(place, size);
    if (what == 3) text.resize(place);
    if (what == 4 && !text.empty()) {
        text[place] = static_cast<char>(text[place] ^ static_cast<char>(size));
    }
}

}  // namespace anchorlog::fuzz
