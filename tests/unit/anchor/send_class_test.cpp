#include "anchor/send_class.h"

#include <gtest/gtest.h>

namespace anchorlog::anchor {
namespace {

struct Case {
    long http;
    std::int64_t code;
    const char* message;
    SendClass kind;
};

// What nodes were seen to answer; the notes name who.
const Case kCases[] = {
    {200, -32003, "transaction underpriced", SendClass::underpriced},  // Ganache
    {200, -32003, "transaction already imported", SendClass::known},   // anvil
    {200, -32000, "already known", SendClass::known},                  // geth
    {200, -32010, "AlreadyKnown", SendClass::known},                   // Nethermind
    {200, -32000, "Known transaction", SendClass::known},              // Besu
    {200, -32000, "already known: transaction already exists in mempool", SendClass::known},
    {200, -32003, "transaction can't be replaced, mining has already started. To avoid this, …",
     SendClass::known},  // Ganache strict
    {200, -32000,
     "the tx doesn't have the correct nonce. account has nonce of: 3 tx has nonce of: 2",
     SendClass::nonce_low},                                                          // Ganache
    {200, -32003, "nonce too low", SendClass::nonce_low},                            // anvil
    {200, -32000, "nonce too low: next nonce 5, tx nonce 4", SendClass::nonce_low},  // geth
    {200, -32010, "OldNonce", SendClass::nonce_low},                                 // Nethermind
    {200, -32001, "Nonce too low", SendClass::nonce_low},                            // Besu
    {200, -32000, "nonce too high", SendClass::nonce_high},
    {200, -32010, "NonceGap, Future nonce. Expected nonce: 3", SendClass::nonce_high},
    {200, -32006, "Transaction nonce exceeds transaction sender account nonce",
     SendClass::nonce_high},
    {200, -32000, "replacement transaction underpriced", SendClass::underpriced},  // geth, anvil
    {200, -32010, "FeeTooLowToCompete", SendClass::underpriced},                   // Nethermind
    {200, -32000, "insufficient funds for gas * price + value: balance 0", SendClass::funds},
    {200, -32003, "Insufficient funds for gas * price + value", SendClass::funds},  // anvil
    {200, -32010, "InsufficientFunds, Account balance: 0", SendClass::funds},       // Nethermind
    {200, -32004, "Upfront cost exceeds account balance", SendClass::funds},        // Besu
    {200, -32003, "max fee per gas less than block base fee", SendClass::fee_cap},
    {200, -32000,
     "VM Exception while processing transaction: Transaction's maxFeePerGas (1) is less than the "
     "block's baseFeePerGas (875000000) (vm hf=shanghai -> block -> tx)",
     SendClass::fee_cap},  // Ganache
    {200, -32000, "tx fee (1.20 ether) exceeds the configured cap (1.00 ether)",
     SendClass::fee_cap},  // geth
    {200, -32000, "max priority fee per gas higher than max fee per gas", SendClass::fee_cap},
    {200, -32009, "Gas price below configured minimum gas price", SendClass::fee_cap},  // Besu
    {200, -32003, "intrinsic gas too low", SendClass::gas},
    {200, -32000, "exceeds block gas limit", SendClass::gas},
    {200, -32000, "transaction gas limit too high (cap: 16777216, tx: 20000000)", SendClass::gas},
    {200, -32000, "insufficient gas for floor data gas cost: gas 60000", SendClass::gas},
    {200, -32000, "Invalid chain id (5) for chain with id 1337.", SendClass::wrong_chain},
    {200, -32003, "invalid chain id for signer", SendClass::wrong_chain},  // anvil
    {200, -32000, "invalid sender: invalid chain id for signer: have 5 want 1",
     SendClass::wrong_chain},                                            // geth
    {200, -32700, "Invalid signature v value", SendClass::wrong_chain},  // Ganache
    {200, 3, "execution reverted", SendClass::reverted},
    {200, 3, "", SendClass::reverted},
    {200, -32000, "VM Exception while processing transaction: revert", SendClass::reverted},
    {429, 0, "", SendClass::rate_limited},
    {200, -32005, "daily request count exceeded", SendClass::rate_limited},
    {200, -32000, "Too Many Requests", SendClass::rate_limited},
    {200, -32000, "txpool is full", SendClass::busy},
    {502, 0, "HTTP status 502", SendClass::busy},
    {503, 0, "", SendClass::busy},
    {200, -32603, "internal error", SendClass::unknown},
    {400, 0, "HTTP status 400", SendClass::unknown},
    {200, 0, "", SendClass::unknown},
};

TEST(SendClass, KnowsWhatNodesSay) {
    for (const Case& c : kCases) {
        EXPECT_EQ(to_string(classify_send(c.http, c.code, c.message)), to_string(c.kind))
            << c.message;
    }
}

TEST(SendClass, WhatNobodyKnowsIsNeverSuccess) {
    for (const char* message : {"ok", "accepted", "0x00", "success", "\xff\xfe"}) {
        EXPECT_EQ(classify_send(200, -1, message), SendClass::unknown) << message;
    }
}

}  // namespace
}  // namespace anchorlog::anchor
