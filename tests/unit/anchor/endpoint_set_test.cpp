#include "anchor/endpoint_set.h"

#include <gtest/gtest.h>

#include "anchorlog/crypto/keccak.h"
#include "support/sim_clock.h"
#include "support/sim_node.h"

namespace anchorlog::testing {
namespace {

class Nodes {
public:
    explicit Nodes(std::size_t count) {
        std::vector<std::unique_ptr<anchor::ChainClient>> clients;
        for (std::size_t i = 0; i < count; ++i) {
            auto state = std::make_shared<SimNodeState>();
            state->name = "sim://" + std::to_string(i);
            state->chain = &chain;
            node.push_back(state);
            clients.push_back(std::make_unique<SimNode>(state));
        }
        set = std::make_unique<anchor::EndpointSet>(std::move(clients), SimChain::kChainId,
                                                    std::nullopt, clock);
        chain.mine(10);
    }

    SimClock clock;
    SimChain chain;
    std::vector<std::shared_ptr<SimNodeState>> node;
    std::unique_ptr<anchor::EndpointSet> set;
};

TEST(EndpointSet, ReadsFromTheFirstThatAnswers) {
    Nodes nodes(3);
    ASSERT_TRUE(nodes.set->fees().has_value());
    EXPECT_EQ(nodes.set->endpoint(), "sim://0");
    nodes.node[0]->is_out = true;
    ASSERT_TRUE(nodes.set->fees().has_value());
    EXPECT_EQ(nodes.set->endpoint(), "sim://1");
    const std::uint64_t calls = nodes.node[0]->calls;
    ASSERT_TRUE(nodes.set->fees().has_value());
    EXPECT_EQ(nodes.node[0]->calls, calls) << "a node that failed is left alone for a while";
    nodes.node[0]->is_out = false;
    nodes.clock.advance_ms(anchor::kBenchMaxMs);
    ASSERT_TRUE(nodes.set->fees().has_value());
    EXPECT_EQ(nodes.set->endpoint(), "sim://0");
}

TEST(EndpointSet, NamesTheLastErrorWhenAllAreOutAndGoesOnAtOnceWhenOneIsBack) {
    Nodes nodes(2);
    for (auto& node : nodes.node) node->is_out = true;
    for (int i = 0; i < 20; ++i) {
        const auto head = nodes.set->head_number();
        ASSERT_FALSE(head.has_value());
        EXPECT_EQ(head.error().code, Errc::unavailable);
        EXPECT_NE(head.error().message.find("sim://"), std::string::npos);
    }
    nodes.node[1]->is_out = false;
    EXPECT_TRUE(nodes.set->head_number().has_value());
    EXPECT_EQ(nodes.set->endpoint(), "sim://1");
}

TEST(EndpointSet, DoesNotReadFromANodeThatIsBehind) {
    Nodes nodes(2);
    nodes.node[0]->lag = anchor::kHeadLagMax + 1;
    EXPECT_EQ(nodes.set->head_number().value(), nodes.chain.head_number().value());
    EXPECT_EQ(nodes.set->endpoint(), "sim://1");
    nodes.node[0]->lag = anchor::kHeadLagMax;
    nodes.clock.advance_ms(anchor::kHeadsFreshMs);
    ASSERT_TRUE(nodes.set->fees().has_value());
    EXPECT_EQ(nodes.set->endpoint(), "sim://0");
}

TEST(EndpointSet, AStaleNodeIsBetterThanNone) {
    Nodes nodes(2);
    nodes.node[0]->lag = 5;
    ASSERT_TRUE(nodes.set->fees().has_value());
    nodes.node[1]->is_out = true;
    ASSERT_TRUE(nodes.set->fees().has_value());
    EXPECT_EQ(nodes.set->endpoint(), "sim://0");
}

TEST(EndpointSet, SendsToAllAndTakesTheBestAnswer) {
    Nodes nodes(3);
    nodes.node[0]->send_answer = {anchor::SendClass::busy, "syncing"};
    nodes.node[1]->send_answer = {anchor::SendClass::accepted, ""};
    nodes.node[2]->send_answer = {anchor::SendClass::nonce_low, "nonce too low"};
    const Bytes raw{1, 2, 3};
    EXPECT_EQ(nodes.set->send_raw(raw)->kind, anchor::SendClass::accepted);
    nodes.node[1]->is_out = true;
    EXPECT_EQ(nodes.set->send_raw(raw)->kind, anchor::SendClass::nonce_low);
    for (auto& node : nodes.node) node->is_out = true;
    EXPECT_FALSE(nodes.set->send_raw(raw).has_value());
}

TEST(EndpointSet, BelievesABlockOnlyWhenTwoNodesAgree) {
    Nodes nodes(2);
    const auto agreed = nodes.set->block(3);
    ASSERT_TRUE(agreed.has_value());
    EXPECT_EQ((*agreed)->hash, (*nodes.chain.block(3))->hash);
    nodes.node[0]->forged_block = crypto::keccak256(as_bytes("a branch of its own"));
    const auto torn = nodes.set->block(3);
    ASSERT_FALSE(torn.has_value());
    EXPECT_EQ(torn.error().code, Errc::unavailable);
    for (const char* word : {"sim://0", "sim://1", "disagree about block 3"}) {
        EXPECT_NE(torn.error().message.find(word), std::string::npos) << torn.error().message;
    }
    // A node that has not got the block yet does not contradict one that has.
    nodes.node[0]->forged_block.reset();
    nodes.node[1]->lag = 1;
    const auto newest = nodes.set->block(10);
    ASSERT_TRUE(newest.has_value());
    EXPECT_TRUE(newest->has_value());
}

TEST(EndpointSet, ANodeOfAnotherChainIsNeverRead) {
    Nodes nodes(2);
    nodes.node[0]->chain_id_answer = 5;
    EXPECT_EQ(nodes.set->chain_id().value(), SimChain::kChainId);
    ASSERT_TRUE(nodes.set->fees().has_value());
    EXPECT_EQ(nodes.set->endpoint(), "sim://1");
    // All of them: the gates must be able to name one and what it said.
    nodes.node[1]->chain_id_answer = 6;
    EXPECT_EQ(nodes.set->chain_id().value(), 5u);
    EXPECT_EQ(nodes.set->endpoint(), "sim://0");
    EXPECT_FALSE(nodes.set->fees().has_value());
}

TEST(EndpointSet, AChainStartedAnewBehindTheSameIdIsAnotherChain) {
    Nodes nodes(2);
    const Hash genesis = nodes.set->genesis_hash().value();
    const Hash other = crypto::keccak256(as_bytes("started anew"));
    nodes.node[0]->genesis_answer = other;
    EXPECT_EQ(nodes.set->chain_id().value(), SimChain::kChainId);
    EXPECT_EQ(nodes.set->genesis_hash().value(), genesis);
    EXPECT_EQ(nodes.set->endpoint(), "sim://1");
    nodes.node[1]->genesis_answer = other;
    EXPECT_EQ(nodes.set->chain_id().value(), SimChain::kChainId);
    EXPECT_EQ(nodes.set->genesis_hash().value(), other);
}

TEST(EndpointSet, HonoursRetryAfterEvenOfTheOnlyNode) {
    Nodes nodes(1);
    nodes.node[0]->retry_after_ms = 30'000;
    EXPECT_FALSE(nodes.set->fees().has_value());
    const std::uint64_t calls = nodes.node[0]->calls;
    nodes.node[0]->retry_after_ms = 0;
    nodes.clock.advance_ms(29'000);
    EXPECT_FALSE(nodes.set->fees().has_value());
    EXPECT_EQ(nodes.node[0]->calls, calls) << "it asked to be left alone";
    nodes.clock.advance_ms(1'000);
    EXPECT_TRUE(nodes.set->fees().has_value());
}

TEST(EndpointSet, ARetryAfterOfADayCountsTenMinutes) {
    Nodes nodes(1);
    nodes.node[0]->retry_after_ms = 86'400'000;
    EXPECT_FALSE(nodes.set->fees().has_value());
    nodes.node[0]->retry_after_ms = 0;
    nodes.clock.advance_ms(anchor::kRetryAfterMaxMs);
    EXPECT_TRUE(nodes.set->fees().has_value());
}

TEST(EndpointSet, TheContractsNoIsNotTriedElsewhere) {
    Nodes nodes(2);
    nodes.chain.on_call = [](std::string_view method) -> std::optional<Error> {
        if (method != "estimate_gas") return std::nullopt;
        return Error{Errc::refused, "execution reverted"};
    };
    const auto gas = nodes.set->estimate_gas({}, nullptr, {});
    ASSERT_FALSE(gas.has_value());
    EXPECT_EQ(gas.error().code, Errc::refused);
    EXPECT_EQ(nodes.set->endpoint(), "sim://0");
}

}  // namespace
}  // namespace anchorlog::testing
