#include "support/log_machine.h"

#include "anchorlog/wire/alert.h"

namespace anchorlog::testing {

LogMachine::LogMachine() : signer_(crypto::signer_from_seed({1, 2, 3})) {
    options.dir = kDir;
    options.sequencer.origin = kOrigin;
    options.journal.preallocate_bytes = 64 * 1024;
    options.journal.segment_bytes = 32 * 1024;
    options.run_entries = 40;
}

Result<void> LogMachine::init() {
    auto made = ledger::init_log(files_, kDir, options.journal, kOrigin, *signer_, {}, Hash{},
                                 clock_.now().wall, hardware.get());
    if (!made) return std::move(made).error();
    return {};
}

Result<void> LogMachine::start() {
    store_ = {};
    auto recovered = ledger::recover(files_, options, std::make_unique<FakeStateDb>(state_disk_),
                                     signer_, nullptr);
    if (!recovered) return std::move(recovered).error();
    store_ = std::move(*recovered);
    return {};
}

void LogMachine::crash(std::uint64_t seed) {
    store_ = {};
    files_.crash(seed);
    state_disk_->crash(seed);
}

ledger::Admission LogMachine::admit(const std::string& device, std::uint64_t seq_no,
                                    std::uint64_t epoch, std::uint64_t variant) {
    const std::string text = make_alert(device, seq_no, clock_.now().wall.ms, epoch, variant);
    std::string arena;
    wire::AlertParser parser;
    const auto parsed = parser.parse(text, arena);
    ANCHORLOG_ASSERT(std::holds_alternative<wire::Alert>(parsed));
    const wire::CertFingerprint cert{};
    return sequencer().admit({std::get<wire::Alert>(parsed), arena, "gw-01", cert}, clock_.now());
}

Result<void> LogMachine::commit() {
    ledger::Group group = sequencer().take_group();
    auto at = store_.log->next_position();
    if (!at) return std::move(at).error();
    if (auto done = store_.log->append(group.lines, group.count()); !done) return done;
    if (auto done = store_.log->sync(); !done) return done;
    ledger::hash_group(group);
    group.at = *at;
    sequencer().committed(group, clock_.now().steady);
    for (std::size_t i = 0; i < group.entries.size(); ++i) {
        const auto begin = group.entries[i].offset;
        const auto end = group.lines.find('\n', begin);
        acked_.push_back(group.lines.substr(begin, end - begin));
    }
    sequencer().reuse(std::move(group));
    return {};
}

Result<void> LogMachine::seal(ledger::SealReason reason) {
    auto batch = sequencer().seal(reason, clock_.now());
    if (!batch) return std::move(batch).error();
    auto at = store_.batches->next_position();
    if (!at) return std::move(at).error();
    if (auto done = store_.batches->append(batch->line, 1); !done) return done;
    if (auto done = store_.batches->sync(); !done) return done;
    store_.state->add(*batch, *at);
    store_.checkpoint = batch->checkpoint;
    if (store_.state->run_due()) return store_.state->ingest();
    return {};
}

std::vector<std::string> LogMachine::lines(store::Journal& journal) const {
    std::vector<std::string> out;
    auto visited = journal.for_each(
        0, [&](std::uint64_t, std::string_view text, store::LinePosition) -> Result<void> {
            out.emplace_back(text);
            return {};
        });
    ANCHORLOG_ASSERT(visited.has_value());
    return out;
}

}  // namespace anchorlog::testing
