#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "anchorlog/wire/entry.h"
#include "app/entry_book.h"
#include "sim/machine.h"

namespace anchorlog::sim {

// What an alert claims to be.
struct AlertKey {
    std::string device;
    std::uint64_t epoch = 0;
    std::uint64_t seq_no = 0;
    friend auto operator<=>(const AlertKey&, const AlertKey&) = default;
};
[[nodiscard]] std::string to_text(const AlertKey& key);

// Stands outside the daemon, remembers what was sent to it and what it has said, and holds it to
// that. Reads the files by itself, without the daemon's journals.
class Witness {
public:
    Witness(Machine& machine, Coverage& coverage);

    // Somebody who may speak for the device put this on the wire.
    void sent(const AlertKey& key, const std::string& sender, const std::string& canonical);
    // An ack covers it: from now on it is stored, once, whatever happens.
    void promised(const AlertKey& key, const std::string& canonical);
    void promised_index(const AlertKey& key, std::uint64_t index);
    // The operator has this taken out of the log from now on: it may be there or not.
    void may_go(EntryIndex first, EntryIndex last);
    // Shown to anybody: the note, and how many entries are durable.
    void shown(const std::string& checkpoint, std::uint64_t entries);

    // Holds the files to all of it. Throws Violation. Call when no process runs on them, or right
    // after one has recovered.
    void check_store();
    // And what an auditor says; `anchored`: everything must be under an anchor by now.
    void check_by_verify_log(bool anchored);
    // What the daemon says to whoever asks for some of the stored ids; right after check_store().
    void check_by_id(const app::EntryBook& book);
    // And its proof of one of them, chosen by `pick`; at the end.
    void check_by_evidence(const app::EntryBook& book, std::uint64_t pick);
    // One stored entry, chosen by `pick`, proven by itself.
    void check_by_verify_entry(std::uint64_t pick);

    [[nodiscard]] bool was_sent(const AlertKey& key) const { return sent_.contains(key); }
    [[nodiscard]] bool is_promised(const AlertKey& key) const { return promises_.contains(key); }
    [[nodiscard]] bool is_stored(const AlertKey& key) const { return stored_.contains(key); }
    // Its line was taken out of the log.
    [[nodiscard]] bool is_gone(const AlertKey& key) const;
    // As of the last check_store().
    [[nodiscard]] std::uint64_t entries() const { return leaves_.size(); }
    [[nodiscard]] std::uint64_t batches() const { return headers_.size(); }

private:
    class Observing;
    struct Sent {
        std::string sender;
        std::set<std::string> bodies;
    };
    struct Promise {
        std::string canonical;
        std::optional<std::uint64_t> index;
    };
    struct Stored {
        std::uint64_t index = 0;
        std::string canonical;
    };
    struct Gone {
        Hash leaf;
        std::optional<AlertKey> key;
        std::string canonical;
    };
    struct Anchored {
        std::uint64_t batch = 0;
        Hash merkle_root;
        Hash history_root;
    };

    [[nodiscard]] std::vector<std::string> lines_of(const std::string& journal) const;
    // Of one file, whole lines all of them.
    [[nodiscard]] std::vector<std::string> lines_in(const std::string& path) const;
    void check_log();
    void take_line(const std::string& line);
    void take_alert(const wire::EntryLine& entry);
    void take_gone(std::uint64_t end);
    void place(const AlertKey& key, Stored stored);
    void check_promises() const;
    void check_batches();
    void check_checkpoints() const;
    void check_anchors();
    [[nodiscard]] bool is_record_stored(const Anchored& record) const;

    Machine& machine_;
    Coverage& coverage_;
    std::map<AlertKey, Sent> sent_;
    std::map<AlertKey, Promise> promises_;
    std::map<std::string, std::pair<std::uint64_t, Hash>> checkpoints_;  // note → size, root
    std::uint64_t entries_shown_ = 0;
    std::size_t transactions_seen_ = 0;
    std::vector<Anchored> transactions_;  // whatever was sent to the chain
    std::vector<Hash> transaction_hashes_;

    // Of the last check_store().
    std::map<AlertKey, Stored> stored_;
    std::map<wire::EntryId, std::vector<std::uint64_t>> by_id_;  // → indexes, sealed or not
    std::uint64_t sealed_ = 0;
    std::vector<Hash> leaves_;
    // What was at an index when it was last there.
    std::map<std::uint64_t, Gone> may_go_;
    std::set<std::uint64_t> gone_;
    std::vector<Hash> merkle_roots_;   // by batch_id
    std::vector<Hash> history_roots_;  // by size
    std::vector<std::string> headers_;
};

}  // namespace anchorlog::sim
