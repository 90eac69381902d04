#include "app/progress_bar.h"

#include <algorithm>
#include <ostream>
#include <string>

namespace anchorlog::app {
namespace {

constexpr std::uint64_t kBarWidth = 30;
constexpr std::chrono::milliseconds kRedrawEvery{200};

}  // namespace

ProgressBar::~ProgressBar() {
    if (is_shown_) out_ << "\r\x1b[K" << std::flush;
}

void ProgressBar::show(const verify::Progress& progress) {
    const auto now = Clock::now();
    if (is_shown_ && now - shown_ < kRedrawEvery) return;
    shown_ = now;
    is_shown_ = true;
    const std::uint64_t total = std::max<std::uint64_t>(progress.bytes_total, 1);
    const std::uint64_t done = std::min(progress.bytes_done, total);
    const std::uint64_t filled = done * kBarWidth / total;
    std::string line = "\r[" + std::string(filled, '#') + std::string(kBarWidth - filled, ' ') +
                       "] " + std::to_string(done * 100 / total) + " %, " +
                       std::to_string(progress.entries) + " entries";
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - began_).count();
    if (seconds >= 2 && done > 0) {
        const auto left = static_cast<std::uint64_t>(seconds) * (total - done) / done;
        line += ", " + std::to_string(left) + " s left";
    }
    out_ << line << "\x1b[K" << std::flush;
}

}  // namespace anchorlog::app
