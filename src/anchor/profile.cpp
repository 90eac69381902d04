#include "anchor/profile.h"

namespace anchorlog::anchor {

namespace {

constexpr std::uint64_t kAnvilDepth = 3;
constexpr std::uint64_t kDepthMax = 100'000;
constexpr std::int64_t kPublicBackoffMaxMs = 60'000;

}  // namespace

Result<Profile> profile_of(const EthereumTarget& target) {
    Profile profile;
    if (target.profile == "ganache") return profile;
    if (target.profile == "anvil") {
        profile.depth = kAnvilDepth;
        profile.is_final_later = true;
        return profile;
    }
    if (target.profile == "custom") {
        if (target.confirmations == 0 || target.confirmations > kDepthMax) {
            return Error{Errc::invalid_input, "target " + target.id +
                                                  ": confirmations must be from 1 to " +
                                                  std::to_string(kDepthMax)};
        }
        profile.depth = target.confirmations;
        profile.poll_ms = 1'000;
        profile.watch_ms = 10'000;
        profile.lost_ms = 30'000;
        profile.bump_ms = 60'000;
        profile.backoff_max_ms = kPublicBackoffMaxMs;
        return profile;
    }
    if (target.profile == "l1") {
        return Profile{
            ConfirmRule::finalized, 0, false, 4'000, 60'000, 60'000, 180'000, kPublicBackoffMaxMs,
            kPublicBackoffMaxMs};
    }
    if (target.profile == "op-stack") {
        return Profile{ConfirmRule::safe,  0, true, 1'000, 10'000, 30'000, 60'000,
                       kPublicBackoffMaxMs};
    }
    return Error{Errc::invalid_input, "target " + target.id + ": unknown profile \"" +
                                          target.profile +
                                          "\"; known are ganache, anvil, l1, op-stack, custom"};
}

}  // namespace anchorlog::anchor
