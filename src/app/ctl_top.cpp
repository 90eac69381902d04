#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "app/ctl.h"
#include "app/http_get.h"
#include "app/top_view.h"

namespace anchorlog::app {
namespace {

constexpr int kRefreshMs = 1'000;

volatile std::sig_atomic_t g_ended = 0;
void end(int) { g_ended = 1; }

// The terminal as a picture: another screen, no cursor, keys without Enter. The old one comes back
// however the view ends, but by SIGKILL (`reset` mends that).
class Screen {
public:
    Screen() {
        has_keys_ = ::tcgetattr(STDIN_FILENO, &before_) == 0;
        if (has_keys_) {
            termios raw = before_;
            raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
            ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
        }
        std::fputs("\x1b[?1049h\x1b[?25l", stdout);
    }
    Screen(const Screen&) = delete;
    Screen& operator=(const Screen&) = delete;
    ~Screen() {
        std::fputs("\x1b[?25h\x1b[?1049l", stdout);
        std::fflush(stdout);
        if (has_keys_) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
    }

    void show(const std::string& picture) const {
        std::string out = "\x1b[H";
        for (const char c : picture) {
            if (c == '\n') out += "\x1b[K";
            out += c;
        }
        out += "\x1b[K  q ends\x1b[J";
        std::fwrite(out.data(), 1, out.size(), stdout);
        std::fflush(stdout);
    }
    // Waits for the next picture; true when the person wants to leave.
    [[nodiscard]] bool leave() const {
        pollfd key{STDIN_FILENO, POLLIN, 0};
        if (::poll(&key, has_keys_ ? 1 : 0, kRefreshMs) <= 0) return g_ended != 0;
        char c = 0;
        return g_ended != 0 || ::read(STDIN_FILENO, &c, 1) != 1 || c == 'q' || c == 'Q';
    }

private:
    termios before_{};
    bool has_keys_ = false;
};

Result<TopSample> take_sample(const std::string& url) {
    TopSample out;
    auto status = http_get(url + "/status");
    if (!status) return std::move(status).error();
    out.status = std::move(*status);
    // While it rebuilds there are no metrics yet.
    if (const auto metrics = http_get(url + "/metrics")) out.metrics = parse_metrics(*metrics);
    out.at = SystemClock().now();
    return out;
}

TopStyle style_now(bool is_terminal) {
    TopStyle style;
    style.colours = is_terminal && std::getenv("NO_COLOR") == nullptr;
    winsize size{};
    if (is_terminal && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        style.width = size.ws_col;
    } else {
        style.width = 120;
    }
    return style;
}

Result<void> watch(const std::string& url) {
    std::signal(SIGINT, end);
    std::signal(SIGTERM, end);
    const Screen screen;
    std::optional<TopSample> before;
    do {
        auto now = take_sample(url);
        auto picture = now ? draw_top(*now, before ? &*before : nullptr, style_now(true))
                           : Result<std::string>(now.error());
        // A daemon that restarts comes back into view by itself.
        screen.show(picture ? *picture
                            : url + " does not answer: " + picture.error().message + "\n");
        if (now) before = std::move(*now);
    } while (!screen.leave());
    return {};
}

}  // namespace

Result<void> top(const CtlCall& call) {
    auto url = status_url(call);
    if (!url) return std::move(url).error();
    if (call.get("--once").empty() && ::isatty(STDOUT_FILENO) == 1) return watch(*url);
    std::optional<TopSample> before;
    while (true) {  // into a file or a pipe: one picture after the other, without colours
        auto now = take_sample(*url);
        if (!now) return std::move(now).error();
        auto picture = draw_top(*now, before ? &*before : nullptr, style_now(false));
        if (!picture) return std::move(picture).error();
        if (std::printf("%s", picture->c_str()) < 0 || std::fflush(stdout) != 0) return {};
        if (!call.get("--once").empty()) return {};
        std::printf("\n");
        before = std::move(*now);
        ::poll(nullptr, 0, kRefreshMs);
    }
}

}  // namespace anchorlog::app
