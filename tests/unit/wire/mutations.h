#pragma once

#include <cstddef>
#include <functional>
#include <random>
#include <string>
#include <string_view>

namespace anchorlog::wire::testing {

// Feeds `parse` every truncation of `valid` and `rounds` copies with one to three bytes changed,
// put in or taken out. The seed is fixed: a failure comes again.
inline void feed_mutations(std::string_view valid, int rounds,
                           const std::function<void(const std::string&)>& parse) {
    for (std::size_t size = 0; size < valid.size(); ++size) {
        parse(std::string(valid.substr(0, size)));
    }
    std::mt19937 random(20'260'101);
    const std::string_view likely = "\"\\{}[]:,.0123456789-+eEtfn \n\x80\xF0\x9F\xED\xA0";
    for (int round = 0; round < rounds; ++round) {
        std::string text(valid);
        const std::size_t changes = 1 + random() % 3;
        for (std::size_t i = 0; i < changes && !text.empty(); ++i) {
            const std::size_t at = random() % text.size();
            const char byte = random() % 2 == 0 ? likely[random() % likely.size()]
                                                : static_cast<char>(random() % 256);
            switch (random() % 3) {
                case 0:
                    text[at] = byte;
                    break;
                case 1:
                    text.insert(at, 1, byte);
                    break;
                default:
                    text.erase(at, 1);
            }
        }
        parse(text);
    }
}

}  // namespace anchorlog::wire::testing
