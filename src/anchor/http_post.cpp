#include "anchor/http_post.h"

#include <curl/curl.h>

#include <algorithm>
#include <array>

namespace anchorlog::anchor {

namespace {

constexpr std::int64_t kRetryAfterMaxS = 86'400;

struct SlistFree {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
struct EasyFree {
    void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};

class CurlPost final : public HttpPost {
public:
    CurlPost(const RpcOptions& options, const std::string& content_type)
        : options_(options), endpoint_(endpoint_of(options.url)) {
        // Not thread-safe before libcurl 7.84 and harmless to repeat; it lives with the process.
        static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
        if (ready == CURLE_OK) easy_.reset(curl_easy_init());
        headers_.reset(curl_slist_append(nullptr, ("Content-Type: " + content_type).c_str()));
        // Without this libcurl waits a second for "100 Continue" before larger bodies.
        if (headers_) static_cast<void>(curl_slist_append(headers_.get(), "Expect:"));
        if (easy_) is_set_up_ = set_up();
    }

    Result<HttpAnswer> post(const std::string& body) override {
        if (!is_set_up_) return failed("libcurl could not be set up for this URL");
        if (aborted_.load()) return failed("stopping");
        answer_.clear();
        is_too_large_ = false;
        error_text_[0] = '\0';
        CURL* easy = easy_.get();
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.data());
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
        const CURLcode code = curl_easy_perform(easy);
        if (is_too_large_) {
            return failed("the answer is larger than " + std::to_string(options_.answer_size_max) +
                          " bytes");
        }
        if (code != CURLE_OK) {
            return failed(error_text_[0] != '\0' ? error_text_.data() : curl_easy_strerror(code));
        }
        HttpAnswer answer;
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &answer.status);
        curl_off_t wait_s = 0;
        curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &wait_s);
        answer.retry_after_ms = std::clamp<std::int64_t>(wait_s, 0, kRetryAfterMaxS) * 1'000;
        answer.body = std::move(answer_);
        return answer;
    }

    void abort() override { aborted_.store(true); }
    const std::string& endpoint() const override { return endpoint_; }

private:
    bool set_up() {
        CURL* easy = easy_.get();
        bool ok = headers_ != nullptr;
        const auto set = [&](CURLoption option, auto value) {
            ok = ok && curl_easy_setopt(easy, option, value) == CURLE_OK;
        };
        set(CURLOPT_URL, options_.url.c_str());
        set(CURLOPT_PROTOCOLS_STR, "http,https");
        set(CURLOPT_NOSIGNAL, 1L);
        set(CURLOPT_FOLLOWLOCATION, 0L);
        set(CURLOPT_PROXY, "");
        set(CURLOPT_SSL_VERIFYPEER, 1L);
        set(CURLOPT_SSL_VERIFYHOST, 2L);
        set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect_timeout_ms));
        set(CURLOPT_TIMEOUT_MS, static_cast<long>(options_.total_timeout_ms));
        set(CURLOPT_POST, 1L);
        set(CURLOPT_HTTPHEADER, headers_.get());
        set(CURLOPT_ERRORBUFFER, error_text_.data());
        set(CURLOPT_WRITEFUNCTION, &CurlPost::on_body);
        set(CURLOPT_WRITEDATA, this);
        set(CURLOPT_NOPROGRESS, 0L);
        set(CURLOPT_XFERINFOFUNCTION, &CurlPost::on_progress);
        set(CURLOPT_XFERINFODATA, this);
        return ok;
    }

    Error failed(const std::string& why) const {
        return {Errc::unavailable, endpoint_ + ": " + why};
    }

    static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self) {
        auto& post = *static_cast<CurlPost*>(self);
        const std::size_t bytes = size * count;
        if (post.answer_.size() + bytes > post.options_.answer_size_max) {
            post.is_too_large_ = true;
            return 0;  // fewer than offered ends the transfer
        }
        post.answer_.append(data, bytes);
        return bytes;
    }

    // libcurl calls this about once a second, and more often while bytes flow.
    static int on_progress(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
        return static_cast<CurlPost*>(self)->aborted_.load() ? 1 : 0;
    }

    const RpcOptions options_;
    const std::string endpoint_;
    std::unique_ptr<CURL, EasyFree> easy_;
    std::unique_ptr<curl_slist, SlistFree> headers_;
    std::array<char, CURL_ERROR_SIZE> error_text_{};
    std::string answer_;
    bool is_too_large_ = false;
    bool is_set_up_ = false;
    std::atomic<bool> aborted_ = false;
};

}  // namespace

std::unique_ptr<HttpPost> make_http_post(const RpcOptions& options,
                                         const std::string& content_type) {
    return std::make_unique<CurlPost>(options, content_type);
}

std::string endpoint_of(std::string_view url) {
    const std::size_t scheme = url.find("://");
    if (scheme == std::string_view::npos) return "(malformed URL)";
    const std::size_t start = scheme + 3;
    std::string_view authority = url.substr(start, url.find_first_of("/?#", start) - start);
    if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
        authority = authority.substr(at + 1);
    }
    return std::string(url.substr(0, start)) + std::string(authority);
}

}  // namespace anchorlog::anchor
