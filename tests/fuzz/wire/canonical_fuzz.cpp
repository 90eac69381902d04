#include <nlohmann/json.hpp>

#include "anchorlog/wire/canonical_json.h"
#include "fuzz/target.h"
#include "wire/canonical_scan.h"

namespace anchorlog::fuzz {

namespace {

int depth_of(const nlohmann::json& value) {
    int deepest = 0;
    if (!value.is_structured()) return 0;
    for (const auto& inner : value) deepest = std::max(deepest, depth_of(inner));
    return deepest + 1;
}

// What the top level is made of must add up to the whole text again.
void check_parts(std::string_view text) {
    std::vector<wire::Member> members;
    if (wire::scan_object(text, members)) {
        std::string again = "{";
        for (const wire::Member& member : members) {
            if (again.size() > 1) again += ',';
            again.append(1, '"').append(member.name).append("\":").append(member.value);
            require(wire::is_canonical(member.value), "a canonical object's values are canonical");
            std::string name;
            wire::append_json_string(name, wire::unescape(member.name));
            require(name == '"' + std::string(member.name) + '"', "a name's escapes round-trip");
        }
        require(again + '}' == text, "members add up to their object");
    }
    std::vector<std::string_view> elements;
    if (wire::scan_array(text, elements)) {
        std::string again = "[";
        for (const std::string_view element : elements) {
            if (again.size() > 1) again += ',';
            again += element;
        }
        require(again + ']' == text, "elements add up to their array");
    }
}

}  // namespace

// Any text: the canonicaliser, the scanner and nlohmann/json must agree on it.
void canonical(ByteView input) {
    const std::string_view text = as_text(input);
    const auto out = wire::canonicalize(text);
    require(wire::is_canonical(text) == (out && *out == text),
            "the scanner takes exactly what canonicalisation leaves as it is");
    if (!out) {
        require(!out.error().message.empty(), "a refusal says why");
        return;
    }
    require(wire::is_canonical(*out), "canonical text is canonical");
    require(wire::is_utf8(*out), "canonical text is UTF-8");
    const auto again = wire::canonicalize(*out);
    require(again && *again == *out, "canonicalising twice is canonicalising once");
    const auto before = nlohmann::json::parse(text, nullptr, false);
    const auto after = nlohmann::json::parse(*out, nullptr, false);
    require(!before.is_discarded() && before == after, "canonicalisation keeps the value");
    require(depth_of(after) <= wire::kNestingMax, "nesting is limited");
    check_parts(*out);
}

}  // namespace anchorlog::fuzz
