#include "app/service_notify.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>

#include "support/temp_dir.h"

namespace anchorlog::app {
namespace {

using std::chrono::microseconds;
using Environment = ServiceNotify::Environment;

// The service manager's end: a bound datagram socket.
class Supervisor {
public:
    explicit Supervisor(const std::string& name) : socket_(::socket(AF_UNIX, SOCK_DGRAM, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        name.copy(address.sun_path, sizeof address.sun_path - 1);
        if (name.front() == '@') address.sun_path[0] = '\0';
        const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
        EXPECT_EQ(::bind(socket_, reinterpret_cast<const sockaddr*>(&address), size), 0);
    }
    ~Supervisor() { ::close(socket_); }

    // The next message; empty when there is none.
    std::string heard() {
        char text[512];
        const ssize_t got = ::recv(socket_, text, sizeof text, MSG_DONTWAIT);
        return got < 0 ? "" : std::string(text, static_cast<std::size_t>(got));
    }

private:
    int socket_;
};

TEST(ServiceNotify, SaysWhatSystemdReads) {
    const testing::TempDir dir;
    const std::string path = dir.file("notify");
    Supervisor manager(path);
    ServiceNotify notify(Environment{path.c_str(), "30000000", nullptr});
    notify.starting("Rebuilding", std::chrono::seconds(120));
    EXPECT_EQ(manager.heard(), "EXTEND_TIMEOUT_USEC=120000000\nSTATUS=Rebuilding");
    notify.ready("Serving");
    EXPECT_EQ(manager.heard(), "READY=1\nSTATUS=Serving");
    notify.reloading(SteadyTime{1'234});
    EXPECT_EQ(manager.heard(), "RELOADING=1\nMONOTONIC_USEC=1234000");
    notify.alive();
    EXPECT_EQ(manager.heard(), "WATCHDOG=1");
    notify.stopping();
    EXPECT_EQ(manager.heard().substr(0, 11), "STOPPING=1\n");
    EXPECT_EQ(manager.heard(), "");
}

TEST(ServiceNotify, TakesAnAbstractName) {
    const std::string name = "@anchorlog-test-" + std::to_string(::getpid());
    Supervisor manager(name);
    ServiceNotify notify(Environment{name.c_str(), nullptr, nullptr});
    notify.ready("Serving");
    EXPECT_EQ(manager.heard(), "READY=1\nSTATUS=Serving");
    notify.alive();  // nobody asked for it
    EXPECT_EQ(manager.heard(), "");
}

TEST(ServiceNotify, WatchdogIsOnlyOurOwnAndOnlyANumber) {
    const testing::TempDir dir;
    const std::string path = dir.file("notify");
    const Supervisor manager(path);
    const auto watchdog = [&](const char* us, const char* pid) {
        return ServiceNotify(Environment{path.c_str(), us, pid}).watchdog();
    };
    const std::string own = std::to_string(::getpid());
    EXPECT_EQ(watchdog("5000000", nullptr), microseconds(5'000'000));
    EXPECT_EQ(watchdog("5000000", own.c_str()), microseconds(5'000'000));
    EXPECT_EQ(watchdog("5000000", "1"), std::nullopt);
    EXPECT_EQ(watchdog("5000000", "x"), std::nullopt);
    EXPECT_EQ(watchdog(nullptr, nullptr), std::nullopt);
    for (const char* bad : {"", "0", "-1", "5s", "5000000 ", "99999999999999999999"}) {
        EXPECT_EQ(watchdog(bad, nullptr), std::nullopt) << bad;
    }
}

TEST(ServiceNotify, WithoutAManagerNothingHappens) {
    const testing::TempDir dir;
    const std::string nobody = dir.file("nobody");
    const std::string long_name = "/" + std::string(200, 'x');
    for (const char* name : {static_cast<const char*>(nullptr), "", "/", "relative", "@",
                             nobody.c_str(), long_name.c_str()}) {
        ServiceNotify notify(Environment{name, "5000000", nullptr});
        EXPECT_EQ(notify.watchdog(), std::nullopt);
        notify.ready("Serving");
        notify.stopping();
    }
}

TEST(ServiceNotify, SurvivesAManagerThatGoesAway) {
    const testing::TempDir dir;
    const std::string path = dir.file("notify");
    std::optional<Supervisor> manager(path);
    ServiceNotify notify(Environment{path.c_str(), "5000000", nullptr});
    manager.reset();
    notify.alive();
    notify.stopping();
}

}  // namespace
}  // namespace anchorlog::app
