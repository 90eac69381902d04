#include "anchorlog/anchor/deploy.h"

#include "unit/anchor/anchor_rig.h"

namespace anchorlog::testing {
namespace {

TEST(Deploy, DeploysAndCreatesTheLog) {
    Rig rig;
    const auto made = anchor::deploy_log_anchor(rig.chain, rig.key(), rig.batches.log_id());
    ASSERT_TRUE(made.has_value()) << made.error().message;
    EXPECT_EQ(made->contract, rig.chain.contract());
    EXPECT_EQ(made->code_hash, eth::log_anchor_code_hash());
    EXPECT_EQ(made->chain_id, SimChain::kChainId);
    EXPECT_EQ(rig.chain.sends(), 2u);
}

TEST(Deploy, BurnsNonceZeroOnDevelopmentChains) {
    Rig rig;
    rig.chain.wipe();
    ASSERT_TRUE(anchor::deploy_log_anchor(rig.chain, rig.key(), rig.batches.log_id()).has_value());
    ASSERT_EQ(rig.chain.sends(), 3u);
    const auto first = eth::parse_transaction(rig.chain.sent()[0]);
    EXPECT_EQ(first->fields.nonce, 0u);
    EXPECT_EQ(first->fields.to, rig.key().address());
}

TEST(Deploy, RefusesOtherCode) {
    Rig rig;
    rig.chain.code_hash_answer = Hash{};
    const auto made = anchor::deploy_log_anchor(rig.chain, rig.key(), rig.batches.log_id());
    ASSERT_FALSE(made.has_value());
    EXPECT_NE(made.error().message.find("is not LogAnchor"), std::string::npos);
}

TEST(Deploy, DoesNotWaitForEver) {
    Rig rig;
    rig.chain.mines_at_once = false;
    std::int64_t slept_ms = 0;
    anchor::DeployOptions options;
    options.sleep = [&](std::int64_t ms) {
        slept_ms += ms;
    };
    const auto made =
        anchor::deploy_log_anchor(rig.chain, rig.key(), rig.batches.log_id(), options);
    ASSERT_FALSE(made.has_value());
    EXPECT_EQ(made.error().code, Errc::unavailable);
    EXPECT_EQ(slept_ms, options.mined_timeout_ms);
    EXPECT_EQ(rig.chain.sends(), 1u);
}

TEST(Deploy, ALostAnswerNamesTheTransaction) {
    Rig rig;
    rig.chain.answers_to_lose = 1;
    const auto made = anchor::deploy_log_anchor(rig.chain, rig.key(), rig.batches.log_id());
    ASSERT_FALSE(made.has_value());
    EXPECT_NE(made.error().message.find("may or may not have arrived"), std::string::npos);
    EXPECT_EQ(rig.chain.sends(), 1u);
}

// An account everybody has the key of, as its address alone shows.
class PublicKeyAccount final : public crypto::AccountKey {
public:
    std::array<std::uint8_t, 20> address() const override {
        return *eth::parse_address("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
    }
    Result<crypto::RecoverableSignature> sign(const Hash&) const override {
        return Error{Errc::internal, "not to be asked"};
    }
};

TEST(Deploy, RefusesAccountsWhoseSecretIsPublic) {
    Rig rig;
    rig.chain.chain_id_answer = 1;
    const auto made =
        anchor::deploy_log_anchor(rig.chain, PublicKeyAccount(), rig.batches.log_id());
    ASSERT_FALSE(made.has_value());
    EXPECT_EQ(made.error().code, Errc::refused);
    EXPECT_NE(made.error().message.find("is public"), std::string::npos);
    EXPECT_TRUE(anchor::is_well_known_account(PublicKeyAccount().address()));
    EXPECT_FALSE(anchor::is_well_known_account(rig.key().address()));
    // Hardhat's twentieth, Ganache's tenth.
    for (const char* last : {"0x8626f6940E2eb28930eFb4CeF49B2d1F2C9C1199",
                             "0x1dF62f291b2E969fB0849d99D9Ce41e2F137006e"}) {
        EXPECT_TRUE(anchor::is_well_known_account(*eth::parse_address(last))) << last;
    }
}

}  // namespace
}  // namespace anchorlog::testing
