// Checking a signature again and again is most of what an audit of a small store costs, and of a
// million audits that differ in one byte each nearly all checks are the same. The program is linked
// so that checks by `crypto::verify` go through here: whether bytes are a signature of bytes under
// a key depends on those bytes alone, so a yes is remembered for exactly them. A no is not.

#include <mutex>
#include <string>
#include <unordered_set>

#include "anchorlog/crypto/ed25519.h"

namespace {

using anchorlog::ByteView;
using anchorlog::crypto::PublicKey;

constexpr std::size_t kKnownMax = 10'000;

class KnownSignatures {
public:
    [[nodiscard]] bool has(const std::string& check) {
        const std::lock_guard lock(mutex_);
        return known_.contains(check);
    }
    void add(std::string check) {
        const std::lock_guard lock(mutex_);
        if (known_.size() < kKnownMax) known_.insert(std::move(check));
    }

private:
    std::mutex mutex_;
    std::unordered_set<std::string> known_;
};

void append(std::string& to, ByteView bytes) {
    to.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

}  // namespace

// Names that the linker makes of `crypto::verify`; see CMakeLists.txt.
extern "C" bool really_verify(const PublicKey& key, ByteView message,
                              ByteView signature) __asm__("__real_" ANCHORLOG_VERIFY_SYMBOL);
extern "C" bool remembering_verify(const PublicKey& key, ByteView message,
                                   ByteView signature) __asm__("__wrap_" ANCHORLOG_VERIFY_SYMBOL);

extern "C" bool remembering_verify(const PublicKey& key, ByteView message, ByteView signature) {
    static KnownSignatures known;
    std::string check;
    append(check, key);
    check += std::to_string(signature.size()) + ":";
    append(check, signature);
    append(check, message);
    if (known.has(check)) return true;
    if (!really_verify(key, message, signature)) return false;
    known.add(std::move(check));
    return true;
}
