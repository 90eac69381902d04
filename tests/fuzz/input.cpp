#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "fuzz/target.h"

namespace anchorlog::fuzz {

namespace {

std::uint64_t promises = 0;

}  // namespace

void require(bool holds, const char* promise) {
    ++promises;
    if (holds) return;
    std::fprintf(stderr, "a promise does not hold: %s\n", promise);
    std::abort();
}

std::uint64_t promises_checked() { return promises; }

std::uint8_t InputReader::byte() {
    const ByteView one = bytes(1);
    return one.empty() ? std::uint8_t{0} : one[0];
}

std::uint64_t InputReader::number() {
    std::uint64_t value = 0;
    for (int i = 0; i < 8; ++i) value = value << 8 | byte();
    return value;
}

ByteView InputReader::bytes(std::size_t size) {
    const ByteView taken = rest_.first(std::min(size, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
}

}  // namespace anchorlog::fuzz
