#include <array>

#include "anchor/anchor_engine.h"
#include "anchorlog/crypto/random.h"

namespace anchorlog::anchor {

namespace {

// An AnchorEngine with what it works on.
class ChainTarget final : public AnchorTarget {
public:
    ChainTarget(std::unique_ptr<crypto::AccountKey> key, std::unique_ptr<ChainClient> chain)
        : key_(std::move(key)), chain_(std::move(chain)) {}

    Result<void> open(const EthereumTarget& target, const TargetBase& base, ForkAlarm on_fork) {
        std::array<std::uint8_t, 8> seed{};
        crypto::random_bytes(seed);
        auto engine = AnchorEngine::create(target, *key_, *chain_, base, std::move(on_fork),
                                           read_u64be(seed.data()));
        if (!engine) return engine.error();
        engine_ = std::move(*engine);
        return {};
    }

    SteadyTime run_one() override { return engine_->run_one(); }
    AnchorStatus status() const override { return engine_->status(); }
    bool has_asked() const override { return engine_->has_asked(); }
    bool has_failed() const override { return engine_->has_failed(); }
    void abort() override { chain_->abort(); }

private:
    const std::unique_ptr<crypto::AccountKey> key_;
    const std::unique_ptr<ChainClient> chain_;
    std::unique_ptr<AnchorEngine> engine_;
};

}  // namespace

Result<std::unique_ptr<AnchorTarget>> make_ethereum_target(EthereumTarget target,
                                                           std::unique_ptr<crypto::AccountKey> key,
                                                           std::unique_ptr<ChainClient> chain,
                                                           const TargetBase& base,
                                                           ForkAlarm on_fork) {
    auto made = std::make_unique<ChainTarget>(std::move(key), std::move(chain));
    if (auto opened = made->open(target, base, std::move(on_fork)); !opened) return opened.error();
    return std::unique_ptr<AnchorTarget>(std::move(made));
}

}  // namespace anchorlog::anchor
