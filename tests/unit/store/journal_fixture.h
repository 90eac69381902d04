#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "anchorlog/store/journal.h"

namespace anchorlog::store {

// Line `number`: tells its number and is some sectors long now and then.
inline std::string test_line(std::uint64_t number) {
    const std::size_t padding = static_cast<std::size_t>((number * 131 + 17) % 700);
    const char letter = static_cast<char>('a' + number % 26);
    return std::to_string(number) + ":" + std::string(padding, letter);
}

inline std::string test_lines(std::uint64_t from, std::uint64_t count) {
    std::string text;
    for (std::uint64_t i = 0; i < count; ++i) text += test_line(from + i) + "\n";
    return text;
}

inline Result<void> check_test_line(std::uint64_t number, std::string_view text) {
    if (text == test_line(number)) return {};
    return Error{Errc::invalid_input, "not the line " + std::to_string(number)};
}

inline JournalOptions small_options() {
    JournalOptions options;
    options.segment_bytes = 4096;
    options.preallocate_bytes = 2048;
    options.line_size_max = 2048;
    options.tail_rewrite_bytes = 6000;
    return options;
}

inline std::unique_ptr<Journal> open_journal(FileSystem& fs, const std::string& dir,
                                             JournalOptions options = small_options()) {
    auto journal = Journal::open(fs, dir, options, check_test_line);
    EXPECT_TRUE(journal) << (journal ? "" : journal.error().message);
    return journal ? std::move(*journal) : nullptr;
}

// Appends lines [lines(), lines() + count) and syncs them.
inline void append_synced(Journal& journal, std::uint64_t count) {
    const auto appended = journal.append(test_lines(journal.lines(), count), count);
    ASSERT_TRUE(appended) << appended.error().message;
    const auto synced = journal.sync();
    ASSERT_TRUE(synced) << synced.error().message;
}

// Every line from 0 on is there, once, as written.
inline void expect_lines(const Journal& journal, std::uint64_t count) {
    ASSERT_EQ(journal.lines(), count);
    std::uint64_t next = 0;
    const auto visited = journal.for_each(
        0, [&](std::uint64_t line, std::string_view text, LinePosition) -> Result<void> {
            EXPECT_EQ(line, next);
            EXPECT_EQ(text, test_line(next));
            ++next;
            return {};
        });
    EXPECT_TRUE(visited) << (visited ? "" : visited.error().message);
    EXPECT_EQ(next, count);
}

inline std::string name_of(std::uint64_t first_line) {
    const std::string digits = std::to_string(first_line);
    return std::string(20 - digits.size(), '0') + digits + ".ndjson";
}

}  // namespace anchorlog::store
