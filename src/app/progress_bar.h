#pragma once

#include <chrono>
#include <iosfwd>

#include "anchorlog/verify/verify.h"

namespace anchorlog::app {

// How far an audit is, on one line of a terminal that is taken away at the end.
class ProgressBar {
public:
    explicit ProgressBar(std::ostream& out) : out_(out) {}
    ~ProgressBar();
    ProgressBar(const ProgressBar&) = delete;
    ProgressBar& operator=(const ProgressBar&) = delete;

    void show(const verify::Progress& progress);

private:
    using Clock = std::chrono::steady_clock;
    std::ostream& out_;
    Clock::time_point began_ = Clock::now();
    Clock::time_point shown_;
    bool is_shown_ = false;
};

}  // namespace anchorlog::app
