#pragma once

#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "anchorlog/crypto/ed25519.h"
#include "anchorlog/crypto/secp256k1.h"
#include "anchorlog/ledger/recovery.h"
#include "anchorlog/wire/note.h"
#include "sim/coverage.h"
#include "support/fake_state_db.h"
#include "support/sim_chain.h"
#include "support/sim_clock.h"
#include "support/sim_file_system.h"

namespace anchorlog::sim {

inline constexpr const char* kDir = "/store";
inline constexpr const char* kOrigin = "anchorlog.test/sim";

// An invariant does not hold: what was found, in one sentence.
struct Violation : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// The only source of chance of a run.
class Dice {
public:
    explicit Dice(std::uint64_t seed) : random_(seed) {}
    // 0 to below - 1.
    std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
    // first to last, both included.
    std::uint64_t between(std::uint64_t first, std::uint64_t last) {
        return first + below(last - first + 1);
    }
    bool one_in(std::uint64_t n) { return below(n) == 0; }
    template <class Item, std::size_t kCount>
    const Item& of(const Item (&items)[kCount]) {
        return items[below(kCount)];
    }
    std::uint64_t seed() { return random_(); }

private:
    std::mt19937_64 random_;
};

// What outlives a process: the disk, the state's runs, the clock, the chain, and the keys.
struct Machine {
    Machine();

    // What a true wall clock shows, whatever somebody does to the machine's.
    [[nodiscard]] WallTime true_time() const { return {clock.now().steady.ms + true_offset_ms_}; }

    testing::SimFileSystem files;
    std::shared_ptr<testing::FakeStateDisk> state = std::make_shared<testing::FakeStateDisk>();
    testing::SimClock clock;
    // The log's key now, and the keys it ever had, the first one first.
    std::shared_ptr<const crypto::Signer> signer;
    std::vector<wire::VerifierKey> keys;
    std::unique_ptr<crypto::AccountKey> account;  // before the chain, which holds on to it
    testing::SimChain chain;

private:
    std::int64_t true_offset_ms_;
};

}  // namespace anchorlog::sim
