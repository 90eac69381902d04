#include "anchorlog/anchor/deploy.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>

#include "anchorlog/eth/log_anchor.h"
#include "anchorlog/eth/transaction.h"

namespace anchorlog::anchor {

namespace {

// All accounts that Hardhat (20) and anvil (10) make of "test test … junk", and Ganache's ten of
// its -d.
constexpr std::array<std::string_view, 30> kWellKnown = {
    "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
    "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC", "0x90F79bf6EB2c4f870365E785982E1f101E93b906",
    "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65", "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc",
    "0x976EA74026E726554dB657fA54763abd0C3a0aa9", "0x14dC79964da2C08b23698B3D3cc7Ca32193d9955",
    "0x23618e81E3f5cdF7f54C3d65f7FBc0aBf5B21E8f", "0xa0Ee7A142d267C1f36714E4a8F75612F20a79720",
    "0xBcd4042DE499D14e55001CcbB24a551F3b954096", "0x71bE63f3384f5fb98995898A86B02Fb2426c5788",
    "0xFABB0ac9d68B0B445fB7357272Ff202C5651694a", "0x1CBd3b2770909D4e10f157cABC84C7264073C9Ec",
    "0xdF3e18d64BC6A983f673Ab319CCaE4f1a57C7097", "0xcd3B766CCDd6AE721141F452C550Ca635964ce71",
    "0x2546BcD3c84621e976D8185a91A922aE77ECEc30", "0xbDA5747bFD65F08deb54cb465eB87D40e51B197E",
    "0xdD2FD4581271e230360230F9337D5c0430Bf44C0", "0x8626f6940E2eb28930eFb4CeF49B2d1F2C9C1199",
    "0x90F8bf6A479f320ead074411a4B0e7944Ea8c9C1", "0xFFcf8FDEE72ac11b5c542428B35EEF5769C409f0",
    "0x22d491Bde2303f2f43325b2108D26f1eAbA1e32b", "0xE11BA2b4D45Eaed5996Cd0823791E0C93114882d",
    "0xd03ea8624C8C5987235048901fB614fDcA89b117", "0x95cED938F7991cd0dFcb48F0a06a40FA1aF46EBC",
    "0x3E5e9111Ae8eB78Fe1CC3bb8915d5D461F3Ef9A9", "0x28a8746e75304c0780E011BEd21C72cD78cd535E",
    "0xACa94ef8bD5ffEE41947b4585a84BdA5a3d3DA6E", "0x1dF62f291b2E969fB0849d99D9Ce41e2F137006e",
};
constexpr std::uint64_t kGanacheChain = 1337;
constexpr std::uint64_t kAnvilChain = 31337;
constexpr std::uint64_t kTransferGas = 21'000;
constexpr std::uint64_t kGasMax = 5'000'000;

bool is_development_chain(std::uint64_t chain_id) {
    return chain_id == kGanacheChain || chain_id == kAnvilChain;
}

// One account's transactions in a row, each mined before the next.
class Deployer {
public:
    Deployer(ChainClient& chain, const crypto::AccountKey& key, std::uint64_t chain_id,
             const DeployOptions& options)
        : chain_(chain), key_(key), chain_id_(chain_id), options_(options) {}

    // Sends to `to` (nothing: a creation) and waits until it is mined and has succeeded.
    Result<ChainReceipt> run(const std::string& what, const std::optional<eth::Address>& to,
                             Bytes data) {
        auto made = make(to, std::move(data));
        if (!made) return std::move(made).error().in(what);
        const std::string name = what + ": transaction 0x" + to_hex(made->hash);
        const auto answer = chain_.send_raw(made->raw);
        if (!answer) {
            return Error{answer.error().code,
                         name + " may or may not have arrived: " + answer.error().message};
        }
        // Whatever the node says, it may have taken it: the receipt decides.
        const bool is_taken =
            answer->kind == SendClass::accepted || answer->kind == SendClass::known;
        auto receipt = wait_for(made->hash, is_taken ? options_.mined_timeout_ms : 0);
        if (!receipt) return std::move(receipt).error().in(name);
        if (!*receipt) {
            return Error{
                is_taken ? Errc::unavailable : Errc::refused,
                name + (is_taken ? " was not mined in time" : " was refused: ") + answer->message};
        }
        if (!(*receipt)->succeeded) return Error{Errc::refused, name + " failed on the chain"};
        return std::move(**receipt);
    }

    Result<std::uint64_t> nonce() { return chain_.nonce(key_.address()); }

private:
    Result<eth::SignedTransaction> make(const std::optional<eth::Address>& to, Bytes data) {
        const auto next = nonce();
        if (!next) return next.error();
        const auto fees = chain_.fees();
        if (!fees) return fees.error();
        const auto gas = chain_.estimate_gas(key_.address(), to ? &*to : nullptr, data);
        if (!gas) return gas.error();
        if (*gas > kGasMax) {
            return Error{Errc::refused, std::to_string(*gas) + " gas is more than this can take"};
        }
        eth::Transaction transaction;
        transaction.chain_id = chain_id_;
        transaction.nonce = *next;
        transaction.max_fee = fees->max_fee;
        transaction.priority_fee = std::min(fees->priority_fee, fees->max_fee);
        transaction.gas = std::max(kTransferGas, *gas + *gas / 4);
        transaction.to = to;
        transaction.data = std::move(data);
        return eth::sign_transaction(transaction, key_);
    }

    Result<std::optional<ChainReceipt>> wait_for(const Hash& hash, std::int64_t timeout_ms) {
        for (std::int64_t waited_ms = 0;; waited_ms += options_.poll_ms) {
            auto receipt = chain_.receipt(hash);
            if (!receipt || *receipt || waited_ms >= timeout_ms) return receipt;
            if (options_.sleep) {
                options_.sleep(options_.poll_ms);
            } else {
                std::this_thread::sleep_for(std::chrono::milliseconds(options_.poll_ms));
            }
        }
    }

    ChainClient& chain_;
    const crypto::AccountKey& key_;
    const std::uint64_t chain_id_;
    const DeployOptions& options_;
};

}  // namespace

bool is_well_known_account(const eth::Address& address) {
    const std::string text = eth::format_address(address);
    return std::find(kWellKnown.begin(), kWellKnown.end(), text) != kWellKnown.end();
}

Result<Deployment> deploy_log_anchor(ChainClient& chain, const crypto::AccountKey& key,
                                     const Hash& log_id, const DeployOptions& options) {
    const auto chain_id = chain.chain_id();
    if (!chain_id) return chain_id.error();
    const eth::Address self = key.address();
    if (!is_development_chain(*chain_id) && is_well_known_account(self)) {
        return Error{Errc::refused,
                     "the secret of " + eth::format_address(self) +
                         " is public (a development tool's account): make a key of your own with "
                         "`anchorlogctl key generate --type secp256k1`"};
    }
    const auto genesis = chain.genesis_hash();
    if (!genesis) return genesis.error();
    Deployer deployer(chain, key, *chain_id, options);
    const auto nonce = deployer.nonce();
    if (!nonce) return nonce.error();
    if (*nonce == 0 && is_development_chain(*chain_id)) {
        // Ganache runs a transaction of nonce 0 again whenever it is sent again. That one shall
        // be a transfer of nothing, not the creation of a contract.
        const auto burnt = deployer.run("transfer to self", self, {});
        if (!burnt) return burnt.error();
    }
    const auto created =
        deployer.run("deploying LogAnchor", std::nullopt, eth::log_anchor_creation_code());
    if (!created) return created.error();
    if (!created->contract) {
        return Error{Errc::unavailable, "deploying LogAnchor: the receipt names no contract"};
    }
    const eth::Address contract = *created->contract;
    const auto code = chain.code_hash(contract);
    if (!code) return code.error();
    if (*code != eth::log_anchor_code_hash()) {
        return Error{Errc::refused, "the code at " + eth::format_address(contract) +
                                        " is not LogAnchor: hash 0x" + to_hex(*code) +
                                        ", expected 0x" + to_hex(eth::log_anchor_code_hash())};
    }
    const auto opened =
        deployer.run("creating the log", contract, eth::create_log_call(log_id, self));
    if (!opened) return opened.error();
    return Deployment{contract, *code, *chain_id, *genesis};
}

Result<void> rotate_submitter(ChainClient& chain, const eth::Address& contract, const Hash& log_id,
                              const crypto::AccountKey& owner, const crypto::AccountKey& next,
                              const DeployOptions& options) {
    const auto chain_id = chain.chain_id();
    if (!chain_id) return chain_id.error();
    const auto code = chain.code_hash(contract);
    if (!code) return code.error();
    if (*code != eth::log_anchor_code_hash()) {
        return Error{Errc::refused, "no LogAnchor stands at " + eth::format_address(contract)};
    }
    if (!is_development_chain(*chain_id) && is_well_known_account(next.address())) {
        return Error{Errc::refused,
                     "the secret of " + eth::format_address(next.address()) + " is public"};
    }
    const auto proposed = Deployer(chain, owner, *chain_id, options)
                              .run("proposing the submitter", contract,
                                   eth::set_submitter_call(log_id, next.address()));
    if (!proposed) return proposed.error();
    const auto accepted =
        Deployer(chain, next, *chain_id, options)
            .run("accepting as submitter", contract, eth::accept_submitter_call(log_id));
    if (!accepted) return accepted.error();
    const auto head = chain.log_head(contract, log_id);
    if (!head) return head.error();
    if (head->submitter != next.address()) {
        return Error{Errc::refused, "the contract still names " +
                                        eth::format_address(head->submitter) + " as submitter"};
    }
    return {};
}

}  // namespace anchorlog::anchor
