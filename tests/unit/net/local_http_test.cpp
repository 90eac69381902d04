#include "anchorlog/net/local_http.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "tls_client.h"

namespace anchorlog::net {
namespace {

using anchorlog::testing::TcpClient;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class LocalHttpTest : public ::testing::Test {
protected:
    LocalHttpTest() {
        auto made = LocalHttp::create("127.0.0.1", 0);
        if (!made) return;
        http_ = std::move(made).value();
        http_->start([](const std::string& path) -> HttpReply {
            if (path == "/hello") return {200, "text/plain", "hello\n"};
            if (path == "/throws") throw std::runtime_error("broken");
            return {404, "text/plain", "nothing here\n"};
        });
    }
    std::string ask(const std::string& request) {
        TcpClient client(http_->port());
        EXPECT_TRUE(client.send(request));
        return client.read_to_end();
    }
    static std::string closing(const std::string& line) {
        return line + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    }
    std::unique_ptr<LocalHttp> http_;
};

TEST_F(LocalHttpTest, AnswersGet) {
    const std::string reply = ask(closing("GET /hello?x=1"));
    EXPECT_THAT(reply, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(reply, HasSubstr("Content-Type: text/plain\r\n"));
    EXPECT_THAT(reply, EndsWith("\r\n\r\nhello\n"));
}

TEST_F(LocalHttpTest, HeadHasTheLengthAndNoBody) {
    const std::string reply = ask(closing("HEAD /hello"));
    EXPECT_THAT(reply, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(reply, HasSubstr("Content-Length: 6\r\n"));
    EXPECT_THAT(reply, EndsWith("\r\n\r\n"));
}

TEST_F(LocalHttpTest, ServesSeveralRequestsOfOneConnection) {
    const std::string first = "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n";
    const std::string reply = ask(first + first + closing("GET /none"));
    EXPECT_EQ(reply.find("hello\nHTTP/1.1 200"), reply.find("hello\n"));
    EXPECT_THAT(reply, HasSubstr("HTTP/1.1 404 Not Found"));
}

TEST_F(LocalHttpTest, RefusesOtherMethods) {
    const std::string reply =
        ask("POST /hello HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody");
    EXPECT_THAT(reply, StartsWith("HTTP/1.1 405 "));
    EXPECT_THAT(reply, HasSubstr("Allow: GET, HEAD\r\n"));
    EXPECT_THAT(ask(closing("DELETE /hello")), StartsWith("HTTP/1.1 405 "));
    EXPECT_THAT(ask(closing("FROB /hello")), StartsWith("HTTP/1.1 405 "));
}

TEST_F(LocalHttpTest, RefusesWhatIsNotHttpOrTooLong) {
    EXPECT_THAT(ask("nonsense\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
    EXPECT_THAT(ask("GET /" + std::string(20'000, 'x') + " HTTP/1.1\r\n\r\n"),
                StartsWith("HTTP/1.1 400 "));
    EXPECT_THAT(ask(closing("GET /hello")), StartsWith("HTTP/1.1 200 "));
}

TEST_F(LocalHttpTest, AHandlerThatThrowsIsAnInternalError) {
    EXPECT_THAT(ask(closing("GET /throws")), StartsWith("HTTP/1.1 500 "));
    EXPECT_THAT(ask(closing("GET /hello")), StartsWith("HTTP/1.1 200 "));
}

TEST_F(LocalHttpTest, RunsQuestionsInOrder) {
    std::vector<int> order;
    std::promise<void> done;
    for (int i = 0; i < 10; ++i) http_->post([&order, i] { order.push_back(i); });
    http_->post([] { throw std::runtime_error("a question that fails"); });
    http_->post([&done] { done.set_value(); });
    ASSERT_EQ(done.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
    EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

TEST_F(LocalHttpTest, HoldsNoMoreThanItsConnections) {
    std::vector<std::unique_ptr<TcpClient>> silent;
    for (int i = 0; i < 64; ++i) silent.push_back(std::make_unique<TcpClient>(http_->port()));
    TcpClient over(http_->port());
    EXPECT_EQ(over.read_to_end(), "");
}

TEST_F(LocalHttpTest, StopsWithOpenConnections) {
    TcpClient client(http_->port());
    ASSERT_TRUE(client.send("GET /hel"));
    http_->stop();
    bool ran = false;
    http_->post([&ran] { ran = true; });
    http_.reset();
    EXPECT_FALSE(ran);
    EXPECT_EQ(client.read_to_end(), "");
}

TEST(LocalHttp, IsForThisMachineOnly) {
    for (const char* address : {"0.0.0.0", "::", "192.0.2.1", "::ffff:127.0.0.1"}) {
        const auto made = LocalHttp::create(address, 0);
        ASSERT_FALSE(made) << address;
        EXPECT_THAT(made.error().message, HasSubstr("loopback"));
    }
    const auto name = LocalHttp::create("localhost", 0);
    ASSERT_FALSE(name);
    EXPECT_THAT(name.error().message, HasSubstr("not an IP address"));
    EXPECT_TRUE(LocalHttp::create("127.8.9.10", 0));
}

TEST(LocalHttp, SaysThatThePortIsTaken) {
    const auto first = LocalHttp::create("127.0.0.1", 0);
    ASSERT_TRUE(first);
    const auto second = LocalHttp::create("127.0.0.1", first.value()->port());
    ASSERT_FALSE(second);
    EXPECT_THAT(second.error().message, HasSubstr("http.port"));
}

}  // namespace
}  // namespace anchorlog::net
