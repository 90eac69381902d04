#include "verify/device_names.h"

namespace anchorlog::verify {

std::optional<std::uint32_t> DeviceNames::number_of(std::string_view name) {
    const std::lock_guard lock(mutex_);
    const auto found = numbers_.find(name);
    if (found != numbers_.end()) return found->second;
    if (names_.size() >= kDevicesMax) return std::nullopt;
    const auto number = static_cast<std::uint32_t>(names_.size());
    numbers_.emplace(names_.emplace_back(name), number);
    return number;
}

const std::string& DeviceNames::name_of(std::uint32_t number) const {
    const std::lock_guard lock(mutex_);
    return names_[number];
}

std::optional<std::uint32_t> DeviceCache::number_of(std::string_view name) {
    if (name.empty()) return std::nullopt;
    // Names of one fleet differ in their last letters.
    std::size_t place = name.size();
    for (std::size_t i = name.size() > 4 ? name.size() - 4 : 0; i < name.size(); ++i) {
        place = place * 31 + static_cast<unsigned char>(name[i]);
    }
    Known& known = known_[place % known_.size()];
    if (known.name == name) return known.number;
    const auto number = names_.number_of(name);
    if (number) known = {names_.name_of(*number), *number};
    return number;
}

}  // namespace anchorlog::verify
