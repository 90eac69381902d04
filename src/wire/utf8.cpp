#include <algorithm>
#include <cstdint>

#include "wire/byte_words.h"
#include "wire/canonical_scan.h"

namespace anchorlog::wire {

namespace {

// Bytes taken at a time while all of them are ASCII, as nearly all of ours are.
constexpr std::size_t kBlock = 8;

bool is_ascii_block(const char* at) { return (word_at(at) & kHighBits) == 0; }

// The size of the well-formed sequence that begins here (Unicode, table 3-7); 0 for none.
std::size_t sequence_size(const unsigned char* at, std::size_t left) {
    const unsigned char lead = at[0];
    if (lead < 0x80) return 1;
    const std::size_t size = lead >= 0xC2 && lead <= 0xDF   ? 2
                             : lead >= 0xE0 && lead <= 0xEF ? 3
                             : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                            : 0;
    if (size == 0 || size > left) return 0;
    // No overlong forms, no surrogates, nothing above U+10FFFF: the second byte tells.
    const unsigned char least = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const unsigned char most = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (at[1] < least || at[1] > most) return 0;
    for (std::size_t i = 2; i < size; ++i) {
        if (at[i] < 0x80 || at[i] > 0xBF) return 0;
    }
    return size;
}

}  // namespace

bool is_utf8(std::string_view text) {
    std::size_t at = 0;
    while (at < text.size()) {
        if (text.size() - at >= kBlock && is_ascii_block(text.data() + at)) {
            at += kBlock;
            continue;
        }
        // Up to the end of this block, so that one letter beyond ASCII costs one block.
        const std::size_t end = std::min(at + kBlock, text.size());
        while (at < end) {
            const auto* byte = reinterpret_cast<const unsigned char*>(text.data()) + at;
            const std::size_t size = sequence_size(byte, text.size() - at);
            if (size == 0) return false;
            at += size;
        }
    }
    return true;
}

}  // namespace anchorlog::wire
