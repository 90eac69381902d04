#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "anchorlog/base/clock.h"
#include "anchorlog/base/file_system.h"
#include "anchorlog/net/ingest.h"
#include "app/commit_core.h"
#include "app/entry_book.h"
#include "app/identity_files.h"
#include "app/read_side.h"
#include "app/target_wiring.h"

namespace anchorlog::app {

// What the daemon knows besides what its threads count.
struct Surroundings {
    std::optional<SpaceInfo> disk;              // of the store; absent: could not be asked
    std::optional<bool> clock_synchronised;     // as the kernel says; absent: it does not
    std::uint64_t state_entries_in_memory = 0;  // sealed, not in RocksDB yet
    IdentityStanding identity;
    std::uint64_t recovery_entries = 0;    // read again at the start
    std::uint64_t recovery_batches = 0;    // likewise
    std::uint64_t recovery_cut_bytes = 0;  // of a torn end
    std::int64_t recovery_ms = 0;
};

// What the local HTTP pages show; everything is a copy taken for one request.
struct StatusSources {
    std::string origin;
    const Clock& clock;
    const SealedBook& book;
    const EntryBook& entries;
    std::function<std::shared_ptr<const Published>()> published;
    std::function<net::IngestStats()> ingest;
    std::function<std::vector<AnchorSet::Shown>()> anchors;
    std::function<Surroundings()> surroundings;
    std::function<bool()> stopping;
    std::function<std::int64_t()> step_held_ms;  // CommitLoop
    std::uint16_t ingest_port = 0;
    std::uint16_t http_port = 0;
};

// What a takeover now could still alter unseen: durable entries no confirmed anchor covers. A file
// is in the same hands as the log and protects nothing from them.
struct Unprotected {
    std::uint64_t entries = 0;
    std::int64_t age_ms = 0;  // of the oldest
};
[[nodiscard]] Unprotected unprotected(const StatusSources& sources, const Published& published,
                                      const std::vector<AnchorSet::Shown>& anchors);
// How long a batch has been waiting for the hardware key's signature.
[[nodiscard]] std::int64_t hardware_wait_ms(const StatusSources& sources, const HardwareSeen& seen);
// How long a required target owes a batch that it should have covered by now; 0: it is not late.
[[nodiscard]] std::int64_t late_ms(const StatusSources& sources, const Published& published,
                                   const AnchorSet::Shown& anchor);

// Seconds with three decimals.
[[nodiscard]] std::string seconds(std::int64_t ms);

// Prometheus text exposition format 0.0.4. Names and labels are stable: they are only added to.
[[nodiscard]] std::string metrics_text(const StatusSources& sources);

}  // namespace anchorlog::app
