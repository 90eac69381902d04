#include "app/service_notify.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <system_error>

#include "anchorlog/base/log.h"

namespace anchorlog::app {
namespace {

// A manager that does not read must not hold up a signal for longer.
constexpr timeval kSendTimeout{1, 0};
constexpr std::uint64_t kWatchdogUsMax = 86'400'000'000;  // a day

std::optional<std::uint64_t> whole_number(const char* text) {
    const std::string_view digits(text);
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    return value;
}

void complain(const std::string& reason) {
    log(LogLevel::warn, "service_notify_failed", {{"reason", reason}});
}

// `/path` or `@name` of the abstract namespace, connected; -1 when that fails.
int connect_to(std::string_view name) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (name.size() < 2 || name.size() >= sizeof address.sun_path ||
        (name.front() != '/' && name.front() != '@')) {
        complain("NOTIFY_SOCKET is neither /PATH nor @NAME of a socket");
        return -1;
    }
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name.front() == '@') address.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    const int made = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const bool done =
        made >= 0 &&
        ::setsockopt(made, SOL_SOCKET, SO_SNDTIMEO, &kSendTimeout, sizeof kSendTimeout) == 0 &&
        ::connect(made, reinterpret_cast<const sockaddr*>(&address), size) == 0;
    if (done) return made;
    complain("NOTIFY_SOCKET " + std::string(name) + ": " + std::generic_category().message(errno));
    if (made >= 0) ::close(made);
    return -1;
}

}  // namespace

ServiceNotify::Environment ServiceNotify::environment() {
    return {std::getenv("NOTIFY_SOCKET"), std::getenv("WATCHDOG_USEC"),
            std::getenv("WATCHDOG_PID")};
}

ServiceNotify::ServiceNotify(const Environment& environment) {
    if (environment.notify_socket == nullptr || *environment.notify_socket == '\0') return;
    socket_ = connect_to(environment.notify_socket);
    if (socket_ < 0 || environment.watchdog_us == nullptr) return;
    // A watchdog on somebody else: the variables were inherited from a parent that is watched.
    if (environment.watchdog_pid != nullptr &&
        whole_number(environment.watchdog_pid) != static_cast<std::uint64_t>(::getpid())) {
        return;
    }
    const auto interval_us = whole_number(environment.watchdog_us);
    if (!interval_us || *interval_us == 0 || *interval_us > kWatchdogUsMax) {
        complain("WATCHDOG_USEC is no number of microseconds of up to a day");
        return;
    }
    watchdog_ = std::chrono::microseconds(*interval_us);
}

ServiceNotify::~ServiceNotify() {
    if (socket_ >= 0) ::close(socket_);
}

void ServiceNotify::starting(const std::string& status, std::chrono::seconds more) {
    const auto more_us = std::chrono::microseconds(more).count();
    send("EXTEND_TIMEOUT_USEC=" + std::to_string(more_us) + "\nSTATUS=" + status);
}

void ServiceNotify::ready(const std::string& status) { send("READY=1\nSTATUS=" + status); }

void ServiceNotify::reloading(SteadyTime now) {
    send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(now.ms * 1'000));
}

void ServiceNotify::alive() {
    if (watchdog_) send("WATCHDOG=1");
}

void ServiceNotify::stopping() { send("STOPPING=1\nSTATUS=Sealing what is open"); }

void ServiceNotify::send(const std::string& message) {
    if (socket_ < 0) return;
    if (::send(socket_, message.data(), message.size(), MSG_NOSIGNAL) < 0) {
        complain(message.substr(0, message.find('\n')) + ": " +
                 std::generic_category().message(errno));
    }
}

}  // namespace anchorlog::app
