#include "net/handshake_gate.h"

namespace anchorlog::net {

bool HandshakeGate::has_room(SteadyTime now) const {
    const std::lock_guard lock(mutex_);
    return places_.size() < places_max_ || may_go(places_.begin()->first, now);
}

HandshakeGate::Entry HandshakeGate::enter(SessionId id, const std::string& source, SteadyTime now) {
    const std::lock_guard lock(mutex_);
    Entry entry;
    const auto same = by_source_.find(source);
    if (same != by_source_.end() && same->second.size() >= places_per_source_max_) {
        entry.dropped = *same->second.begin();
    } else if (places_.size() >= places_max_) {
        entry.dropped = places_.begin()->first;
    }
    if (entry.dropped) {
        if (!may_go(*entry.dropped, now)) return {};
        remove(*entry.dropped);
    }
    entry.admitted = true;
    places_.emplace(id, Place{source, now});
    by_source_[source].insert(id);
    return entry;
}

std::optional<SessionId> HandshakeGate::drop_oldest(SteadyTime now) {
    const std::lock_guard lock(mutex_);
    if (places_.empty()) return std::nullopt;
    const SessionId oldest = places_.begin()->first;
    if (!may_go(oldest, now)) return std::nullopt;
    remove(oldest);
    return oldest;
}

void HandshakeGate::leave(SessionId id) {
    const std::lock_guard lock(mutex_);
    remove(id);
}

std::uint64_t HandshakeGate::places() const {
    const std::lock_guard lock(mutex_);
    return places_.size();
}

bool HandshakeGate::may_go(SessionId id, SteadyTime now) const {
    return now.ms - places_.at(id).since.ms >= kHandshakeGraceMs;
}

void HandshakeGate::remove(SessionId id) {
    const auto found = places_.find(id);
    if (found == places_.end()) return;
    const auto same = by_source_.find(found->second.source);
    same->second.erase(id);
    if (same->second.empty()) by_source_.erase(same);
    places_.erase(found);
}

}  // namespace anchorlog::net
