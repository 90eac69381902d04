#include "anchorlog/base/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <atomic>
#include <memory>

#include "anchorlog/base/clock.h"
#include "base/log_line.h"

namespace anchorlog {

namespace {

std::atomic<LogLevel> level_min{LogLevel::info};
std::atomic<LogFormat> line_format{LogFormat::text};

// Never destroyed: threads and destructors may still log while the process exits.
spdlog::logger& line_writer() {
    static spdlog::logger* const writer = [] {
        auto* made =
            new spdlog::logger("anchorlog", std::make_shared<spdlog::sinks::stderr_sink_mt>());
        made->set_pattern("%v");
        made->set_level(spdlog::level::trace);
        return made;
    }();
    return *writer;
}

}  // namespace

void log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
    if (level < level_min.load(std::memory_order_relaxed)) return;
    const std::string line = format_log_line(line_format.load(std::memory_order_relaxed),
                                             SystemClock().now().wall, level, event, fields);
    // As a message, not as a format string: values may hold braces.
    line_writer().log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
}

void configure_log(LogLevel level, LogFormat format) {
    level_min.store(level, std::memory_order_relaxed);
    line_format.store(format, std::memory_order_relaxed);
}

}  // namespace anchorlog
