#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "anchorlog/base/types.h"

namespace anchorlog::ledger {

// The highest number a device has used: its epoch and the seq_no in it (0: none yet).
struct DeviceNumber {
    Epoch epoch;
    SeqNo highest;
    friend bool operator==(const DeviceNumber&, const DeviceNumber&) = default;
};

// How far ahead of the current epoch a new one may be (formats §2).
inline constexpr std::uint64_t kEpochStepMax = 1'024;
// Devices the log remembers; an alert of one more is turned away as busy.
inline constexpr std::size_t kDevicesMax = 1u << 20;

// Refuses numbers that were used (formats §2, admission). Two layers: `admitted` decides about
// the next alert, `durable` is what a welcome may promise. Owned by the commit thread.
class ReplayWindow {
public:
    using Slot = std::uint32_t;  // stands for a device; stable while the process lives

    enum class Verdict {
        fresh,          // new number in the current epoch
        opens_epoch,    // new number in an allowed later epoch
        seen,           // at or below the highest, or in a closed epoch: compare what is stored
        epoch_too_far,  // a later epoch, but too far ahead
    };

    // The device's slot, made when it is new; kNoSlot when kDevicesMax is reached.
    static constexpr Slot kNoSlot = UINT32_MAX;
    [[nodiscard]] Slot slot(std::string_view device_id);
    // kNoSlot when the device was never seen.
    [[nodiscard]] Slot find(std::string_view device_id) const;
    [[nodiscard]] const std::string& device_id(Slot slot) const { return devices_[slot].id; }

    [[nodiscard]] Verdict check(Slot slot, Epoch epoch, SeqNo seq_no) const;
    // After fresh or opens_epoch only.
    // How many numbers a fresh one leaves out.
    [[nodiscard]] std::uint64_t gap_before(Slot slot, Epoch epoch, SeqNo seq_no) const;
    void admit(Slot slot, Epoch epoch, SeqNo seq_no);
    void make_durable(Slot slot, DeviceNumber number);
    // Forgets what was admitted and never became durable: its group could not be written.
    void abandon();

    [[nodiscard]] DeviceNumber durable(Slot slot) const { return devices_[slot].durable; }
    // Null when the device was never seen.
    [[nodiscard]] const DeviceNumber* find_durable(std::string_view device_id) const;
    [[nodiscard]] std::size_t devices() const { return devices_.size(); }

private:
    struct Device {
        std::string id;
        DeviceNumber admitted;
        DeviceNumber durable;
    };
    struct TextHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const {
            return std::hash<std::string_view>{}(text);
        }
    };

    std::vector<Device> devices_;
    std::unordered_map<std::string, Slot, TextHash, std::equal_to<>> slots_;
};

}  // namespace anchorlog::ledger
