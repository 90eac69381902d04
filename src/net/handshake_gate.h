#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>

#include "anchorlog/base/types.h"
#include "anchorlog/net/ingest.h"

namespace anchorlog::net {

// How long a connection may be under way before it can lose its place to a newer one. Far more
// than an honest handshake takes, so that many honest ones at once never push each other out.
inline constexpr std::int64_t kHandshakeGraceMs = 250;

// The places of connections that are no session: nobody knows yet who they are, so they are
// limited in all and for each source address, and when there is no place the oldest has to go.
// So silent connections, however many, hold nobody off for longer than the grace. Any thread.
class HandshakeGate {
public:
    struct Entry {
        bool admitted = false;
        std::optional<SessionId> dropped;  // has lost its place: to be closed
    };

    HandshakeGate(std::uint32_t places_max, std::uint32_t places_per_source_max)
        : places_max_(places_max), places_per_source_max_(places_per_source_max) {}

    // Whether a connection from a source that holds no place would be admitted now.
    [[nodiscard]] bool has_room(SteadyTime now) const;
    // Takes a place for `id`; ids only grow. Not admitted: its source has its share and the
    // oldest of it is too young to go.
    [[nodiscard]] Entry enter(SessionId id, const std::string& source, SteadyTime now);
    // Takes the place of the oldest one, for want of something else than places.
    [[nodiscard]] std::optional<SessionId> drop_oldest(SteadyTime now);
    // It is closed, or a session. It may have lost its place before.
    void leave(SessionId id);
    [[nodiscard]] std::uint64_t places() const;

private:
    struct Place {
        std::string source;
        SteadyTime since;
    };

    [[nodiscard]] bool may_go(SessionId id, SteadyTime now) const;
    void remove(SessionId id);

    const std::uint32_t places_max_;
    const std::uint32_t places_per_source_max_;
    mutable std::mutex mutex_;
    std::map<SessionId, Place> places_;  // the oldest first
    std::unordered_map<std::string, std::set<SessionId>> by_source_;
};

}  // namespace anchorlog::net
