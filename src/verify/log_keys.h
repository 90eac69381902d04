#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "anchorlog/wire/header.h"
#include "anchorlog/wire/note.h"

namespace anchorlog::verify {

// Whose signatures count, for some batches in a row.
struct KeySet {
    std::string origin;
    Hash log_id;
    std::vector<wire::VerifierKey> keys;
    std::vector<wire::HardwareKey> hardware{};  // each checkpoint must bear a line of each
};

// The keys at the place the audit has reached. Threads that read ahead check signatures with
// them; should they have changed by then, the check is made again.
class LogKeys {
public:
    [[nodiscard]] std::shared_ptr<const KeySet> current() const {
        const std::lock_guard lock(mutex_);
        return keys_;
    }
    // A change of the log's own key leaves its hardware keys as they are.
    void set(KeySet keys) {
        const std::lock_guard lock(mutex_);
        if (keys.hardware.empty() && keys.origin == keys_->origin) keys.hardware = keys_->hardware;
        auto next = std::make_shared<const KeySet>(std::move(keys));
        keys_ = std::move(next);
    }

private:
    mutable std::mutex mutex_;
    std::shared_ptr<const KeySet> keys_ = std::make_shared<const KeySet>();
};

// What the checkpoint and the seal of one line say by themselves.
struct SignatureFacts {
    std::shared_ptr<const KeySet> by;            // checked with these; null: not checked yet
    std::optional<wire::Checkpoint> stated;      // what the checkpoint reads
    std::string unreadable;                      // why it does not
    bool note_holds = false;                     // signed by a key that counts, by none wrongly
    std::string hardware_fault;                  // what its hardware lines lack; empty: nothing
    std::optional<crypto::PublicKey> sealed_by;  // the seal holds for the stated root
};
// `header` null: of another version, and the seal is not looked at. Any thread.
[[nodiscard]] SignatureFacts check_signatures(const wire::BatchLine& line,
                                              const wire::Header* header,
                                              std::shared_ptr<const KeySet> keys);

// The key whose seal this is, if history_root is `root`.
[[nodiscard]] std::optional<crypto::PublicKey> seal_key(const wire::BatchLine& line,
                                                        const wire::Header& header,
                                                        const Hash& root, const KeySet& keys);

}  // namespace anchorlog::verify
