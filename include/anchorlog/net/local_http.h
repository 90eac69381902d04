#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "anchorlog/base/result.h"

namespace anchorlog::net {

struct HttpReply {
    unsigned status = 200;
    std::string content_type = "text/plain; charset=utf-8";
    std::string body;
    std::string cache_control = "no-store";
};
// Answers GET and HEAD for a path (query removed). Runs on the read thread; a throw is a 500.
using HttpHandler = std::function<HttpReply(const std::string& path)>;

// The read thread: its own io_context, the local HTTP server, and questions posted to it that
// may touch files and RocksDB, so that neither I/O nor commit ever waits for them.
class LocalHttp {
public:
    // Refuses an address that is not loopback.
    [[nodiscard]] static Result<std::unique_ptr<LocalHttp>> create(const std::string& address,
                                                                   std::uint16_t port);
    virtual ~LocalHttp() = default;
    virtual void start(HttpHandler handler) = 0;
    [[nodiscard]] virtual std::uint16_t port() const = 0;
    // Any thread; runs in order on the read thread. Dropped after stop().
    virtual void post(std::function<void()> question) = 0;
    virtual void stop() = 0;  // joins
};

}  // namespace anchorlog::net
