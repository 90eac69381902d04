#include "anchor/send_class.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace anchorlog::anchor {
namespace {

// One line of tests/vectors/send_answers.txt.
struct Case {
    std::string node;
    long http = 0;
    std::int64_t code = 0;
    std::string kind;
    std::string message;
};

std::vector<Case> corpus() {
    std::ifstream file(std::string(ANCHORLOG_VECTORS) + "/send_answers.txt");
    std::vector<Case> out;
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with('#')) continue;
        std::istringstream fields(line);
        std::string http;
        std::string code;
        Case c;
        std::getline(fields, c.node, '|');
        std::getline(fields, http, '|');
        std::getline(fields, code, '|');
        std::getline(fields, c.kind, '|');
        std::getline(fields, c.message);
        c.http = std::stol(http);
        c.code = std::stol(code);
        out.push_back(std::move(c));
    }
    return out;
}

TEST(SendClass, KnowsWhatNodesSay) {
    const auto cases = corpus();
    ASSERT_GE(cases.size(), 120u);
    for (const Case& c : cases) {
        EXPECT_EQ(to_string(classify_send(c.http, c.code, c.message)), c.kind)
            << c.node << ": " << c.message;
    }
}

TEST(SendClass, WhatNobodyKnowsIsNeverSuccess) {
    for (const char* message : {"ok", "accepted", "0x00", "success", "\xff\xfe"}) {
        EXPECT_EQ(classify_send(200, -1, message), SendClass::unknown) << message;
    }
}

}  // namespace
}  // namespace anchorlog::anchor
