#include "sim/process.h"

#include <algorithm>
#include <utility>

namespace anchorlog::sim {
namespace {

// So many turns in a row with nothing to take in and no time passed are a thread that spins.
constexpr std::uint64_t kIdleTurnsMax = 20;

[[noreturn]] void end_process(const Error& error) { throw ProcessEnded{error}; }

}  // namespace

Result<std::unique_ptr<Process>> Process::start(Machine& machine, const ProcessOptions& options,
                                                Deliver deliver, Publish publish) {
    auto store = ledger::recover(machine.files, options.recovery,
                                 std::make_unique<testing::FakeStateDb>(machine.state),
                                 machine.signer, nullptr);
    if (!store) return std::move(store).error();
    std::unique_ptr<Process> process(
        new Process(machine, std::move(*store), std::move(deliver), std::move(publish)));
    if (auto wired = process->wire(options); !wired) return std::move(wired).error();
    return process;
}

Process::Process(Machine& machine, ledger::Recovered store, Deliver deliver, Publish publish)
    : machine_(machine), store_(std::move(store)), deliver_(std::move(deliver)),
      publish_(std::move(publish)) {}

Result<void> Process::wire(const ProcessOptions& options) {
    group_bytes_max_ = options.recovery.sequencer.group_bytes_max;
    core_ = std::make_unique<app::CommitCore>(machine_.files, options.commit, store_,
                                              commit_neighbours());
    writer_ = std::make_unique<app::JournalWriter>(
        *store_.log, *store_.batches,
        app::WriterNeighbours{[this](app::WriteDone done) { submit(std::move(done)); }, deliver_,
                              end_process,
                              [] {
                                  return 0;
                              }});
    const auto key = wire::make_verifier_key(kOrigin, machine_.signer->public_key());
    book_ = std::make_unique<app::SealedBook>(*store_.state, *store_.batches, kOrigin, key.key,
                                              [this] { return published_.batches; });
    answerer_ = std::make_unique<app::Answerer>(*store_.state, *store_.log, *book_, key);
    entries_ = std::make_unique<app::EntryBook>(*store_.state, *store_.log, *book_);
    published_ = core_->published();
    publish_(published_);
    anchors_ = std::make_unique<anchor::AnchorJournal>(*store_.anchors);
    auto engine = anchor::AnchorEngine::create(
        options.target, *machine_.account, machine_.chain,
        anchor::TargetBase{*anchors_, *book_, machine_.clock},
        [this](const std::string& what) { submit(app::ForkInput{what}); }, options.anchor_seed);
    if (!engine) return std::move(engine).error();
    engine_ = std::move(*engine);
    core_->start(machine_.clock.now());
    last_turn_ = now();
    return {};
}

app::CommitNeighbours Process::commit_neighbours() {
    app::CommitNeighbours neighbours;
    neighbours.write = [this](app::WriteJob job) {
        // What recovery may cut, and rewrites after a failed sync, is one group.
        if (job.kind == app::WriteJob::Kind::group && job.lines->size() > group_bytes_max_) {
            throw Violation("a group of " + std::to_string(job.lines->size()) + " bytes");
        }
        jobs_.push_back(std::move(job));
    };
    neighbours.deliver = deliver_;
    neighbours.ask = [this](app::Question question) {
        questions_.push_back(std::move(question));
    };
    neighbours.ingest_state = [this] {
        ++ingests_;
    };
    neighbours.publish = [this](app::Published published) {
        published_ = std::move(published);
        publish_(published_);
    };
    neighbours.sealed = [this] {
        anchor_woken_ = true;
    };
    neighbours.fatal = end_process;
    return neighbours;
}

bool Process::commit_due() const {
    return !core_->stopped() && (!inputs_.empty() || core_->next_turn(last_turn_) <= now());
}

void Process::commit() {
    const bool idle = inputs_.empty() && last_turn_ == now();
    idle_turns_ = idle ? idle_turns_ + 1 : 0;
    if (idle_turns_ > kIdleTurnsMax) throw Violation("the commit thread spins");
    taken_.swap(inputs_);
    last_turn_ = now();
    core_->turn(taken_, machine_.clock.now());
}

void Process::sync() {
    app::WriteJob job = std::move(jobs_.front());
    jobs_.pop_front();
    writer_->carry_out(std::move(job));
}

void Process::answer() {
    const app::Question question = std::move(questions_.front());
    questions_.pop_front();
    submit(answerer_->answer(question));
}

bool Process::ingest() {
    --ingests_;
    return store_.state->ingest().has_value();
}

bool Process::anchor_due() const { return anchor_woken_ || anchor_at_ <= now(); }

void Process::anchor() {
    anchor_woken_ = false;
    anchor_at_ = engine_->run_one();
    if (engine_->has_failed()) end_process({Errc::io, "anchors/ could not be written or synced"});
}

SteadyTime Process::next_due() const {
    return std::min(core_->stopped() ? anchor_at_ : core_->next_turn(last_turn_), anchor_at_);
}

}  // namespace anchorlog::sim
