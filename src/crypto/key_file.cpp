#include "crypto/key_file.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>

namespace anchorlog::crypto {

namespace {

constexpr std::size_t kKeyFileSizeMax = 16'384;
constexpr std::size_t kPassphraseSizeMin = 12;
constexpr std::size_t kPassphraseSizeMax = 1'024;
constexpr std::size_t kPinSizeMin = 4;  // what guards it counts the tries
constexpr mode_t kModeOthers = 077;
constexpr mode_t kModeGroupRead = 040;

// All of the buffer, because a text that was cut leaves its old end behind.
void wipe(std::string& text) {
    text.resize(text.capacity());
    OPENSSL_cleanse(text.data(), text.size());
    text.clear();
}

Error system_error(const std::string& path, std::string_view what) {
    const int error = errno;
    return {error == ENOENT ? Errc::not_found : Errc::io,
            path + ": cannot " + std::string(what) +
                " the key: " + std::generic_category().message(error)};
}

// systemd lets only the service and root into the directory of the service's credentials, and the
// service into its files with an access list. stat shows that list's mask as a right of the group.
mode_t mode_of_others(const std::string& path) {
    const char* dir = std::getenv("CREDENTIALS_DIRECTORY");
    const bool is_credential = dir != nullptr && *dir == '/' &&
                               path.starts_with(std::string(dir) + "/") &&
                               path.find("/../") == std::string::npos;
    return is_credential ? kModeOthers & ~kModeGroupRead : kModeOthers;
}

// Checks the file that is open, not the name: nobody can swap it in between.
Result<void> check_access(int fd, const std::string& path) {
    struct stat info{};
    if (::fstat(fd, &info) != 0) return system_error(path, "stat");
    if (!S_ISREG(info.st_mode)) {
        return Error{Errc::invalid_input, path + ": not a regular file"};
    }
    if ((info.st_mode & mode_of_others(path)) != 0) {
        char mode[8] = {};
        std::snprintf(mode, sizeof mode, "%04o", info.st_mode & 07777U);
        return Error{Errc::invalid_input, path + ": mode " + mode +
                                              " lets others at the private key; run "
                                              "`chmod 600 " +
                                              path + "`"};
    }
    return {};
}

Result<SecretText> read_secret(int fd, const std::string& path) {
    // At full size from the start, because growing would leave copies behind.
    std::string text(kKeyFileSizeMax + 1, '\0');
    std::size_t filled = 0;
    while (filled < text.size()) {
        const ssize_t got = ::read(fd, text.data() + filled, text.size() - filled);
        if (got == -1 && errno == EINTR) continue;
        if (got == -1) {
            Error error = system_error(path, "read");
            wipe(text);
            return error;
        }
        if (got == 0) break;
        filled += static_cast<std::size_t>(got);
    }
    const bool is_too_large = filled > kKeyFileSizeMax;
    text.resize(filled);
    SecretText secret(std::move(text));
    if (is_too_large) {
        return Error{Errc::invalid_input, path + ": too large for a private key"};
    }
    return secret;
}

Result<SecretText> read_first_line(const std::string& path, const char* what,
                                   std::size_t size_min) {
    auto text = read_key_file(path);
    if (!text) return std::move(text).error().in(what);
    SecretText line(std::string(text->view().substr(0, text->view().find('\n'))));
    if (line.view().size() < size_min || line.view().size() > kPassphraseSizeMax) {
        return Error{Errc::invalid_input, path + ": its first line must be a " + what + " of " +
                                              std::to_string(size_min) + " to " +
                                              std::to_string(kPassphraseSizeMax) + " bytes"};
    }
    return line;
}

}  // namespace

SecretText::SecretText(SecretText&& other) noexcept : text_(std::move(other.text_)) {
    wipe(other.text_);  // short texts live inside the object, and a move copies them
}

SecretText::~SecretText() { wipe(text_); }

Result<SecretText> read_key_file(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd == -1) return system_error(path, "open");
    auto checked = check_access(fd, path);
    auto secret = checked ? read_secret(fd, path) : Result<SecretText>(std::move(checked).error());
    ::close(fd);
    return secret;
}

Result<SecretText> read_passphrase(const std::string& path) {
    return read_first_line(path, "passphrase", kPassphraseSizeMin);
}

Result<SecretText> read_pin(const std::string& path) {
    return read_first_line(path, "PIN", kPinSizeMin);
}

}  // namespace anchorlog::crypto
