#include "sim/sender.h"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "anchorlog/wire/alert.h"
#include "anchorlog/wire/note.h"

namespace anchorlog::sim {
namespace {

constexpr std::size_t kSpoolMax = 24;

std::string hex(std::uint64_t value, std::size_t digits) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string out(digits, '0');
    for (std::size_t i = digits; i > 0; --i, value >>= 4) out[i - 1] = kDigits[value & 0xf];
    return out;
}

std::string uuid(std::uint64_t sender, std::uint64_t count) {
    return hex(0x019b8a00u + sender, 8) + "-" + hex(count >> 12, 4) + "-7" + hex(count, 3) +
           "-8000-" + hex(sender, 12);
}

}  // namespace

Sender::Sender(std::size_t number, const SenderPlan& plan, Machine& machine, Witness& witness,
               Coverage& coverage)
    : number_(number), plan_(plan), name_("gw-" + std::to_string(number)), machine_(machine),
      witness_(witness), coverage_(coverage) {
    const std::size_t devices = 1 + number % 2;
    for (std::size_t i = 0; i < devices; ++i) {
        Device device;
        device.id = "cam-" + std::to_string(number) + "-" + std::to_string(i);
        if (plan.signs && i == 0) device.key = crypto::signer_from_seed({7, 7});
        memory_.devices.push_back(std::move(device));
    }
}

nlohmann::json Sender::registration() const {
    nlohmann::json devices = nlohmann::json::object();
    for (const Device& device : memory_.devices) {
        devices[device.id] = nlohmann::json::object();
        if (device.key) devices[device.id]["key"] = to_hex(device.key->public_key());
    }
    return {{"state", "active"}, {"devices", devices}};
}

// Its own clock is true whatever somebody does to the daemon's.
std::int64_t Sender::now_ms() const { return machine_.true_time().ms; }

Sender::Device* Sender::device_of(const std::string& id) {
    const auto found = std::find_if(memory_.devices.begin(), memory_.devices.end(),
                                    [&](const Device& device) { return device.id == id; });
    return found == memory_.devices.end() ? nullptr : &*found;
}

void Sender::write_canonical(Item& item, const Device& device) const {
    std::string text = "{\"alert_type\":\"scan.vertical\",\"batch_id\":\"" + item.entry_id +
                       "\",\"confidence\":0.97,\"device_id\":\"" + item.key.device +
                       "\",\"entry_id\":\"" + item.entry_id + "\",";
    if (item.key.epoch != 0) text += "\"epoch\":" + std::to_string(item.key.epoch) + ",";
    text += "\"features_summary\":{\"variant\":" + std::to_string(item.variant);
    if (plan_.pads && item.variant % 5 == 4) {
        text += ",\"x\":\"" + std::string(100 * (item.variant % 11), 'x') + "\"";
    }
    text += "},\"seq_no\":" + std::to_string(item.key.seq_no);
    const std::string time = ",\"timestamp\":\"" + format_server_time({item.made_ms}) + "\"}";
    std::string sig;
    if (device.key) {
        const auto payload = wire::alert_signing_payload(text + time);
        ANCHORLOG_ASSERT(payload.has_value());
        sig = ",\"sig\":\"" + to_base64(*device.key->sign(*payload)) + "\"";
    }
    item.canonical = text + sig + time;
}

std::string Sender::text_of(const Item& item, std::int64_t sent_at_ms) const {
    std::string text = item.canonical;
    text.insert(text.find("\"seq_no\":"),
                "\"sent_at\":\"" + format_server_time({sent_at_ms}) + "\",");
    return text;
}

Sender::Item Sender::make(Dice& dice, Device& device) {
    Item item;
    if (dice.one_in(8)) {  // gaps are allowed
        device.skipped = device.next_seq;
        device.next_seq += dice.between(1, 3);
    }
    item.key = {device.id, device.epoch, device.next_seq++};
    item.entry_id = uuid(number_, made_);
    item.variant = made_++;
    item.made_ms = now_ms();
    write_canonical(item, device);
    return item;
}

void Sender::hang_up() {
    if (link_ != nullptr) network_->forget(*link_);
    link_ = nullptr;
    welcomed_ = false;
    cursor_ = 0;
}

void Sender::act(Dice& dice) {
    if (finishing_ && finished()) return;
    if (link_ == nullptr) {
        link_ = network_->connect(name_);
        if (link_ == nullptr) return;
        if (std::exchange(was_connected_, true)) coverage_.add(Event::reconnect);
        return say_hello(dice);
    }
    if (link_->ended()) return;
    if (!finishing_) {
        if (plan_.reconnects && dice.one_in(15)) return hang_up();
        if (plan_.restored && !copy_ && dice.one_in(10)) copy_ = memory_;
        if (plan_.restored && copy_ && dice.one_in(25)) {
            coverage_.add(Event::sender_restored);
            memory_ = *std::exchange(copy_, std::nullopt);
            was_restored_ = true;
            return hang_up();
        }
    }
    if (!welcomed_) return;
    if (!finishing_) {
        misbehave(dice);
        const std::uint64_t count = dice.below(4);
        for (std::uint64_t i = 0; i < count && memory_.spool.size() < kSpoolMax; ++i) {
            Device& device = memory_.devices[dice.below(memory_.devices.size())];
            memory_.spool.push_back(make(dice, device));
            if (plan_.honest()) all_.push_back(memory_.spool.back().key);
        }
    }
    send(dice);
}

void Sender::say_hello(Dice& dice) {
    nlohmann::json hello = {{"type", "hello"}, {"protocol", 1}, {"receipts", false}};
    hello["devices"] = nlohmann::json::array();
    for (const Device& device : memory_.devices) hello["devices"].push_back(device.id);
    hello_seen_ = dice.one_in(4) ? "" : memory_.seen;
    if (!hello_seen_.empty()) hello["seen"] = hello_seen_;
    if (plan_.lies && dice.one_in(3) && !hello_seen_.empty()) {
        // The signature does not fit any more: it must not make the log believe in a fork.
        std::string forged = hello_seen_;
        char& digit = forged[forged.find('\n') + 1];
        digit = digit == '9' ? '8' : '9';
        hello["seen"] = forged;
        hello_seen_.clear();
    }
    network_->put(*link_, {}, hello.dump());
}

void Sender::put(const Item& item, std::int64_t sent_at_ms) {
    const bool stamped = item.made_ms != sent_at_ms || item.variant % 3 != 0;
    network_->put(*link_, {item.key, item.canonical},
                  stamped ? text_of(item, sent_at_ms) : item.canonical);
}

void Sender::send(Dice& dice) {
    auto& spool = memory_.spool;
    if (plan_.reorders && !finishing_ && cursor_ + 1 < spool.size() && dice.one_in(4)) {
        std::swap(spool[cursor_], spool[cursor_ + 1]);
        coverage_.add(Event::reorder);
    }
    const std::uint64_t count = dice.between(1, 6);
    for (std::uint64_t i = 0; i < count && cursor_ < spool.size(); ++i) {
        const Item& item = spool[cursor_++];
        if (witness_.was_sent(item.key)) coverage_.add(Event::resend);
        put(item, now_ms());
    }
}

void Sender::misbehave(Dice& dice) {
    if (plan_.duplicates && dice.one_in(3)) {
        const auto& from = memory_.acked.empty() ? memory_.spool : memory_.acked;
        if (!from.empty()) {
            coverage_.add(Event::duplicate);
            put(from[dice.below(from.size())], now_ms());
        }
    }
    if (plan_.equivocates && dice.one_in(5)) {
        const auto& from = memory_.acked.empty() || dice.one_in(2) ? memory_.spool : memory_.acked;
        if (!from.empty()) {
            Item other = from[dice.below(from.size())];
            other.variant = made_++;
            write_canonical(other, *device_of(other.key.device));
            put(other, now_ms());
        }
    }
    if (plan_.jumps && dice.one_in(10)) jump(dice);
    if (plan_.lies && dice.one_in(8)) tell_a_lie(dice);
}

void Sender::jump(Dice& dice) {
    Device& device = memory_.devices[dice.below(memory_.devices.size())];
    if (dice.one_in(3)) {
        Item far = make(dice, device);
        far.key.epoch += dice.between(1'025, 5'000);
        write_canonical(far, device);
        return put(far, now_ms());
    }
    // Never beyond what it knows the log to take: it would lock itself out.
    const std::uint64_t last = memory_.durable[device.id].epoch + 1'024;
    const std::uint64_t epoch = dice.one_in(4) ? last : device.epoch + dice.between(1, 3);
    if (epoch > device.epoch && epoch <= last) open_epoch(device, epoch);
}

// What is not acked gets new numbers in the new epoch and keeps its entry_id (formats §2).
void Sender::open_epoch(Device& device, std::uint64_t epoch) {
    coverage_.add(Event::epoch_opened);
    device.epoch = epoch;
    device.next_seq = 1;
    device.skipped = 0;
    for (Item& item : memory_.spool) {
        if (item.key.device != device.id) continue;
        item.key.epoch = epoch;
        item.key.seq_no = device.next_seq++;
        write_canonical(item, device);
    }
    cursor_ = 0;
}

void Sender::tell_a_lie(Dice& dice) {
    Device& device = memory_.devices[dice.below(memory_.devices.size())];
    Item item = make(dice, device);
    switch (dice.below(6)) {
        case 0:
            item.key.device = "not-mine";
            write_canonical(item, device);
            return network_->put(*link_, {}, item.canonical);
        case 1: {
            std::string text = item.canonical;
            const std::size_t at = text.find("\"timestamp\"");
            const std::string sig = to_base64(Bytes(64, 1));
            if (device.key) {
                text.replace(at - sig.size() - 2, sig.size(), sig);
            } else {
                text.insert(at, "\"sig\":\"" + sig + "\",");
            }
            return network_->put(*link_, {}, text);
        }
        case 2:
            return network_->put(*link_, {}, dice.one_in(2) ? "{\"alert_type\":7}" : "[1,");
        case 3: {
            Bytes length;
            append_u32be(length, dice.one_in(2) ? 0 : 0x01000000);
            return network_->put_raw(*link_, as_text(length));
        }
        case 4: {
            const bool ahead = dice.one_in(2);
            return put(item, now_ms() + (ahead ? 3'600'000 : -3'600'000));
        }
        default: {
            // A number that was left out, or of an epoch that is closed.
            if (device.epoch > 0 && dice.one_in(2)) {
                --item.key.epoch;
                item.key.seq_no = 1'000'000 + made_;
            } else if (device.skipped > 0) {
                item.key.seq_no = device.skipped;
            }
            write_canonical(item, device);
            return put(item, now_ms());
        }
    }
}

bool Sender::finished() const { return memory_.spool.empty(); }

void Sender::check_nothing_lost() const {
    for (const AlertKey& key : all_) {
        if (!witness_.is_stored(key))
            throw Violation(to_text(key) + " of an honest sender is lost");
    }
}

}  // namespace anchorlog::sim
