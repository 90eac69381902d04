#pragma once

#include <array>
#include <memory>
#include <string>

#include "anchorlog/base/bytes.h"
#include "anchorlog/base/result.h"

namespace anchorlog::crypto {

struct RecoverableSignature {
    Hash r;
    Hash s;  // low-s (EIP-2)
    std::uint8_t y_parity = 0;
};

// An Ethereum account's key. Signing is deterministic (RFC 6979), so the same transaction
// always gives the same bytes. Any thread. The secret is wiped on destruction.
class AccountKey {
public:
    virtual ~AccountKey() = default;
    [[nodiscard]] virtual std::array<std::uint8_t, 20> address() const = 0;
    [[nodiscard]] virtual Result<RecoverableSignature> sign(const Hash& digest) const = 0;
};

// Reads 64 hex digits and LF; refuses a file that others may read (mode & 077).
[[nodiscard]] Result<std::unique_ptr<AccountKey>> load_account_key(const std::string& path);
[[nodiscard]] Result<std::unique_ptr<AccountKey>> account_key_from_secret(const Hash& secret);
// A fresh secret, 64 hex digits and LF.
[[nodiscard]] Result<std::string> generate_account_key_hex();

}  // namespace anchorlog::crypto
