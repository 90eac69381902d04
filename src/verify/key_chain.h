#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "anchorlog/base/result.h"
#include "anchorlog/base/types.h"
#include "anchorlog/wire/header.h"
#include "anchorlog/wire/note.h"

namespace anchorlog::verify {

// Whose signatures count at which batch of a log whose key was changed: one `key` header after the
// other, each signed by the key before it and the key behind it (formats §3).
//
// A reader who trusts one key of such a chain trusts those behind it, because each change bears
// the signature of the key before; and those before it for the batches they sealed, because the
// checkpoint of the trusted key covers the changes that name them.
class KeyChain {
public:
    KeyChain() = default;
    explicit KeyChain(std::vector<wire::VerifierKey> trusted);

    // The next change, in order of batch_id; `note` is the one of its own line. An error says what
    // does not hold.
    [[nodiscard]] Result<void> add(const wire::Header& header, const wire::Note& note);
    // False: no key of the chain is trusted.
    [[nodiscard]] bool is_trusted() const { return is_trusted_; }

    // Who may have sealed this batch, and signed the checkpoint over `size` batches.
    [[nodiscard]] const std::vector<wire::VerifierKey>& at(BatchId batch) const;
    [[nodiscard]] const std::vector<wire::VerifierKey>& at_size(TreeSize size) const;
    // "batch 7 (planned), batch 90 (compromise)"; empty: the key was never changed.
    [[nodiscard]] const std::string& changes() const { return changes_; }

private:
    struct Reign {
        std::uint64_t from = 0;  // the first batch
        std::vector<wire::VerifierKey> keys;
    };

    [[nodiscard]] bool is_named(const wire::VerifierKey& key) const;

    std::vector<wire::VerifierKey> trusted_;
    std::vector<Reign> reigns_{Reign{}};
    bool is_trusted_ = false;
    std::string changes_;
};

}  // namespace anchorlog::verify
