#include "app/config_reader.h"

#include <algorithm>

namespace anchorlog::app {
namespace {

const nlohmann::json& empty_object() {
    static const nlohmann::json empty = nlohmann::json::object();
    return empty;
}

}  // namespace

ConfigReader::ConfigReader(const nlohmann::json& object, std::string path, std::string* error)
    : object_(&object), path_(std::move(path)), error_(error) {
    if (!object.is_object()) {
        fail("", "must be an object");
        object_ = &empty_object();
    }
}

void ConfigReader::fail(const std::string& name, const std::string& what) {
    if (!error_->empty()) return;
    std::string where = path_;
    if (!where.empty() && !name.empty()) where += '.';
    *error_ = where + name + " " + what;
}

const nlohmann::json* ConfigReader::take(const char* name, bool required) {
    known_.insert(name);
    const auto found = object_->find(name);
    if (found != object_->end()) return &*found;
    if (required) fail(name, "is missing and has no default");
    return nullptr;
}

void ConfigReader::text(const char* name, std::string& out, bool required) {
    const auto* value = take(name, required);
    if (value == nullptr) return;
    if (!value->is_string()) return fail(name, "must be a string");
    const bool may_be_empty = !required && out.empty();
    out = value->get<std::string>();
    if (out.empty() && !may_be_empty) fail(name, "must not be empty");
}

void ConfigReader::texts(const char* name, std::vector<std::string>& out, std::size_t count_max) {
    const auto* value = take(name, true);
    if (value == nullptr) return;
    const auto list = value->is_array() ? *value : nlohmann::json::array({*value});
    for (const auto& item : list) {
        const auto* text = item.get_ptr<const std::string*>();
        if (text == nullptr || text->empty()) {
            return fail(name, "must be a string or an array of strings, none of them empty");
        }
        out.push_back(*text);
    }
    if (out.empty() || out.size() > count_max) {
        fail(name, "must have from 1 to " + std::to_string(count_max) + " values");
    }
}

void ConfigReader::flag(const char* name, bool& out) {
    const auto* value = take(name, false);
    if (value == nullptr) return;
    if (!value->is_boolean()) return fail(name, "must be true or false");
    out = value->get<bool>();
}

void ConfigReader::read_number(const char* name, std::uint64_t& out, std::uint64_t min,
                               std::uint64_t max) {
    const auto* value = take(name, false);
    if (value == nullptr) return;
    if (!value->is_number_unsigned()) return fail(name, "must be a whole number, 0 or more");
    out = value->get<std::uint64_t>();
    if (out < min || out > max) {
        fail(name, "must be from " + std::to_string(min) + " to " + std::to_string(max) + ", not " +
                       std::to_string(out));
    }
}

void ConfigReader::one_of(const char* name, std::string& out,
                          const std::vector<std::string>& allowed) {
    text(name, out);
    if (std::find(allowed.begin(), allowed.end(), out) != allowed.end()) return;
    std::string list;
    for (const std::string& choice : allowed) list += (list.empty() ? "" : ", ") + choice;
    fail(name, "must be one of " + list);
}

ConfigReader ConfigReader::object(const char* name, bool required) {
    const auto* value = take(name, required);
    const std::string path = path_.empty() ? name : path_ + "." + name;
    return ConfigReader(value != nullptr ? *value : empty_object(), path, error_);
}

std::vector<ConfigReader> ConfigReader::objects(const char* name) {
    std::vector<ConfigReader> out;
    const auto* value = take(name, false);
    if (value == nullptr) return out;
    if (!value->is_array()) {
        fail(name, "must be an array");
        return out;
    }
    for (std::size_t i = 0; i < value->size(); ++i) {
        out.emplace_back((*value)[i],
                         (path_.empty() ? "" : path_ + ".") + name + "[" + std::to_string(i) + "]",
                         error_);
    }
    return out;
}

void ConfigReader::finish() {
    for (const auto& [name, value] : object_->items()) {
        if (!known_.contains(name)) fail(name, "is not a known key");
    }
}

}  // namespace anchorlog::app
