#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "anchorlog/base/result.h"

namespace anchorlog::app {

// Takes members out of one JSON object and remembers the first error; what is never asked for is
// an unknown key. Keeps the reading of a configuration free of branches.
class ConfigReader {
public:
    ConfigReader(const nlohmann::json& object, std::string path, std::string* error);

    // Empty only where that is the default.
    void text(const char* name, std::string& out, bool required = false);
    // A string, or an array of 1 to `count_max` strings.
    void texts(const char* name, std::vector<std::string>& out, std::size_t count_max);
    void flag(const char* name, bool& out);
    template <class Integer>
    void number(const char* name, Integer& out, std::uint64_t min, std::uint64_t max) {
        std::uint64_t value = static_cast<std::uint64_t>(out);
        read_number(name, value, min, max);
        out = static_cast<Integer>(value);
    }
    void one_of(const char* name, std::string& out, const std::vector<std::string>& allowed);
    // The object member `name`; an empty object when it is absent.
    [[nodiscard]] ConfigReader object(const char* name, bool required = false);
    // The objects of the array member `name`.
    [[nodiscard]] std::vector<ConfigReader> objects(const char* name);
    // Complains about members nobody asked for.
    void finish();
    void fail(const std::string& name, const std::string& what);

private:
    const nlohmann::json* take(const char* name, bool required);
    void read_number(const char* name, std::uint64_t& out, std::uint64_t min, std::uint64_t max);

    const nlohmann::json* object_;
    std::string path_;
    std::string* error_;
    std::set<std::string> known_;
};

}  // namespace anchorlog::app
