#include "verify/key_chain.h"

#include <algorithm>
#include <utility>

namespace anchorlog::verify {

KeyChain::KeyChain(std::vector<wire::VerifierKey> trusted)
    : trusted_(std::move(trusted)), reigns_{{0, trusted_}}, is_trusted_(!trusted_.empty()) {}

bool KeyChain::is_named(const wire::VerifierKey& key) const {
    return std::any_of(trusted_.begin(), trusted_.end(), [&](const wire::VerifierKey& one) {
        return one.name == key.name && one.key == key.key;
    });
}

Result<void> KeyChain::add(const wire::Header& header, const wire::Note& note) {
    const auto bad = [](std::string why) {
        return Error{Errc::invalid_input, std::move(why)};
    };
    if (!header.key_change) return bad("it is of kind " + header.kind + ", not key");
    const auto before = wire::parse_vkey(header.key_change->old_key);
    const auto after = wire::parse_vkey(header.key_change->new_key);
    if (!before || !after) return bad("its keys do not read");
    const bool is_first = changes_.empty();
    const bool goes_on = is_first || reigns_.back().keys.front().key == before->key;
    if (!goes_on) {
        return bad("it replaces " + header.key_change->old_key +
                   ", which the change before it did not bring: one is left out");
    }
    for (const auto& [key, name] : {std::pair(&*before, "old"), {&*after, "new"}}) {
        if (auto valid = wire::verify_note(note, {*key}); !valid) {
            return bad(std::string("its checkpoint bears no signature of the ") + name +
                       " key: " + valid.error().message);
        }
    }
    if (is_first) {
        is_trusted_ = is_named(*before);
        reigns_ = {{0, {*before}}};
    }
    is_trusted_ = is_trusted_ || is_named(*after);
    reigns_.push_back({header.batch_id.value + 1, {*after}});
    changes_ += (is_first ? "batch " : ", batch ") + std::to_string(header.batch_id.value) + " (" +
                header.key_change->why + ")";
    return {};
}

const std::vector<wire::VerifierKey>& KeyChain::at(BatchId batch) const {
    const auto after = std::find_if(reigns_.begin() + 1, reigns_.end(),
                                    [&](const Reign& reign) { return reign.from > batch.value; });
    return std::prev(after)->keys;
}

const std::vector<wire::VerifierKey>& KeyChain::at_size(TreeSize size) const {
    // The checkpoint of a change bears both keys' signatures, every other one that of its batch.
    return at(BatchId(size.value));
}

}  // namespace anchorlog::verify
