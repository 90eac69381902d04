#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "anchorlog/merkle/tree.h"
#include "anchorlog/wire/note.h"
#include "sim/sender.h"

namespace anchorlog::sim {
namespace {

constexpr std::size_t kAckedKept = 6;

wire::Checkpoint checkpoint_of(const std::string& text) {
    const auto note = wire::parse_note(text);
    if (!note) throw Violation("a welcome's checkpoint is no note");
    const auto parsed = wire::parse_checkpoint(note->text);
    if (!parsed) throw Violation("a welcome's note is no checkpoint");
    return *parsed;
}

}  // namespace

void Sender::read() {
    if (link_ == nullptr) return;
    if (link_->down.empty()) {
        if (link_->ended()) hang_up();
        return;
    }
    const std::string text = std::move(link_->down.front());
    link_->down.pop_front();
    const auto json = nlohmann::json::parse(text);
    const std::string type = json.at("type");
    if (type == "ack") return take_ack(json);
    if (type == "welcome") return take_welcome(json);
    take_reject(json);
}

void Sender::take_ack(const nlohmann::json& ack) {
    const std::string device = ack.at("device_id");
    const Durable acked{ack.at("epoch"), ack.at("seq_no")};
    const std::uint64_t index = ack.at("index");
    memory_.index_max = std::max(memory_.index_max.value_or(0), index);
    Durable& durable = memory_.durable[device];
    durable = std::max(durable, acked);
    auto& spool = memory_.spool;
    for (std::size_t i = 0; i < spool.size();) {
        const AlertKey& key = spool[i].key;
        if (key.device != device || key.epoch != acked.epoch || key.seq_no > acked.seq_no) {
            ++i;
            continue;
        }
        memory_.acked.push_back(std::move(spool[i]));
        spool.erase(spool.begin() + static_cast<std::ptrdiff_t>(i));
        if (i < cursor_) --cursor_;
    }
    if (memory_.acked.size() > kAckedKept) {
        memory_.acked.erase(memory_.acked.begin(), memory_.acked.end() - kAckedKept);
    }
}

void Sender::take_welcome(const nlohmann::json& welcome) {
    coverage_.add(Event::welcome);
    if (welcome.at("origin") != kOrigin) throw Violation("a welcome of another log");
    if (memory_.index_max && welcome.at("entries") <= *memory_.index_max) {
        throw Violation("a welcome says fewer entries than were acked");
    }
    check_path(welcome);
    memory_.seen = welcome.at("checkpoint");
    welcomed_ = true;
    std::map<std::string, Durable> now;
    for (const auto& [device, number] : welcome.at("durable").items()) {
        now[device] = {number.at("epoch"), number.at("seq_no")};
    }
    for (const auto& [device, known] : memory_.durable) {
        if (now[device] < known) throw Violation(device + ": a welcome is behind an ack");
    }
    for (const auto& [id, durable] : now) {
        Device* device = device_of(id);
        if (device == nullptr) throw Violation("a welcome speaks of a device nobody asked for");
        if (durable < Durable{device->epoch, device->next_seq}) continue;
        if (!was_restored_) throw Violation(id + ": durable is what was never sent");
        open_epoch(*device, durable.epoch + 1);
    }
}

void Sender::check_path(const nlohmann::json& welcome) const {
    const wire::Checkpoint now = checkpoint_of(welcome.at("checkpoint"));
    if (hello_seen_.empty()) return;
    const wire::Checkpoint then = checkpoint_of(hello_seen_);
    if (now.size < then.size) throw Violation("the log has become shorter");
    std::vector<Hash> path;
    for (const auto& node : welcome.at("consistency")) {
        path.push_back(*hash_from_hex(node.get<std::string>()));
    }
    if (!merkle::verify_consistency(then.size, now.size, then.root, now.root, path)) {
        throw Violation("a welcome's consistency path does not hold");
    }
    if (then.size < now.size) coverage_.add(Event::consistency_path);
}

void Sender::take_reject(const nlohmann::json& reject) {
    const std::string code = reject.at("code");
    if (code == "forked") throw Violation("the log believes in a fork: " + reject.dump());
    if (!reject.at("permanent")) return;  // the link ends, and all is sent again
    const std::size_t ordinal = reject.at("frame");
    if (ordinal >= link_->frames.size()) return;
    const WireFrame& frame = link_->frames[ordinal];
    if (!frame.canonical.empty()) take_refused(frame, code);
}

void Sender::take_refused(const WireFrame& frame, const std::string& code) {
    auto& spool = memory_.spool;
    const auto item = std::find_if(spool.begin(), spool.end(), [&](const Item& one) {
        return one.canonical == frame.canonical;
    });
    if (item == spool.end()) return;
    // Stored long ago, and its line is gone since.
    const bool was_stored = code == "replay" && witness_.is_gone(frame.key);
    if (plan_.honest() && !was_stored) {
        throw Violation(to_text(frame.key) + " of an honest sender was refused for ever: " + code);
    }
    if (was_restored_) {
        Device& device = *device_of(frame.key.device);
        return open_epoch(device, std::max(device.epoch, memory_.durable[device.id].epoch) + 1);
    }
    if (item - spool.begin() < static_cast<std::ptrdiff_t>(cursor_)) --cursor_;
    spool.erase(item);  // set aside
}

}  // namespace anchorlog::sim
