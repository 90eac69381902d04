#include "anchor/send_class.h"

#include <algorithm>
#include <array>
#include <string>

namespace anchorlog::anchor {

namespace {

constexpr std::int64_t kReverted = 3;            // geth and anvil: the data holds the reason
constexpr std::int64_t kLimitExceeded = -32005;  // EIP-1474
constexpr long kTooManyRequests = 429;
constexpr long kServerError = 500;

struct Pattern {
    std::string_view text;  // lower case, found anywhere in the message
    SendClass kind;
};

// The first match counts: texts that contain another class's words stand before it.
constexpr std::array<Pattern, 78> kPatterns = {{
    {"already known", SendClass::known},
    {"alreadyknown", SendClass::known},
    {"already imported", SendClass::known},
    {"known transaction", SendClass::known},
    {"already in mempool", SendClass::known},
    {"already in the mempool", SendClass::known},
    {"already in the pool", SendClass::known},
    {"already exists", SendClass::known},
    {"existing tx with same hash", SendClass::known},
    {"mining has already started", SendClass::known},
    {"nonce too low", SendClass::nonce_low},
    {"nonce is too low", SendClass::nonce_low},
    {"oldnonce", SendClass::nonce_low},
    {"nonce_too_low", SendClass::nonce_low},
    {"nonce below", SendClass::nonce_low},
    {"have the correct nonce", SendClass::nonce_low},
    {"nonce too high", SendClass::nonce_high},
    {"nonce is too high", SendClass::nonce_high},
    {"nonce_too_high", SendClass::nonce_high},
    {"noncegap", SendClass::nonce_high},
    {"nonce gap", SendClass::nonce_high},
    {"gapped nonce", SendClass::nonce_high},
    {"gapped-nonce", SendClass::nonce_high},
    {"noncetoofarinfuture", SendClass::nonce_high},
    {"nonce has max value", SendClass::nonce_high},
    {"nonce too distant", SendClass::nonce_high},
    {"exceeds transaction sender account nonce", SendClass::nonce_high},
    {"underpriced", SendClass::underpriced},
    {"feetoolowtocompete", SendClass::underpriced},
    {"gas price too low to replace", SendClass::underpriced},
    {"could not replace existing", SendClass::underpriced},
    {"replacementnotallowed", SendClass::underpriced},
    {"future transaction tries to replace", SendClass::underpriced},
    {"insufficient funds for gas", SendClass::funds},
    {"insufficient funds", SendClass::funds},
    {"insufficientfunds", SendClass::funds},
    {"insufficient sender balance", SendClass::funds},
    {"upfront cost exceeds", SendClass::funds},
    {"less than block base fee", SendClass::fee_cap},
    {"less than the block's basefee", SendClass::fee_cap},
    {"basefeepergas", SendClass::fee_cap},
    {"below current base fee", SendClass::fee_cap},
    {"fee cap", SendClass::fee_cap},
    {"exceeds the configured cap", SendClass::fee_cap},
    {"feetoolow", SendClass::fee_cap},
    {"fee too low", SendClass::fee_cap},
    {"max priority fee per gas exceeds", SendClass::fee_cap},
    {"max fee per gas higher than", SendClass::fee_cap},
    {"gas price below", SendClass::fee_cap},
    {"gas price too low", SendClass::fee_cap},
    {"max priority fee per gas higher", SendClass::fee_cap},
    {"intrinsic gas", SendClass::gas},
    {"block gas limit", SendClass::gas},
    {"gas limit too high", SendClass::gas},
    {"exceeds gas limit", SendClass::gas},
    {"gaslimitexceeded", SendClass::gas},
    {"floor data gas", SendClass::gas},
    {"out of gas", SendClass::gas},
    {"gas limit reached", SendClass::gas},
    {"gas uint64 overflow", SendClass::gas},
    {"chain id", SendClass::wrong_chain},
    {"chainid", SendClass::wrong_chain},
    {"invalid sender", SendClass::wrong_chain},
    {"signature v value", SendClass::wrong_chain},
    {"only replay-protected", SendClass::wrong_chain},
    {"revert", SendClass::reverted},
    {"vm exception", SendClass::reverted},
    {"account limit exceeded", SendClass::busy},
    {"too many requests", SendClass::rate_limited},
    {"rate limit", SendClass::rate_limited},
    {"limit exceeded", SendClass::rate_limited},
    {"txpool is full", SendClass::busy},
    {"mempool is full", SendClass::busy},
    {"timeout", SendClass::busy},
    {"syncing", SendClass::busy},
    {"sync is still in progress", SendClass::busy},
    {"sub-pool is full", SendClass::busy},
    {"spammer", SendClass::busy},
}};

}  // namespace

SendClass classify_send(long http_status, std::int64_t code, std::string_view message) {
    if (http_status == kTooManyRequests) return SendClass::rate_limited;
    std::string lower(message);
    std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    const auto* found = std::find_if(kPatterns.begin(), kPatterns.end(), [&](const Pattern& p) {
        return lower.find(p.text) != std::string::npos;
    });
    if (found != kPatterns.end()) return found->kind;
    // After the texts: Besu has this code for a gas limit.
    if (code == kLimitExceeded) return SendClass::rate_limited;
    if (code == kReverted) return SendClass::reverted;
    return http_status >= kServerError ? SendClass::busy : SendClass::unknown;
}

std::string_view to_string(SendClass kind) noexcept {
    switch (kind) {
        case SendClass::accepted:
            return "accepted";
        case SendClass::known:
            return "known";
        case SendClass::nonce_low:
            return "nonce_low";
        case SendClass::nonce_high:
            return "nonce_high";
        case SendClass::underpriced:
            return "underpriced";
        case SendClass::funds:
            return "funds";
        case SendClass::fee_cap:
            return "fee_cap";
        case SendClass::gas:
            return "gas";
        case SendClass::wrong_chain:
            return "wrong_chain";
        case SendClass::reverted:
            return "reverted";
        case SendClass::rate_limited:
            return "rate_limited";
        case SendClass::busy:
            return "busy";
        case SendClass::unknown:
            return "unknown";
    }
    return "unknown";
}

}  // namespace anchorlog::anchor
