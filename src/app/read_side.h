#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "anchorlog/anchor/anchor_target.h"
#include "anchorlog/ledger/state_index.h"
#include "anchorlog/store/journal.h"
#include "anchorlog/wire/note.h"
#include "app/intake.h"

namespace anchorlog::app {

// The sealed batches as the anchor threads see them: read from batches/ through the state. Any
// thread.
class SealedBook final : public anchor::SealedBatches {
public:
    SealedBook(const ledger::StateIndex& state, const store::Journal& batches, std::string origin,
               crypto::PublicKey signer, std::function<std::uint64_t()> sealed_batches);

    [[nodiscard]] Result<std::optional<anchor::SealedRecord>> newest() const override;
    [[nodiscard]] Result<anchor::SealedRecord> get(BatchId batch) const override;
    [[nodiscard]] Result<std::string> checkpoint(BatchId batch) const override;
    // The headers of `count` batches, all of them sealed.
    [[nodiscard]] Result<std::vector<std::string>> headers(BatchId first,
                                                           std::uint64_t count) const;
    // When the batch's first entry was received; for ages.
    [[nodiscard]] Result<WallTime> opened_at(BatchId batch) const;
    // The number of entries up to and including this batch.
    [[nodiscard]] Result<std::uint64_t> entries_through(BatchId batch) const;

    // The batch's line; not_found: there is none yet.
    [[nodiscard]] Result<wire::BatchLine> line(BatchId batch) const;

    // The log's key that sealed a batch.
    struct SealKey {
        crypto::PublicKey key{};
        bool was_stolen = false;  // it was replaced for that
    };
    [[nodiscard]] Result<SealKey> key_of(BatchId batch) const;
    // The batches that changed the log's key, in order. Where the key is still the first one,
    // nothing is read for it; else all of batches/, once.
    [[nodiscard]] Result<std::vector<BatchId>> key_changes() const;

private:
    [[nodiscard]] Result<SealKey> key_of(const wire::Header& header) const;

    const ledger::StateIndex& state_;
    const store::Journal& batches_;
    const Hash log_id_;
    const wire::VerifierKey signer_;
    const std::function<std::uint64_t()> sealed_batches_;
    mutable std::mutex mutex_;
    mutable std::map<std::string, SealKey> replaced_;  // by key id, as far as they were asked for
    mutable std::optional<std::vector<BatchId>> key_changes_;  // nobody makes one meanwhile
};

// Receipts of what has become durable, signed, and what is said behind them. Read thread.
[[nodiscard]] std::vector<net::Outbound> sign_promises(std::vector<Promises> promises,
                                                       const std::string& origin,
                                                       const crypto::Signer& signer);

// Answers what needs files or the state: resends and welcomes. Runs on the read thread.
class Answerer {
public:
    Answerer(const ledger::StateIndex& state, const store::Journal& log, const SealedBook& book,
             wire::VerifierKey verifier_key)
        : state_(state), log_(log), book_(book), key_(std::move(verifier_key)) {}

    [[nodiscard]] Answer answer(const Question& question) const;

private:
    [[nodiscard]] Result<CompareAnswer> compare(const CompareQuestion& question) const;
    [[nodiscard]] WelcomeAnswer welcome(const WelcomeQuestion& question) const;
    // The consistency path from `seen`; sets `fork` when our own signature there contradicts us.
    [[nodiscard]] Result<std::vector<Hash>> consistency(const WelcomeQuestion& question,
                                                        std::string& fork) const;

    const ledger::StateIndex& state_;
    const store::Journal& log_;
    const SealedBook& book_;
    const wire::VerifierKey key_;
};

}  // namespace anchorlog::app
