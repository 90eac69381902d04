#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "anchor/anchor_engine.h"
#include "anchorlog/anchor/anchor_journal.h"
#include "app/commit_core.h"
#include "app/entry_book.h"
#include "app/read_side.h"
#include "sim/machine.h"

namespace anchorlog::sim {

// Thrown where the product would end the process (exit 74).
struct ProcessEnded {
    Error error;
};

struct ProcessOptions {
    ledger::RecoveryOptions recovery;
    app::CommitOptions commit;
    anchor::EthereumTarget target;
    std::uint64_t anchor_seed = 0;
};

// The daemon without sockets and threads, from recovery on: what each of its threads does is one
// call, and the queues between them are open to see. Whoever owns it decides who moves next.
class Process {
public:
    using Deliver = std::function<void(std::vector<net::Outbound>)>;
    using Publish = std::function<void(const app::Published&)>;

    // Recovers the store as the daemon does. `publish` hears at once what that found.
    [[nodiscard]] static Result<std::unique_ptr<Process>> start(Machine& machine,
                                                                const ProcessOptions& options,
                                                                Deliver deliver, Publish publish);

    void submit(app::CommitInput input) { inputs_.push_back(std::move(input)); }

    // Whether the commit thread would be awake now.
    [[nodiscard]] bool commit_due() const;
    void commit();
    [[nodiscard]] bool sync_due() const { return !jobs_.empty(); }
    void sync();
    [[nodiscard]] bool answer_due() const { return !questions_.empty(); }
    void answer();
    [[nodiscard]] bool ingest_due() const { return ingests_ > 0; }
    // False when the state could not take the run.
    bool ingest();
    // What the daemon does last of all. False as ingest().
    bool save() { return store_.state->ingest().has_value(); }
    [[nodiscard]] bool anchor_due() const;
    void anchor();

    [[nodiscard]] bool stopped() const { return core_->stopped(); }
    // When something is due that is not now, if nothing else happens.
    [[nodiscard]] SteadyTime next_due() const;
    [[nodiscard]] ledger::Recovered& store() { return store_; }
    [[nodiscard]] const app::EntryBook& entries() const { return *entries_; }
    [[nodiscard]] const app::Published& published() const { return published_; }
    [[nodiscard]] anchor::AnchorStatus anchor_status() const { return engine_->status(); }

private:
    Process(Machine& machine, ledger::Recovered store, Deliver deliver, Publish publish);
    Result<void> wire(const ProcessOptions& options);
    [[nodiscard]] app::CommitNeighbours commit_neighbours();
    [[nodiscard]] SteadyTime now() const { return machine_.clock.now().steady; }

    Machine& machine_;
    ledger::Recovered store_;
    const Deliver deliver_;
    const Publish publish_;
    app::Published published_;
    std::unique_ptr<app::CommitCore> core_;
    std::unique_ptr<app::JournalWriter> writer_;
    std::unique_ptr<app::SealedBook> book_;
    std::unique_ptr<app::Answerer> answerer_;
    std::unique_ptr<app::EntryBook> entries_;
    std::unique_ptr<anchor::AnchorJournal> anchors_;
    std::unique_ptr<anchor::AnchorEngine> engine_;

    std::vector<app::CommitInput> inputs_;
    std::vector<app::CommitInput> taken_;
    std::deque<app::WriteJob> jobs_;
    std::deque<app::Question> questions_;
    std::uint64_t group_bytes_max_ = 0;
    std::uint64_t ingests_ = 0;
    std::uint64_t idle_turns_ = 0;  // in a row, without input or passing time
    SteadyTime last_turn_;
    bool anchor_woken_ = true;
    SteadyTime anchor_at_;
};

}  // namespace anchorlog::sim
