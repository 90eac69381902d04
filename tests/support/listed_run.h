#pragma once

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "anchorlog/store/state_db.h"

namespace anchorlog::testing {

// A run that holds its pairs, in whatever order they are given.
class ListedRun final : public store::Run {
public:
    ListedRun() = default;
    ListedRun(std::initializer_list<std::pair<std::string, std::string>> pairs) : pairs_(pairs) {}
    explicit ListedRun(const store::Run& run) {
        run.for_each([this](std::string_view key, std::string_view value) {
            add(key, value);
            return true;
        });
    }

    void add(std::string_view key, std::string_view value) { pairs_.emplace_back(key, value); }
    [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& pairs() const {
        return pairs_;
    }
    [[nodiscard]] std::uint64_t bytes_max() const override {
        std::uint64_t bytes = 0;
        for (const auto& [key, value] : pairs_) bytes += key.size() + value.size();
        return bytes;
    }
    void for_each(const Take& take) const override {
        for (const auto& [key, value] : pairs_) {
            if (!take(key, value)) return;
        }
    }

private:
    std::vector<std::pair<std::string, std::string>> pairs_;
};

}  // namespace anchorlog::testing
