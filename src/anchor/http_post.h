#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "anchorlog/anchor/chain_client.h"
#include "anchorlog/base/result.h"

namespace anchorlog::anchor {

struct HttpAnswer {
    long status = 0;
    std::string body;
    std::int64_t retry_after_ms = 0;  // of the header of that name, a date turned into a duration
};

// Posts to one URL over one kept connection. One owner thread, but for abort().
class HttpPost {
public:
    virtual ~HttpPost() = default;
    // Any HTTP status is an answer; errors are Errc::unavailable and name endpoint and cause.
    [[nodiscard]] virtual Result<HttpAnswer> post(const std::string& body) = 0;
    virtual void abort() = 0;
    // Scheme, host and port: what stands behind them may hold an access token.
    [[nodiscard]] virtual const std::string& endpoint() const = 0;
};

[[nodiscard]] std::unique_ptr<HttpPost> make_http_post(
    const RpcOptions& options, const std::string& content_type = "application/json");
[[nodiscard]] std::string endpoint_of(std::string_view url);

}  // namespace anchorlog::anchor
