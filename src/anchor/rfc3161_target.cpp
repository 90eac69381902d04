#include <array>

#include "anchor/http_post.h"
#include "anchor/rfc3161_target.h"
#include "anchorlog/crypto/random.h"

namespace anchorlog::anchor {

namespace {

// A token with a chain of certificates takes a few thousand bytes.
constexpr std::uint64_t kReplySizeMax = 65'536;
constexpr long kHttpOk = 200;

class AuthorityStamper final : public Stamper {
public:
    AuthorityStamper(TimestampTarget target, std::unique_ptr<HttpPost> http, const Clock& clock)
        : target_(std::move(target)), http_(std::move(http)), clock_(clock) {}

    const char* type() const override { return "rfc3161"; }

    Result<wire::AnchorStep> stamp(const SealedCheckpoint& checkpoint) override {
        retry_after_ms_ = 0;
        const crypto::TimestampRequest request = crypto::make_timestamp_request(checkpoint.hash);
        const auto answer = http_->post(std::string(as_text(request.der)));
        if (!answer) return answer.error();
        retry_after_ms_ = answer->retry_after_ms;
        if (answer->status != kHttpOk) {
            return Error{Errc::unavailable,
                         http_->endpoint() + ": HTTP status " + std::to_string(answer->status)};
        }
        const WallTime now = clock_.now().wall;
        auto token = crypto::read_timestamp_reply(as_bytes(answer->body), request);
        if (!token) return std::move(token).error().in(http_->endpoint());
        // What goes on record is checked by the code that will read it, and against today: an
        // expired certificate does not get older by a token that says it is.
        const auto checked =
            crypto::verify_timestamp(*token, checkpoint.hash, target_.authorities, now);
        if (!checked) return checked.error().in(http_->endpoint());
        return wire::AnchorStep(wire::AnchorToken{target_.id, checkpoint.batch_id, checkpoint.hash,
                                                  std::move(*token), now});
    }

    Result<void> check(const wire::AnchorStep& line) const override {
        if (std::holds_alternative<wire::AnchorToken>(line)) return {};
        return Error{Errc::corruption,
                     "the line is of another type of target; give the authority another target id"};
    }

    std::int64_t retry_after_ms() const override { return retry_after_ms_; }
    void abort() override { http_->abort(); }

private:
    const TimestampTarget target_;
    const std::unique_ptr<HttpPost> http_;
    const Clock& clock_;
    std::int64_t retry_after_ms_ = 0;
};

}  // namespace

Result<std::unique_ptr<AnchorTarget>> make_timestamp_target(TimestampTarget target,
                                                            std::unique_ptr<HttpPost> http,
                                                            const TargetBase& base,
                                                            std::uint64_t seed) {
    const std::string id = target.id;
    const std::uint32_t interval_s = target.interval_s;
    return make_stamp_target(
        id, interval_s,
        std::make_unique<AuthorityStamper>(std::move(target), std::move(http), base.clock), base,
        seed);
}

Result<std::unique_ptr<AnchorTarget>> make_timestamp_target(TimestampTarget target,
                                                            const TargetBase& base) {
    std::array<std::uint8_t, 8> seed{};
    crypto::random_bytes(seed);
    RpcOptions options;
    options.url = target.url;
    options.answer_size_max = kReplySizeMax;
    auto http = make_http_post(options, "application/timestamp-query");
    return make_timestamp_target(std::move(target), std::move(http), base, read_u64be(seed.data()));
}

}  // namespace anchorlog::anchor
