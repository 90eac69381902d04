#include "anchorlog/net/local_http.h"

#include <array>
#include <atomic>
#include <chrono>
#include <optional>
#include <thread>
#include <utility>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>

#include "anchorlog/base/log.h"

namespace anchorlog::net {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr auto kToken = asio::as_tuple(asio::use_awaitable);
constexpr std::uint32_t kHeaderSizeMax = 8'192;
constexpr std::size_t kConnectionsMax = 64;
constexpr std::chrono::seconds kRequestTimeout{5};  // also between two requests of a connection
constexpr std::chrono::seconds kLingerTimeout{1};
constexpr std::chrono::milliseconds kAcceptRetry{100};

using Request = http::request<http::empty_body>;
using Response = http::response<http::string_body>;

// The peer sent something, and it was not HTTP; all else is a connection that ended.
bool is_http_error(const error_code& ec) {
    return ec != http::error::end_of_stream && ec != http::error::partial_message &&
           ec.category() == http::make_error_code(http::error::bad_method).category();
}

Response bad_request(const error_code& ec) {
    Response response(http::status::bad_request, 11);
    response.keep_alive(false);
    response.set(http::field::content_type, "text/plain; charset=utf-8");
    response.body() = "not an HTTP request we can read: " + ec.message() + "\n";
    response.prepare_payload();
    return response;
}

Response reply_to(const Request& request, bool keep_alive, const HttpHandler& handler) {
    Response response;
    response.version(request.version());
    response.keep_alive(keep_alive);
    HttpReply reply;
    if (request.method() != http::verb::get && request.method() != http::verb::head) {
        response.set(http::field::allow, "GET, HEAD");
        reply = {405, "text/plain; charset=utf-8", "only GET is served here\n"};
    } else {
        const auto target = request.target();
        const std::string path(target.substr(0, target.find('?')));
        try {
            reply = handler(path);
        } catch (const std::exception& e) {
            log(LogLevel::error, "http_handler_failed", {{"path", path}, {"reason", e.what()}});
            reply = {500, "text/plain; charset=utf-8", "internal error, see the log\n"};
        }
    }
    response.result(reply.status);
    response.set(http::field::content_type, reply.content_type);
    response.set(http::field::cache_control, reply.cache_control);
    response.body() = std::move(reply.body);
    response.prepare_payload();
    // A HEAD gets the length of what GET would bring, and not the body.
    if (request.method() == http::verb::head) response.body().clear();
    return response;
}

class BeastLocalHttp final : public LocalHttp {
public:
    BeastLocalHttp() : acceptor_(context_), accept_timer_(context_) {}
    ~BeastLocalHttp() override { stop(); }

    [[nodiscard]] Result<void> open(const std::string& address, std::uint16_t port);
    void start(HttpHandler handler) override;
    [[nodiscard]] std::uint16_t port() const override { return port_; }
    void post(std::function<void()> question) override;
    void stop() override;

private:
    static asio::awaitable<void> accept_loop(BeastLocalHttp& self);
    static asio::awaitable<void> linger(beast::tcp_stream& stream);
    static asio::awaitable<void> serve(BeastLocalHttp& self, beast::tcp_stream stream);

    std::size_t connections_ = 0;  // the read thread's, like all below but `stopped_`
    HttpHandler handler_;
    asio::io_context context_{1};
    tcp::acceptor acceptor_;
    asio::steady_timer accept_timer_;
    std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_;
    std::thread thread_;
    std::atomic<bool> stopped_{false};
    std::uint16_t port_ = 0;
};

Result<void> BeastLocalHttp::open(const std::string& address, std::uint16_t port) {
    error_code ec;
    const auto ip = asio::ip::make_address(address, ec);
    if (ec) return Error{Errc::invalid_input, "http.address: not an IP address: " + address};
    if (!ip.is_loopback()) {
        return Error{Errc::invalid_input, "http.address: " + address +
                                              " is not a loopback address; status and "
                                              "metrics are not protected, so use 127.0.0.1 or ::1"};
    }
    const tcp::endpoint endpoint(ip, port);
    const auto failed = [&](const char* what) {
        return Error{Errc::unavailable, "http " + address + " port " + std::to_string(port) +
                                            ": cannot " + what + ": " + ec.message() +
                                            "; choose another http.port"};
    };
    if (acceptor_.open(endpoint.protocol(), ec)) return failed("open a socket");
    acceptor_.set_option(tcp::acceptor::reuse_address(true), ec);
    if (acceptor_.bind(endpoint, ec)) return failed("bind");
    if (acceptor_.listen(asio::socket_base::max_listen_connections, ec)) return failed("listen");
    port_ = acceptor_.local_endpoint(ec).port();
    if (ec) return failed("tell its port");
    return {};
}

void BeastLocalHttp::start(HttpHandler handler) {
    ANCHORLOG_ASSERT(!thread_.joinable() && !stopped_.load());
    handler_ = std::move(handler);
    work_.emplace(context_.get_executor());
    asio::co_spawn(context_, accept_loop(*this), [](std::exception_ptr failure) {
        if (failure) log(LogLevel::error, "http_accept_failed");
    });
    thread_ = std::thread([this] { context_.run(); });
}

asio::awaitable<void> BeastLocalHttp::accept_loop(BeastLocalHttp& self) {
    while (self.acceptor_.is_open()) {
        auto accepted = co_await self.acceptor_.async_accept(kToken);
        auto& [ec, socket] = accepted;
        if (ec) {
            self.accept_timer_.expires_after(kAcceptRetry);
            co_await self.accept_timer_.async_wait(kToken);
            continue;
        }
        if (self.connections_ >= kConnectionsMax) continue;  // closes it
        ++self.connections_;
        beast::tcp_stream stream(std::move(socket));
        asio::co_spawn(self.context_, serve(self, std::move(stream)),
                       [&self](std::exception_ptr failure) {
                           --self.connections_;
                           if (failure) log(LogLevel::error, "http_connection_failed");
                       });
    }
}

asio::awaitable<void> BeastLocalHttp::serve(BeastLocalHttp& self, beast::tcp_stream stream) {
    beast::flat_buffer buffer(kHeaderSizeMax);
    bool keep_alive = true;
    while (keep_alive) {
        http::request_parser<http::empty_body> parser;
        parser.header_limit(kHeaderSizeMax);
        stream.expires_after(kRequestTimeout);
        auto got = co_await http::async_read_header(stream, buffer, parser, kToken);
        const error_code ec = std::get<0>(got);
        if (ec && !is_http_error(ec)) break;
        // A body is never read, so no other request can be found behind it.
        keep_alive = !ec && parser.is_done() && parser.get().keep_alive();
        const Response response =
            ec ? bad_request(ec) : reply_to(parser.get(), keep_alive, self.handler_);
        stream.expires_after(kRequestTimeout);
        auto sent = co_await http::async_write(stream, response, kToken);
        if (std::get<0>(sent)) break;
    }
    co_await linger(stream);
}

// Closing with unread bytes would reset the connection and could take the answer with it.
asio::awaitable<void> BeastLocalHttp::linger(beast::tcp_stream& stream) {
    error_code ignored;
    stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
    stream.expires_after(kLingerTimeout);
    std::array<char, 4096> scrap;
    const auto buffer = asio::buffer(scrap);
    for (;;) {
        auto got = co_await stream.async_read_some(buffer, kToken);
        if (std::get<0>(got)) break;
    }
}

void BeastLocalHttp::post(std::function<void()> question) {
    if (stopped_.load()) return;
    asio::post(context_, [this, ask = std::move(question)] {
        if (stopped_.load()) return;
        try {
            ask();
        } catch (const std::exception& e) {
            log(LogLevel::error, "question_failed", {{"reason", e.what()}});
        }
    });
}

void BeastLocalHttp::stop() {
    stopped_.store(true);
    work_.reset();
    context_.stop();
    if (thread_.joinable()) thread_.join();
}

}  // namespace

Result<std::unique_ptr<LocalHttp>> LocalHttp::create(const std::string& address,
                                                     std::uint16_t port) {
    auto server = std::make_unique<BeastLocalHttp>();
    if (auto opened = server->open(address, port); !opened) return std::move(opened).error();
    return std::unique_ptr<LocalHttp>(std::move(server));
}

}  // namespace anchorlog::net
