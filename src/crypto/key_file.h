#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "anchorlog/base/result.h"

namespace anchorlog::crypto {

// Text that is wiped when it goes. Moving empties the source.
class SecretText {
public:
    explicit SecretText(std::string text) : text_(std::move(text)) {}
    SecretText(const SecretText&) = delete;
    SecretText& operator=(const SecretText&) = delete;
    SecretText(SecretText&& other) noexcept;
    SecretText& operator=(SecretText&&) = delete;
    ~SecretText();

    [[nodiscard]] std::string_view view() const { return text_; }

private:
    std::string text_;
};

// Reads a private key's file. Refuses what is not a regular file, what group or others may
// access (mode & 077), and what is larger than any key.
[[nodiscard]] Result<SecretText> read_key_file(const std::string& path);

// The first line of a file that is read as a key's is. Refuses a short one: the passphrase is all
// that stands between a copied key and its use.
[[nodiscard]] Result<SecretText> read_passphrase(const std::string& path);
// Likewise, of a key that a device keeps and that locks itself after some wrong tries: 4 bytes do.
[[nodiscard]] Result<SecretText> read_pin(const std::string& path);

}  // namespace anchorlog::crypto
