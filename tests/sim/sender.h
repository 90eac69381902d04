#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "sim/network.h"

namespace anchorlog::sim {

// How a sender behaves. An honest one keeps the protocol and must lose nothing.
struct SenderPlan {
    bool duplicates = false;   // sends again what was acked
    bool reorders = false;     // sends its alerts out of order
    bool equivocates = false;  // sends two alerts under one number
    bool jumps = false;        // opens epochs near and far
    bool lies = false;         // wrong device, signature, schema, length, time
    bool restored = false;     // is set back to an older copy of itself
    bool reconnects = false;
    bool signs = false;  // its first device has a key
    bool pads = false;   // large alerts too

    // Nothing of what it sends may ever be refused for ever.
    [[nodiscard]] bool honest() const {
        return !duplicates && !reorders && !equivocates && !jumps && !lies && !restored;
    }
};

// A gateway: makes alerts, keeps them until they are acked, sends them again after every break
// under the same numbers, and checks what the daemon says.
class Sender {
public:
    Sender(std::size_t number, const SenderPlan& plan, Machine& machine, Witness& witness,
           Coverage& coverage);
    void use(Network& network) { network_ = &network; }

    [[nodiscard]] const std::string& name() const { return name_; }
    // Its entry in the registry.
    [[nodiscard]] nlohmann::json registration() const;

    // Does one thing of its own accord.
    void act(Dice& dice);
    // Takes one answer, or sees that the link has ended.
    void read();
    // No lies from now on, no new alerts: only gets rid of what it has.
    void finish() { finishing_ = true; }
    [[nodiscard]] bool finished() const;
    // At the end: all that it ever had is stored. Throws Violation.
    void check_nothing_lost() const;

private:
    struct Item {
        AlertKey key;
        std::string entry_id;
        std::int64_t made_ms = 0;
        std::uint64_t variant = 0;
        std::string canonical;
    };
    struct Device {
        std::string id;
        std::uint64_t epoch = 0;
        std::uint64_t next_seq = 1;
        std::uint64_t skipped = 0;  // a number left out, in this epoch
        std::shared_ptr<const crypto::Signer> key;
    };
    struct Durable {  // of one device: what was acked or welcomed
        std::uint64_t epoch = 0;
        std::uint64_t seq_no = 0;
        friend auto operator<=>(const Durable&, const Durable&) = default;
    };
    // What a copy of the sender's disk holds.
    struct Memory {
        std::vector<Device> devices;
        std::vector<Item> spool;
        std::vector<Item> acked;  // the last few
        std::map<std::string, Durable> durable;
        std::string seen;
        std::optional<std::uint64_t> index_max;
    };

    [[nodiscard]] std::int64_t now_ms() const;
    void write_canonical(Item& item, const Device& device) const;
    [[nodiscard]] std::string text_of(const Item& item, std::int64_t sent_at_ms) const;
    Item make(Dice& dice, Device& device);
    void say_hello(Dice& dice);
    void send(Dice& dice);
    void put(const Item& item, std::int64_t sent_at_ms);
    void misbehave(Dice& dice);
    void tell_a_lie(Dice& dice);
    void jump(Dice& dice);
    void hang_up();
    void open_epoch(Device& device, std::uint64_t epoch);
    void take_ack(const nlohmann::json& ack);
    void take_welcome(const nlohmann::json& welcome);
    void check_path(const nlohmann::json& welcome) const;
    void take_reject(const nlohmann::json& reject);
    void take_refused(const WireFrame& frame, const std::string& code);
    [[nodiscard]] Device* device_of(const std::string& id);

    const std::size_t number_;
    const SenderPlan plan_;
    const std::string name_;
    Machine& machine_;
    Witness& witness_;
    Coverage& coverage_;
    Network* network_ = nullptr;
    Memory memory_;
    std::optional<Memory> copy_;
    Link* link_ = nullptr;
    bool welcomed_ = false;
    bool was_connected_ = false;
    bool was_restored_ = false;
    bool finishing_ = false;
    std::size_t cursor_ = 0;  // first item of the spool that was not sent on this link
    std::uint64_t made_ = 0;
    std::vector<AlertKey> all_;  // an honest sender's alerts
    std::string hello_seen_;
};

}  // namespace anchorlog::sim
