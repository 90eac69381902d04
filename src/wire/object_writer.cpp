#include "wire/object_writer.h"

#include <array>
#include <charconv>

#include "anchorlog/base/assert.h"
#include "anchorlog/wire/canonical_json.h"

namespace anchorlog::wire {

ObjectWriter::ObjectWriter(std::string& out) : out_(out) { out_.push_back('{'); }

ObjectWriter& ObjectWriter::string(std::string_view name, std::string_view utf8) {
    begin(name);
    append_json_string(out_, utf8);
    return *this;
}

ObjectWriter& ObjectWriter::plain(std::string_view name, std::string_view ascii) {
    begin(name);
    out_.append(1, '"').append(ascii).append(1, '"');
    return *this;
}

ObjectWriter& ObjectWriter::number(std::string_view name, std::uint64_t value) {
    begin(name);
    append_number(out_, value);
    return *this;
}

ObjectWriter& ObjectWriter::boolean(std::string_view name, bool value) {
    return raw(name, value ? "true" : "false");
}

ObjectWriter& ObjectWriter::raw(std::string_view name, std::string_view json) {
    begin(name);
    out_ += json;
    return *this;
}

void ObjectWriter::close() { out_.push_back('}'); }

void ObjectWriter::begin(std::string_view name) {
    ANCHORLOG_ASSERT(last_ < name);
    if (!last_.empty()) out_.push_back(',');
    last_ = name;
    out_.append(1, '"').append(name).append("\":");
}

void append_number(std::string& out, std::uint64_t value) {
    std::array<char, 20> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    out.append(digits.data(), end);
}

std::string string_array(const std::vector<std::string>& strings) {
    std::string out = "[";
    for (const std::string& text : strings) {
        if (out.size() > 1) out.push_back(',');
        append_json_string(out, text);
    }
    out.push_back(']');
    return out;
}

}  // namespace anchorlog::wire
