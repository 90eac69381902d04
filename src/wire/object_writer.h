#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace anchorlog::wire {

// Appends one canonical object to `out`, member by member in the order RFC 8785 sorts them; a
// member out of order is a bug of ours and asserted. `close` ends it, exactly once.
class ObjectWriter {
public:
    explicit ObjectWriter(std::string& out);

    ObjectWriter& string(std::string_view name, std::string_view utf8);
    // For text known to need no escape: hex, base64, times, names.
    ObjectWriter& plain(std::string_view name, std::string_view ascii);
    ObjectWriter& number(std::string_view name, std::uint64_t value);
    ObjectWriter& boolean(std::string_view name, bool value);
    // A value that is canonical JSON already.
    ObjectWriter& raw(std::string_view name, std::string_view json);
    void close();

private:
    void begin(std::string_view name);

    std::string& out_;
    std::string_view last_;
};

void append_number(std::string& out, std::uint64_t value);
// A canonical array of strings.
[[nodiscard]] std::string string_array(const std::vector<std::string>& strings);

}  // namespace anchorlog::wire
