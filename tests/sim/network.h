#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "net/chunk_reader.h"
#include "sim/process.h"
#include "sim/witness.h"

namespace anchorlog::sim {

// One frame as its sender put it on the wire.
struct WireFrame {
    AlertKey key;           // of an alert
    std::string canonical;  // of an alert; empty: something else, or nothing that can be stored
    bool refused = false;   // for ever, as the daemon said
    bool promised = false;
};

// A connection: bytes on their way to the daemon, frames on their way back.
struct Link {
    net::SessionId id;
    std::string sender;
    std::unique_ptr<net::ChunkReader> reader;
    std::vector<WireFrame> frames;  // by ordinal, also those that have not arrived
    std::string up;                 // bytes the daemon has not read
    std::deque<std::string> down;   // JSON the sender has not read
    std::uint64_t unreleased = 0;   // bytes the daemon has not answered for
    bool hung_up = false;           // by the sender
    bool closing = false;           // by the daemon, once `down` is read
    bool lost = false;              // the process is gone
    bool last_said = false;

    // What the sender may still read.
    [[nodiscard]] bool ended() const { return (closing || lost) && down.empty(); }
};

// What stands between senders and the daemon: bytes arrive in any pieces or not at all. Keeps the
// account of what every ack speaks for.
class Network {
public:
    Network(Machine& machine, Witness& witness, Coverage& coverage,
            std::shared_ptr<const net::Registry> registry);

    // Null when no daemon listens.
    Link* connect(const std::string& sender);
    // Puts one frame on the wire. `text` is what is sent, wrapped in a length.
    void put(Link& link, WireFrame frame, const std::string& text);
    // Bytes that keep no frame border: nothing behind them is ever read.
    void put_raw(Link& link, std::string_view bytes);
    // The daemon reads up to `bytes` of what is there.
    void read(Link& link, std::uint64_t bytes, Process& process);
    // Says `last` for every link that has ended.
    void reap(Process& process);
    // What the daemon sends (its deliver()).
    void take(std::vector<net::Outbound> replies);

    void process_started() { listening_ = true; }
    // Every link ends; each sender may still read some of what was sent.
    void process_ended(Dice& dice);
    // A link by its place, for a schedule that picks one; null when there are none.
    [[nodiscard]] Link* pick(std::uint64_t number);
    [[nodiscard]] std::uint64_t links() const { return links_.size(); }
    void forget(Link& link);  // the sender will not look at it any more
    // True when every byte the daemon has read was answered for.
    [[nodiscard]] bool settled() const;
    [[nodiscard]] std::size_t waiting_bytes() const;

private:
    void take_frame(Link& link, const std::string& text);
    void take_ack(Link& link, const nlohmann::json& ack);
    void take_reject(Link& link, const nlohmann::json& reject);

    Machine& machine_;
    Witness& witness_;
    Coverage& coverage_;
    std::shared_ptr<const net::Registry> registry_;
    wire::AlertParser parser_;
    std::map<std::uint64_t, std::unique_ptr<Link>> links_;  // by session
    std::uint64_t next_session_ = 1;
    bool listening_ = false;
};

}  // namespace anchorlog::sim
