#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <iterator>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "anchorlog/wire/frame.h"
#include "app/commit_core.h"
#include "support/log_machine.h"

namespace anchorlog::testing {

// What the core or the writer would have ended the process for.
struct Fatal {
    Error error;
};

inline std::vector<std::uint64_t> numbers_from(std::uint64_t first, std::uint64_t count) {
    std::vector<std::uint64_t> out(count);
    std::iota(out.begin(), out.end(), first);
    return out;
}

// A core and a writer over a LogMachine, without their threads: the test takes each turn and
// carries out each write. What they said to their neighbours is kept in the order it was said.
class CoreMachine : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(machine.init());
        start();
    }

    // A start of the daemon over the store as it is.
    void start() {
        ASSERT_TRUE(machine.start());
        open();
    }
    void open() {
        app::CommitOptions options;
        options.store_dir = LogMachine::kDir;
        options.origin = LogMachine::kOrigin;
        options.reserve_bytes = 1'000;
        options.hold = hold;
        options.hardware_key = machine.options.hardware_key;
        const app::CommitNeighbours to = neighbours();
        core = std::make_unique<app::CommitCore>(machine.files(), options, machine.store(), to);
        const auto done = [this](app::WriteDone written) {
            inputs.emplace_back(std::move(written));
        };
        const auto no_time = [] {
            return std::int64_t{0};
        };
        writer = std::make_unique<app::JournalWriter>(
            *machine.store().log, *machine.store().batches,
            app::WriterNeighbours{done, to.deliver, to.fatal, no_time});
    }

    void send(const std::vector<std::uint64_t>& numbers) {
        net::Inbound inbound;
        inbound.session = net::SessionId(session);
        inbound.sender = "gw-01";
        wire::AlertParser parser;
        for (const std::uint64_t number : numbers) {
            net::InboundFrame frame;
            frame.frame = next_frame++;
            auto parsed = parser.parse(make_alert("cam-1", number, machine.clock().now().wall.ms),
                                       inbound.arena);
            std::visit([&](auto& content) { frame.content = std::move(content); }, parsed);
            inbound.frames.push_back(std::move(frame));
        }
        inputs.emplace_back(std::move(inbound));
    }
    void turn() { core->turn(inputs, machine.clock().now()); }
    void write_one() {
        ASSERT_FALSE(jobs.empty());
        app::WriteJob job = std::move(jobs.front());
        jobs.pop_front();
        writer->carry_out(std::move(job));
    }
    // Turns and writes until neither has anything to do.
    void settle() {
        turn();
        while (!jobs.empty()) {
            write_one();
            turn();
        }
    }

    [[nodiscard]] bool was_said(const std::string& part) const {
        return std::any_of(said.begin(), said.end(), [&](const std::string& text) {
            return text.find(part) != std::string::npos;
        });
    }
    [[nodiscard]] bool acked(std::uint64_t number) const {
        return was_said("\"seq_no\":" + std::to_string(number) + ",\"type\":\"ack\"");
    }
    [[nodiscard]] SteadyTime now() const { return machine.clock().now().steady; }

    std::string hold;
    bool chain_agrees = false;
    mutable LogMachine machine;
    std::unique_ptr<app::CommitCore> core;
    std::unique_ptr<app::JournalWriter> writer;
    std::vector<app::CommitInput> inputs;
    std::deque<app::WriteJob> jobs;
    std::deque<std::string> asked;  // of the hardware key
    std::vector<app::Question> questions;
    std::vector<app::Promises> promised;
    std::vector<std::string> said;  // frames, and the names of other calls
    app::Published published;
    bool closed = false;
    std::uint64_t session = 1;
    std::uint64_t next_frame = 0;

private:
    app::CommitNeighbours neighbours() {
        app::CommitNeighbours to;
        to.write = [this](app::WriteJob job) {
            jobs.push_back(std::move(job));
        };
        to.sign = [this](std::string text) {
            asked.push_back(std::move(text));
        };
        to.deliver = [this](std::vector<net::Outbound> out) {
            deliver(std::move(out));
        };
        to.ask = [this](app::Question question) {
            questions.push_back(std::move(question));
        };
        to.promise = [this](std::vector<app::Promises> all) {
            said.emplace_back("promise");
            std::move(all.begin(), all.end(), std::back_inserter(promised));
        };
        to.ingest_state = [this] {
            said.emplace_back("ingest_state");
        };
        to.publish = [this](app::Published next) {
            published = std::move(next);
            said.emplace_back("publish");
        };
        to.sealed = [this] {
            said.emplace_back("sealed");
        };
        to.chain_agrees = [this] {
            return chain_agrees;
        };
        to.fatal = [](const Error& error) {
            throw Fatal{error};
        };
        return to;
    }
    void deliver(std::vector<net::Outbound> out) {
        for (net::Outbound& outbound : out) {
            closed = closed || outbound.close;
            wire::FrameDecoder decoder;
            decoder.push(as_bytes(outbound.frames));
            while (auto frame = decoder.next()) said.emplace_back(*frame);
        }
    }
};

}  // namespace anchorlog::testing
