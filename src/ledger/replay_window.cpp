#include "anchorlog/ledger/replay_window.h"

#include "anchorlog/base/assert.h"

namespace anchorlog::ledger {

ReplayWindow::Slot ReplayWindow::slot(std::string_view device_id) {
    if (const auto found = slots_.find(device_id); found != slots_.end()) return found->second;
    if (devices_.size() >= kDevicesMax) return kNoSlot;
    const auto made = static_cast<Slot>(devices_.size());
    devices_.push_back({std::string(device_id), {}, {}});
    slots_.emplace(devices_.back().id, made);
    return made;
}

ReplayWindow::Verdict ReplayWindow::check(Slot slot, Epoch epoch, SeqNo seq_no) const {
    const DeviceNumber& current = devices_[slot].admitted;
    if (epoch < current.epoch) return Verdict::seen;
    if (epoch == current.epoch) {
        return seq_no > current.highest ? Verdict::fresh : Verdict::seen;
    }
    return epoch.value - current.epoch.value <= kEpochStepMax ? Verdict::opens_epoch
                                                              : Verdict::epoch_too_far;
}

std::uint64_t ReplayWindow::gap_before(Slot slot, Epoch epoch, SeqNo seq_no) const {
    const DeviceNumber& number = devices_[slot].admitted;
    const std::uint64_t before = number.epoch == epoch ? number.highest.value : 0;
    return seq_no.value - before - 1;
}

void ReplayWindow::admit(Slot slot, Epoch epoch, SeqNo seq_no) {
    DeviceNumber& current = devices_[slot].admitted;
    ANCHORLOG_ASSERT(epoch > current.epoch || (epoch == current.epoch && seq_no > current.highest));
    current = {epoch, seq_no};
}

void ReplayWindow::make_durable(Slot slot, DeviceNumber number) {
    Device& device = devices_[slot];
    device.durable = number;
    if (device.admitted.epoch < number.epoch ||
        (device.admitted.epoch == number.epoch && device.admitted.highest < number.highest)) {
        device.admitted = number;
    }
}

void ReplayWindow::abandon() {
    for (Device& device : devices_) device.admitted = device.durable;
}

ReplayWindow::Slot ReplayWindow::find(std::string_view device_id) const {
    const auto found = slots_.find(device_id);
    return found == slots_.end() ? kNoSlot : found->second;
}

const DeviceNumber* ReplayWindow::find_durable(std::string_view device_id) const {
    const Slot slot = find(device_id);
    if (slot == kNoSlot) return nullptr;
    const DeviceNumber& number = devices_[slot].durable;
    return number.highest.value == 0 ? nullptr : &number;
}

}  // namespace anchorlog::ledger
