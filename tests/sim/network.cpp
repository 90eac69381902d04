#include "sim/network.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "anchorlog/wire/frame.h"

namespace anchorlog::sim {

Network::Network(Machine& machine, Witness& witness, Coverage& coverage,
                 std::shared_ptr<const net::Registry> registry)
    : machine_(machine), witness_(witness), coverage_(coverage), registry_(std::move(registry)) {}

Link* Network::connect(const std::string& sender) {
    if (!listening_) return nullptr;
    auto link = std::make_unique<Link>();
    link->id = net::SessionId(next_session_++);
    link->sender = sender;
    wire::CertFingerprint cert{};
    std::copy(sender.begin(), sender.end(), cert.begin());
    link->reader = std::make_unique<net::ChunkReader>(
        net::SessionSender{link->id, sender, cert, registry_, registry_->find(sender)}, parser_);
    Link* made = link.get();
    links_[link->id.value] = std::move(link);
    return made;
}

void Network::put(Link& link, WireFrame frame, const std::string& text) {
    if (!frame.canonical.empty()) witness_.sent(frame.key, link.sender, frame.canonical);
    link.frames.push_back(std::move(frame));
    wire::append_frame(link.up, text);
}

void Network::put_raw(Link& link, std::string_view bytes) {
    link.frames.emplace_back();
    link.up += bytes;
}

void Network::read(Link& link, std::uint64_t bytes, Process& process) {
    if (link.lost || link.closing || link.reader->failed()) return;
    const std::string chunk = link.up.substr(0, bytes);
    if (chunk.empty()) return;
    link.up.erase(0, chunk.size());
    auto inbound = link.reader->push(as_bytes(chunk));
    if (!inbound) return;
    link.unreleased += inbound->bytes;
    if (link.hung_up) coverage_.add(Event::session_race);
    process.submit(std::move(*inbound));
}

void Network::reap(Process& process) {
    for (auto& [id, link] : links_) {
        if (link->lost || link->last_said) continue;
        const bool broken = link->reader->failed() && link->unreleased == 0;
        if (!link->hung_up && !link->closing && !broken) continue;
        link->last_said = true;
        link->closing = true;
        process.submit(link->reader->last());
    }
    std::erase_if(links_, [](const auto& entry) {
        const Link& link = *entry.second;
        return link.hung_up && link.last_said && link.unreleased == 0;
    });
}

void Network::take(std::vector<net::Outbound> replies) {
    // A machine that has lost its power sends nothing.
    if (machine_.files.dead()) return;
    for (const net::Outbound& outbound : replies) {
        const auto found = links_.find(outbound.session.value);
        if (found == links_.end()) {
            if (outbound.session.value < next_session_) continue;
            throw Violation("an answer to a session that never was");
        }
        Link& link = *found->second;
        if (outbound.released_bytes > link.unreleased) {
            throw Violation("more bytes were answered for than were read");
        }
        link.unreleased -= outbound.released_bytes;
        wire::FrameDecoder decoder;
        decoder.push(as_bytes(outbound.frames));
        while (const auto frame = decoder.next()) take_frame(link, std::string(*frame));
        if (!decoder.at_border()) throw Violation("a frame was sent in part");
        link.closing = link.closing || outbound.close;
    }
}

void Network::take_frame(Link& link, const std::string& text) {
    const auto json = nlohmann::json::parse(text);
    const std::string type = json.at("type");
    if (type == "ack") {
        take_ack(link, json);
    } else if (type == "reject") {
        take_reject(link, json);
    } else if (type == "welcome") {
        witness_.shown(json.at("checkpoint"), json.at("entries"));
    } else {
        throw Violation("a frame of unknown type: " + text);
    }
    if (!link.hung_up && !link.closing) link.down.push_back(text);
}

// An ack speaks for every alert of that device and epoch that came before the acked one with a
// number up to it, unless it was refused for ever (formats §2).
void Network::take_ack(Link& link, const nlohmann::json& ack) {
    const AlertKey key{ack.at("device_id"), ack.at("epoch"), ack.at("seq_no")};
    const std::size_t arrived = std::min<std::size_t>(link.reader->frames(), link.frames.size());
    const auto end = link.frames.begin() + static_cast<std::ptrdiff_t>(arrived);
    const auto acked = std::find_if(link.frames.begin(), end, [&](const WireFrame& frame) {
        return frame.key == key && !frame.canonical.empty() && !frame.refused;
    });
    if (acked == end) throw Violation(to_text(key) + " was acked and never sent");
    for (auto frame = link.frames.begin(); frame <= acked; ++frame) {
        const bool covered = frame->key.device == key.device && frame->key.epoch == key.epoch &&
                             frame->key.seq_no <= key.seq_no && !frame->canonical.empty();
        if (!covered || frame->refused || frame->promised) continue;
        frame->promised = true;
        witness_.promised(frame->key, frame->canonical);
    }
    witness_.promised_index(key, ack.at("index"));
}

void Network::take_reject(Link& link, const nlohmann::json& reject) {
    static const std::map<std::string, Event> kMet = {
        {"malformed", Event::length_lie},      {"too_large", Event::length_lie},
        {"schema", Event::schema_lie},         {"identity", Event::identity_lie},
        {"signature", Event::bad_signature},   {"replay", Event::replay},
        {"stale", Event::outside_window},      {"future", Event::outside_window},
        {"equivocation", Event::equivocation}, {"storage_full", Event::gate_closed},
    };
    if (const auto met = kMet.find(reject.at("code")); met != kMet.end()) {
        coverage_.add(met->second);
    }
    const std::string detail = reject.at("detail");
    if (detail.find("epoch is more than") != std::string::npos) {
        coverage_.add(Event::epoch_too_far);
    }
    const std::size_t ordinal = reject.at("frame");
    if (!reject.at("permanent")) return;
    if (ordinal < link.frames.size()) link.frames[ordinal].refused = true;
}

void Network::process_ended(Dice& dice) {
    listening_ = false;
    for (auto& [id, link] : links_) {
        link->lost = true;
        link->down.resize(dice.below(link->down.size() + 1));
    }
    std::erase_if(links_, [](const auto& entry) { return entry.second->hung_up; });
}

Link* Network::pick(std::uint64_t number) {
    if (links_.empty()) return nullptr;
    const auto at = static_cast<std::ptrdiff_t>(number % links_.size());
    return std::next(links_.begin(), at)->second.get();
}

void Network::forget(Link& link) {
    link.hung_up = true;
    link.down.clear();
    if (link.lost) links_.erase(link.id.value);
}

bool Network::settled() const {
    return std::all_of(links_.begin(), links_.end(), [](const auto& entry) {
        return entry.second->lost || entry.second->unreleased == 0;
    });
}

std::size_t Network::waiting_bytes() const {
    std::size_t sum = 0;
    for (const auto& [id, link] : links_) {
        if (!link->lost && !link->closing && !link->reader->failed()) sum += link->up.size();
    }
    return sum;
}

}  // namespace anchorlog::sim
