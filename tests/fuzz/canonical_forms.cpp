// Canonicalises JSON texts for the comparison with another implementation
// (test_canonical_differential.py). Standard input: u32be length ‖ text, again and again. Standard
// output, for each: '0' refused, '1' taken, 'c' taken and canonical as it was, then, unless
// refused, u32be length ‖ canonical text.
#include <cstdio>
#include <iostream>
#include <iterator>
#include <string>

#include "anchorlog/base/bytes.h"
#include "anchorlog/wire/canonical_json.h"

namespace {

constexpr std::size_t kLengthSize = 4;

void answer(std::string& out, std::string_view text) {
    const bool is_canonical = anchorlog::wire::is_canonical(text);
    const auto canonical = anchorlog::wire::canonicalize(text);
    if (!canonical) {
        out += is_canonical ? '!' : '0';
        return;
    }
    out += is_canonical ? 'c' : '1';
    anchorlog::Bytes length;
    anchorlog::append_u32be(length, static_cast<std::uint32_t>(canonical->size()));
    out += anchorlog::as_text(length);
    out += *canonical;
}

}  // namespace

int main() {
    const std::string input{std::istreambuf_iterator<char>(std::cin), {}};
    std::string_view rest = input;
    std::string out;
    while (rest.size() >= kLengthSize) {
        const std::size_t size = anchorlog::read_u32be(anchorlog::as_bytes(rest).data());
        rest.remove_prefix(kLengthSize);
        if (size > rest.size()) return 1;
        answer(out, rest.substr(0, size));
        rest.remove_prefix(size);
    }
    std::cout << out << std::flush;
    return rest.empty() && std::cout ? 0 : 1;
}
