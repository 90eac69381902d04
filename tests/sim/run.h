#pragma once

#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "sim/plan.h"

namespace anchorlog::sim {

// One run: a machine with its log, senders and chain, and a seed that decides everything that is
// not decided by the code under test. The same seed is the same run, to the byte.
class Run {
public:
    // `trace`, if not null, hears of every step.
    Run(std::uint64_t seed, std::ostream* trace);

    // Throws Violation.
    void go();
    [[nodiscard]] const Coverage& coverage() const { return coverage_; }
    // SHA-256 over all that is on the disk and the chain at the end.
    [[nodiscard]] Hash digest() const;
    [[nodiscard]] std::string where() const;
    void dump() const;

private:
    void make_log();
    void step();
    void perform(Action action);
    void perform_fault(Action action);
    void pass_time();
    void read_wire();
    void fail_call();
    void stop();
    // False when the machine died on the way.
    [[nodiscard]] bool end_cleanly();

    struct Offline;
    [[nodiscard]] Result<Offline> open_offline();
    void leave_command(const char* name, const Result<void>& done, Event death);
    void rotate_key();
    [[nodiscard]] Result<void> change_key(const crypto::Signer& after);
    void prune();
    // Of what is under a confirmed anchor, up to `covered`.
    [[nodiscard]] Result<void> take_lines_out(BatchId covered);

    void take_file_counts();

    void start();
    // Null when it could not start, which some fault must explain.
    [[nodiscard]] std::unique_ptr<Process> try_start(bool with_faults);
    void note_recovery();
    void end_process();
    void power_failure();
    void kill();

    void finish();
    // One round in which everybody who can moves; true when anybody did.
    bool round();
    [[nodiscard]] bool at_rest() const;
    [[nodiscard]] bool is_all_anchored() const;
    void tell(const std::string& what) const;

    const std::uint64_t seed_;
    std::ostream* const trace_;
    Coverage coverage_;
    Machine machine_;
    Dice dice_;
    Plan plan_;
    Witness witness_;
    std::unique_ptr<Network> network_;
    std::vector<std::unique_ptr<Sender>> senders_;
    std::unique_ptr<Process> process_;
    std::uint64_t step_ = 0;
    std::uint64_t rounds_ = 0;
    bool chain_broken_ = false;
    std::uint64_t batches_shown_ = 0;
    std::uint64_t batches_before_ = 0;  // shown by the process before this one
    std::uint64_t batch_lines_torn_ = 0;
    // After a rotation that failed, the key the log may have now.
    std::shared_ptr<const crypto::Signer> other_key_;
    testing::SimFileCounts counted_;
};

}  // namespace anchorlog::sim
