#include "app/http_get.h"

#include <memory>

#include <curl/curl.h>

namespace anchorlog::app {
namespace {

constexpr std::size_t kBodySizeMax = 1u << 20;
constexpr long kTimeoutMs = 5'000;

std::size_t collect(char* data, std::size_t, std::size_t size, void* into) {
    auto& body = *static_cast<std::string*>(into);
    if (body.size() + size > kBodySizeMax) return 0;
    body.append(data, size);
    return size;
}

}  // namespace

Result<std::string> http_get(const std::string& url) {
    const std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), curl_easy_cleanup);
    if (!curl) return Error{Errc::internal, "libcurl did not start"};
    std::string body;
    curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "http");
    curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl.get(), CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, kTimeoutMs);
    curl_easy_setopt(curl.get(), CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, collect);
    curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &body);
    if (const CURLcode code = curl_easy_perform(curl.get()); code != CURLE_OK) {
        return Error{Errc::unavailable,
                     url + ": " + curl_easy_strerror(code) + "; is the daemon running?"};
    }
    return body;
}

}  // namespace anchorlog::app
