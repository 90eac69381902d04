#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace anchorlog::verify {

// Numbers for the devices of a log, so that an entry is kept in a few bytes. Any thread.
class DeviceNames {
public:
    // As many as the daemon admits (docs/message_schema.md, `busy`).
    static constexpr std::uint32_t kDevicesMax = 1u << 20;

    // The device's number; nothing when a log cannot have so many devices.
    [[nodiscard]] std::optional<std::uint32_t> number_of(std::string_view name);
    // Lives as long as this.
    [[nodiscard]] const std::string& name_of(std::uint32_t number) const;

private:
    mutable std::mutex mutex_;
    std::deque<std::string> names_;
    std::unordered_map<std::string_view, std::uint32_t> numbers_;
};

// Remembers the last devices asked for. One thread.
class DeviceCache {
public:
    explicit DeviceCache(DeviceNames& names) : names_(names) {}
    [[nodiscard]] std::optional<std::uint32_t> number_of(std::string_view name);

private:
    struct Known {
        std::string_view name;  // of names_
        std::uint32_t number = 0;
    };
    DeviceNames& names_;
    std::array<Known, 1'024> known_{};
};

}  // namespace anchorlog::verify
