#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "anchorlog/base/result.h"
#include "anchorlog/base/types.h"

namespace anchorlog::app {

// Tells the service manager how the daemon is (systemd's sd_notify(3): one datagram a message over
// the socket that NOTIFY_SOCKET names). Without that variable every call does nothing. A message
// that cannot be sent is logged and not an error: the log does not depend on who watches it.
// One thread.
class ServiceNotify {
public:
    // What the environment says, as getenv gives it; a null means not set.
    struct Environment {
        const char* notify_socket = nullptr;
        const char* watchdog_us = nullptr;
        const char* watchdog_pid = nullptr;
    };
    [[nodiscard]] static Environment environment();

    // Environment values that make no sense are logged and taken as not set.
    explicit ServiceNotify(const Environment& environment);
    ~ServiceNotify();
    ServiceNotify(const ServiceNotify&) = delete;
    ServiceNotify& operator=(const ServiceNotify&) = delete;

    // How long the manager waits for the next alive(); none when it has no watchdog on us.
    [[nodiscard]] std::optional<std::chrono::microseconds> watchdog() const { return watchdog_; }

    // Recovery goes on: another `more` until the manager gives up the start.
    void starting(const std::string& status, std::chrono::seconds more);
    void ready(const std::string& status);
    void reloading(SteadyTime now);  // followed by ready()
    void alive();
    void stopping();

private:
    void send(const std::string& message);

    int socket_ = -1;
    std::optional<std::chrono::microseconds> watchdog_;
};

}  // namespace anchorlog::app
