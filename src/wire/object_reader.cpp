#include "wire/object_reader.h"

#include <algorithm>
#include <utility>

namespace anchorlog::wire {

ObjectReader::ObjectReader(std::string_view canonical, std::string what) : what_(std::move(what)) {
    std::vector<Member> members;
    if (!scan_object(canonical, members)) {
        absorb({Errc::invalid_input, "not an object in canonical JSON (RFC 8785)"});
        return;
    }
    members_.reserve(members.size());
    for (const Member& member : members) members_.push_back({member, false});
}

const ObjectReader::Known* ObjectReader::find(std::string_view name) const {
    const auto at = std::find_if(members_.begin(), members_.end(),
                                 [&](const Known& known) { return known.member.name == name; });
    return at == members_.end() ? nullptr : &*at;
}

bool ObjectReader::has(std::string_view name) const { return find(name) != nullptr; }

std::string_view ObjectReader::raw(std::string_view name) {
    for (Known& known : members_) {
        if (known.member.name != name) continue;
        known.is_read = true;
        return known.member.value;
    }
    refuse(name, "is missing");
    return {};
}

std::uint64_t ObjectReader::number(std::string_view name) {
    const auto value = parse_integer(raw(name));
    require(value.has_value(), name, "must be an integer from 0 to 2^53-1");
    return value.value_or(0);
}

bool ObjectReader::boolean(std::string_view name) {
    const std::string_view value = raw(name);
    require(value == "true" || value == "false", name, "must be true or false");
    return value == "true";
}

std::string ObjectReader::string(std::string_view name, std::size_t size_max) {
    const std::string_view value = raw(name);
    if (!value.starts_with('"')) {
        refuse(name, "must be a string");
        return {};
    }
    std::string text = unescape(value.substr(1, value.size() - 2));
    if (text.size() > size_max) {
        refuse(name, "is longer than " + std::to_string(size_max) + " bytes");
        return {};
    }
    return text;
}

std::string_view ObjectReader::plain(std::string_view name) {
    const auto text = plain_string(raw(name));
    require(text.has_value(), name, "must be a string without escapes");
    return text.value_or(std::string_view());
}

Hash ObjectReader::hash(std::string_view name) {
    const auto value = hash_from_hex(plain(name));
    require(value.has_value(), name, "must be 64 lower-case hex digits");
    return value ? *value : Hash();
}

Bytes ObjectReader::hex(std::string_view name) {
    auto value = from_hex(plain(name));
    require(value.has_value(), name, "must be lower-case hex");
    return value ? std::move(*value) : Bytes();
}

WallTime ObjectReader::time(std::string_view name) {
    const auto value = parse_server_time(plain(name));
    require(value.has_value(), name, "must be a time like 2026-01-02T03:04:05.678Z");
    return value ? *value : WallTime();
}

std::vector<std::string_view> ObjectReader::array(std::string_view name, std::size_t count_max) {
    std::vector<std::string_view> elements;
    if (!scan_array(raw(name), elements)) {
        refuse(name, "must be an array");
        return {};
    }
    if (elements.size() > count_max) {
        refuse(name, "has more than " + std::to_string(count_max) + " elements");
        return {};
    }
    return elements;
}

void ObjectReader::refuse(std::string_view name, std::string_view why) {
    absorb({Errc::invalid_input, "`" + std::string(name) + "` " + std::string(why)});
}

void ObjectReader::absorb(Error error) {
    if (!error_) error_ = std::move(error).in(what_);
}

Result<void> ObjectReader::finish() {
    for (const Known& known : members_) {
        if (!known.is_read) absorb({Errc::invalid_input, "a member that does not belong there"});
    }
    if (error_) return *error_;
    return {};
}

}  // namespace anchorlog::wire
