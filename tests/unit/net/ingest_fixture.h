#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "anchorlog/net/ingest.h"
#include "test_alerts.h"
#include "test_pki.h"
#include "tls_client.h"

namespace anchorlog::testing {

inline constexpr std::chrono::seconds kDeadline{20};

// A commit side that keeps what it gets. With `answer_at_once` every chunk is answered as soon as
// it comes: one frame "ok" and its bytes.
class RecordingSink final : public net::IngestSink {
public:
    void submit(std::vector<net::Inbound> inbounds) override {
        for (net::Inbound& inbound : inbounds) submit_one(std::move(inbound));
    }
    void connection_refused(const std::string& subject, const std::string& reason) override {
        {
            const std::lock_guard lock(mutex_);
            refusals_.emplace_back(subject, reason);
        }
        changed_.notify_all();
    }
    void rate_limited(const std::string& subject, std::uint32_t per_s) override {
        const std::lock_guard lock(mutex_);
        rate_limited_.emplace_back(subject, per_s);
    }

    // Waits until `holds` (given this sink's chunks so far) or the deadline.
    template <class Condition>
    bool wait_for(Condition holds) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, kDeadline, [&] { return holds(inbounds_); });
    }
    bool wait_for_chunks(std::size_t count) {
        return wait_for([&](const auto& all) { return all.size() >= count; });
    }
    bool wait_for_last(net::SessionId session) {
        return wait_for(
            [&](const auto& all) { return !all.empty() && count_last(all, session) > 0; });
    }
    bool wait_for_refusals(std::size_t count) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, kDeadline, [&] { return refusals_.size() >= count; });
    }

    [[nodiscard]] std::vector<net::Inbound> inbounds() const {
        const std::lock_guard lock(mutex_);
        return inbounds_;
    }
    [[nodiscard]] std::vector<std::pair<std::string, std::string>> refusals() const {
        const std::lock_guard lock(mutex_);
        return refusals_;
    }
    [[nodiscard]] std::vector<std::pair<std::string, std::uint32_t>> rate_limited() const {
        const std::lock_guard lock(mutex_);
        return rate_limited_;
    }
    [[nodiscard]] static std::size_t count_last(const std::vector<net::Inbound>& all,
                                                net::SessionId session) {
        std::size_t count = 0;
        for (const auto& one : all) count += one.last && one.session == session ? 1 : 0;
        return count;
    }
    [[nodiscard]] static std::size_t count_frames(const std::vector<net::Inbound>& all) {
        std::size_t count = 0;
        for (const auto& one : all) count += one.frames.size();
        return count;
    }

    // From now on; what came before is answered now.
    void answer_at_once(net::IngestListener& listener) {
        std::vector<net::Outbound> replies;
        {
            const std::lock_guard lock(mutex_);
            answer_at_once_ = true;
            listener_ = &listener;
            for (const auto& one : inbounds_) {
                if (one.last) continue;
                net::Outbound reply;
                reply.session = one.session;
                reply.released_bytes = one.bytes;
                wire::append_frame(reply.frames, "\"ok\"");
                replies.push_back(std::move(reply));
            }
        }
        listener.deliver(std::move(replies));
    }

private:
    void submit_one(net::Inbound inbound) {
        net::IngestListener* answer_through = nullptr;
        net::Outbound reply;
        {
            const std::lock_guard lock(mutex_);
            reply.session = inbound.session;
            reply.released_bytes = inbound.bytes;
            if (answer_at_once_ && !inbound.last) answer_through = listener_;
            inbounds_.push_back(std::move(inbound));
        }
        changed_.notify_all();
        if (answer_through == nullptr) return;
        wire::append_frame(reply.frames, "\"ok\"");
        answer_through->deliver({reply});
    }

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<net::Inbound> inbounds_;
    std::vector<std::pair<std::string, std::string>> refusals_;
    std::vector<std::pair<std::string, std::uint32_t>> rate_limited_;
    net::IngestListener* listener_ = nullptr;
    bool answer_at_once_ = false;
};

class IngestTest : public ::testing::Test {
protected:
    IngestTest() {
        options_.port = 0;
        options_.handshake_timeout_ms = 20'000;
        options_.idle_timeout_ms = 60'000;
    }
    ~IngestTest() override {
        if (listener_) listener_->close(5'000);
    }

    static std::shared_ptr<const net::Registry> registry_of(const std::string& gw_state,
                                                            const std::string& other_state) {
        auto registry = net::Registry::parse(
            R"({"senders":{"gw":{"state":")" + gw_state + R"(","devices":{"cam-1":{}}},)" +
            R"("other":{"state":")" + other_state + R"(","devices":{"*":{}}}}})");
        return std::make_shared<const net::Registry>(std::move(registry).value());
    }
    void start() {
        auto made = net::IngestListener::create(options_, pki_.files,
                                                registry_of("active", "active"), sink_);
        ASSERT_TRUE(made) << made.error().message;
        listener_ = std::move(made).value();
        listener_->start();
    }
    std::unique_ptr<TlsClient> connect(const crypto::CertifiedKey& certified) {
        TlsClientOptions options;
        options.certified = &certified;
        return std::make_unique<TlsClient>(listener_->port(), options);
    }
    // A session of sender "gw" that has sent one alert; `id` becomes its session.
    std::unique_ptr<TlsClient> open_session(net::SessionId& id) {
        auto client = connect(gw_);
        const std::size_t before = sink_.inbounds().size();
        EXPECT_TRUE(client->send(framed(alert_json("cam-1", 1))));
        EXPECT_TRUE(sink_.wait_for_chunks(before + 1));
        if (sink_.inbounds().size() > before) id = sink_.inbounds()[before].session;
        return client;
    }
    void deliver(net::SessionId session, const std::string& frames, std::uint64_t released,
                 bool close = false) {
        net::Outbound reply;
        reply.session = session;
        reply.frames = frames;
        reply.released_bytes = released;
        reply.close = close;
        listener_->deliver({reply});
    }
    // Polls a fact that has no event, until the deadline.
    template <class Condition>
    static bool eventually(Condition holds) {
        const auto due = std::chrono::steady_clock::now() + kDeadline;
        while (!holds()) {
            if (std::chrono::steady_clock::now() > due) return false;
            std::this_thread::yield();
        }
        return true;
    }

    TestPki pki_;
    crypto::CertifiedKey gw_ = pki_.sender("gw");
    RecordingSink sink_;
    net::IngestOptions options_;
    std::unique_ptr<net::IngestListener> listener_;
};

}  // namespace anchorlog::testing
