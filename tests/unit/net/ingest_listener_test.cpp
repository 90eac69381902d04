#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <numeric>
#include <set>
#include <thread>

#include "ingest_fixture.h"

namespace anchorlog::testing {
namespace {

using ::testing::HasSubstr;

class IngestListenerTest : public IngestTest {
protected:
    void expect_refused(TlsClient& client, const std::string& reason) {
        client.send(framed(alert_json("cam-1", 1)));
        EXPECT_TRUE(client.ended());
        ASSERT_TRUE(sink_.wait_for_refusals(1));
        const auto refusals = sink_.refusals();
        ASSERT_EQ(refusals.size(), 1u);
        EXPECT_EQ(refusals.front().first, "127.0.0.1");
        EXPECT_THAT(refusals.front().second, HasSubstr(reason));
        EXPECT_TRUE(sink_.inbounds().empty());
        const auto refused = listener_->stats().refused;
        EXPECT_EQ(std::accumulate(refused.begin(), refused.end(), std::uint64_t{0}), 1u);
    }
    [[nodiscard]] std::uint64_t refused(net::ConnectionRefusal why) const {
        return listener_->stats().refused[static_cast<std::size_t>(why)];
    }
    void expect_refused(const crypto::CertifiedKey& certified, const std::string& reason) {
        start();
        const auto client = connect(certified);
        expect_refused(*client, reason);
    }

    std::atomic<bool> third_is_connecting_{false};
};

TEST_F(IngestListenerTest, AcceptsARegisteredSender) {
    start();
    const auto client = connect(gw_);
    ASSERT_TRUE(client->handshaken());
    EXPECT_STREQ(SSL_get_version(client->connection()), "TLSv1.3");
    ASSERT_TRUE(client->send(framed(alert_json("cam-1", 1))));
    ASSERT_TRUE(sink_.wait_for_chunks(1));
    const auto inbound = sink_.inbounds().front();
    EXPECT_EQ(inbound.sender, "gw");
    EXPECT_NE(inbound.cert, wire::CertFingerprint{});
    ASSERT_EQ(inbound.frames.size(), 1u);
    EXPECT_TRUE(std::holds_alternative<wire::Alert>(inbound.frames.front().content));
    const auto stats = listener_->stats();
    EXPECT_EQ(stats.sessions, 1u);
    EXPECT_EQ(stats.handshakes, 1u);
    EXPECT_EQ(stats.frames_in, 1u);
    EXPECT_EQ(stats.queue_bytes, inbound.bytes);
    deliver(inbound.session, framed("\"ok\""), inbound.bytes);
    EXPECT_EQ(client->read_frame(), "\"ok\"");
    EXPECT_EQ(listener_->stats().queue_bytes, 0u);
}

TEST_F(IngestListenerTest, RefusesNoCertificate) {
    start();
    TlsClient client(listener_->port(), TlsClientOptions{});
    expect_refused(client, "no client certificate");
}

TEST_F(IngestListenerTest, RefusesAnotherCa) {
    expect_refused(issue(make_test_ca("another CA"), sender_request("gw")),
                   "client certificate refused: unable to get local issuer");
}

TEST_F(IngestListenerTest, RefusesAnotherCaOfTheSameName) {
    expect_refused(issue(make_test_ca(), sender_request("gw")), "client certificate refused");
}

TEST_F(IngestListenerTest, RefusesAnExpiredCertificate) {
    auto request = sender_request("gw");
    request.days = 1;
    expect_refused(issue(pki_.ca, request, -5), "certificate has expired");
}

TEST_F(IngestListenerTest, RefusesACertificateOfAnotherPurpose) {
    auto request = sender_request("gw");
    request.server = true;
    expect_refused(issue(pki_.ca, request), "purpose");
}

TEST_F(IngestListenerTest, RefusesTls12) {
    start();
    TlsClientOptions options;
    options.certified = &gw_;
    options.version_max = TLS1_2_VERSION;
    TlsClient client(listener_->port(), options);
    EXPECT_FALSE(client.handshaken());
    ASSERT_TRUE(sink_.wait_for_refusals(1));
    EXPECT_THAT(sink_.refusals().front().second, HasSubstr("does not offer TLS 1.3"));
}

TEST_F(IngestListenerTest, RefusesTwoSanUris) {
    expect_refused(
        with_names(gw_, pki_.ca, "URI:urn:anchorlog:sender:gw,URI:urn:anchorlog:sender:other"),
        "more than one SAN URI");
}

TEST_F(IngestListenerTest, RefusesACertificateWithoutASender) {
    expect_refused(with_names(gw_, pki_.ca, "DNS:gw"), "no SAN URI");
}

TEST_F(IngestListenerTest, RefusesAnUnknownSender) {
    expect_refused(pki_.sender("stranger"), "stranger is not registered");
}

TEST_F(IngestListenerTest, RefusesASuspendedSender) {
    start();
    ASSERT_TRUE(listener_->reload(pki_.files, registry_of("suspended", "active")));
    const auto client = connect(gw_);
    expect_refused(*client, "gw is not active");
}

TEST_F(IngestListenerTest, RefusesWhatIsNotTls) {
    start();
    TcpClient client(listener_->port());
    ASSERT_TRUE(client.send("GET / HTTP/1.1\r\n\r\n"));
    client.read_to_end();
    ASSERT_TRUE(sink_.wait_for_refusals(1));
    EXPECT_THAT(sink_.refusals().front().second, HasSubstr("does not speak TLS"));
}

TEST_F(IngestListenerTest, ReportsAPeerThatLeavesDuringTheHandshake) {
    start();
    TcpClient(listener_->port()).disconnect();
    ASSERT_TRUE(sink_.wait_for_refusals(1));
    EXPECT_THAT(sink_.refusals().front().second, HasSubstr("closed the connection"));
}

TEST_F(IngestListenerTest, ASilentPeerIsClosedAtItsDeadline) {
    options_.handshake_timeout_ms = 50;
    start();
    TcpClient client(listener_->port());
    EXPECT_EQ(client.read_to_end(), "");
    ASSERT_TRUE(sink_.wait_for_refusals(1));
    EXPECT_EQ(sink_.refusals().front().second, "no TLS handshake within 50 ms");
}

TEST_F(IngestListenerTest, TellsOneConnectionTooManyThatItIsBusy) {
    options_.connections_max = 1;
    start();
    net::SessionId id;
    const auto first = open_session(id);
    const auto second = connect(gw_);
    const auto reject = second->read_frame();
    ASSERT_TRUE(reject);
    EXPECT_THAT(*reject, HasSubstr(R"("code":"busy")"));
    EXPECT_THAT(*reject, HasSubstr(R"("permanent":false)"));
    EXPECT_TRUE(second->read_close_notify());
    EXPECT_EQ(listener_->stats().sessions, 1u);
    EXPECT_EQ(sink_.inbounds().size(), 1u);
}

TEST_F(IngestListenerTest, TellsOneSessionOfASenderTooManyThatItIsBusy) {
    options_.sessions_per_sender_max = 1;
    start();
    net::SessionId id;
    const auto first = open_session(id);
    const auto second = connect(gw_);
    const auto reject = second->read_frame();
    ASSERT_TRUE(reject);
    EXPECT_THAT(*reject, HasSubstr(R"("code":"busy")"));
    EXPECT_THAT(*reject, HasSubstr("too many sessions of this sender"));
    const auto other_key = pki_.sender("other");
    const auto other = connect(other_key);
    ASSERT_TRUE(other->send(framed(alert_json("cam-9", 1))));
    EXPECT_TRUE(sink_.wait_for_chunks(2));
    EXPECT_EQ(listener_->stats().sessions, 2u);
}

TEST_F(IngestListenerTest, SilentPeersMakeRoomForNewerOnes) {
    options_.handshakes_max = 2;
    start();
    std::vector<std::unique_ptr<TcpClient>> silent;
    for (int i = 0; i < 5; ++i) silent.push_back(std::make_unique<TcpClient>(listener_->port()));
    net::SessionId id;
    const auto client = open_session(id);
    EXPECT_TRUE(client->handshaken());
    // Whom the client pushed out had waited longest.
    ASSERT_TRUE(sink_.wait_for_refusals(4));
    for (int i = 0; i < 4; ++i) {
        EXPECT_EQ(silent[static_cast<std::size_t>(i)]->read_to_end(), "");
        EXPECT_THAT(sink_.refusals()[static_cast<std::size_t>(i)].second,
                    HasSubstr("closed for a newer one"));
    }
    EXPECT_EQ(listener_->stats().sessions, 1u);
    EXPECT_EQ(listener_->stats().handshakes_open, 1u);
}

TEST_F(IngestListenerTest, OneAddressHasItsShareOfHandshakes) {
    options_.handshakes_per_address_max = 2;
    start();
    std::vector<std::unique_ptr<TcpClient>> silent;
    for (int i = 0; i < 8; ++i) silent.push_back(std::make_unique<TcpClient>(listener_->port()));
    // Refused at once, or after its grace when this machine is slow.
    ASSERT_TRUE(sink_.wait_for_refusals(6));
    EXPECT_TRUE(eventually([&] { return listener_->stats().handshakes_open <= 2; }));
    EXPECT_TRUE(eventually([&] { return connect(gw_)->handshaken(); }));
}

TEST_F(IngestListenerTest, ConnectionsWaitWhileNoDescriptorIsFree) {
    rlimit before{};
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
    rlimit low = before;
    low.rlim_cur = net::kDescriptorsKept + 2;
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
    start();
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
    sink_.answer_at_once(*listener_);
    TcpClient silent(listener_->port());
    net::SessionId first_id;
    const auto first = open_session(first_id);
    // There is no third place until the silent one has lost its own.
    net::SessionId second_id;
    auto second = open_session(second_id);
    EXPECT_EQ(silent.read_to_end(), "");
    EXPECT_EQ(listener_->stats().sessions, 2u);
    // Nor when nobody has to go: who connects now waits until somebody leaves.
    std::thread leaver([&] {
        EXPECT_TRUE(eventually([&] { return third_is_connecting_.load(); }));
        second.reset();
    });
    third_is_connecting_ = true;
    const auto third = connect(gw_);
    leaver.join();
    EXPECT_TRUE(third->handshaken());
    EXPECT_TRUE(eventually([&] { return listener_->stats().sessions == 2; }));
}

TEST_F(IngestListenerTest, ReloadClosesOnlyTheSenderThatIsGone) {
    options_.io_threads = 2;
    start();
    net::SessionId id;
    const auto client = open_session(id);
    const auto other_key = pki_.sender("other");
    const auto other = connect(other_key);
    ASSERT_TRUE(other->send(framed(alert_json("cam-9", 1))));
    ASSERT_TRUE(sink_.wait_for_chunks(2));
    const net::SessionId other_id = sink_.inbounds().back().session;
    EXPECT_NE(id, other_id);

    ASSERT_TRUE(listener_->reload(pki_.files, registry_of("revoked", "active")));
    EXPECT_TRUE(client->read_close_notify());
    client->tcp().disconnect();
    EXPECT_TRUE(sink_.wait_for_last(id));
    deliver(other_id, framed("1"), 0);
    EXPECT_EQ(other->read_frame(), "1");
}

TEST_F(IngestListenerTest, RefusesARevokedCertificate) {
    pki_.revoke({gw_});
    expect_refused(gw_, "certificate revoked");
    EXPECT_EQ(refused(net::ConnectionRefusal::revoked), 1u);
}

TEST_F(IngestListenerTest, AListLetsInWhoIsNotOnIt) {
    pki_.revoke({pki_.sender("other")});
    start();
    net::SessionId id;
    const auto client = open_session(id);
    EXPECT_EQ(listener_->stats().sessions, 1u);
}

TEST_F(IngestListenerTest, ReloadCutsOffARevokedCertificateOnly) {
    start();
    net::SessionId id;
    const auto client = open_session(id);
    // The same sender with the certificate that took the other's place.
    const auto renewed_key = pki_.sender("gw");
    const auto renewed = connect(renewed_key);
    ASSERT_TRUE(renewed->send(framed(alert_json("cam-1", 2))));
    ASSERT_TRUE(sink_.wait_for_chunks(2));
    const net::SessionId renewed_id = sink_.inbounds().back().session;

    pki_.revoke({gw_});
    ASSERT_TRUE(listener_->reload(pki_.files, registry_of("active", "active")));
    EXPECT_TRUE(client->read_close_notify());
    client->tcp().disconnect();
    EXPECT_TRUE(sink_.wait_for_last(id));
    deliver(renewed_id, framed("1"), 0);
    EXPECT_EQ(renewed->read_frame(), "1");
}

TEST_F(IngestListenerTest, WhoIsCutOffAndDoesNotReadDoesNotStay) {
    start();
    net::SessionId id;
    const auto client = open_session(id);
    ASSERT_TRUE(listener_->reload(pki_.files, registry_of("revoked", "active")));
    EXPECT_TRUE(sink_.wait_for_last(id)) << "without a word of the peer";
    EXPECT_EQ(listener_->stats().sessions, 0u);
}

TEST_F(IngestListenerTest, RefusalsAreCountedByReason) {
    expect_refused(issue(make_test_ca("another CA"), sender_request("gw")), "refused");
    EXPECT_EQ(refused(net::ConnectionRefusal::untrusted), 1u);
    const auto stranger = pki_.sender("stranger");
    const auto client = connect(stranger);
    client->send(framed(alert_json("cam-1", 1)));
    EXPECT_TRUE(client->ended());
    ASSERT_TRUE(sink_.wait_for_refusals(2));
    EXPECT_EQ(refused(net::ConnectionRefusal::sender), 1u);
    EXPECT_EQ(refused(net::ConnectionRefusal::untrusted), 1u);
}

TEST(ConnectionRefusalNames, AreDifferentWords) {
    std::set<std::string_view> names;
    for (std::size_t i = 0; i < net::kConnectionRefusals; ++i) {
        const auto name = net::to_string(static_cast<net::ConnectionRefusal>(i));
        EXPECT_FALSE(name.empty());
        EXPECT_TRUE(names.insert(name).second) << name;
    }
}

TEST_F(IngestListenerTest, ReloadIsAllOrNothing) {
    start();
    net::TlsFiles broken = pki_.files;
    broken.client_ca_path = pki_.dir.write("broken.crt", "nothing");
    const auto done = listener_->reload(broken, registry_of("revoked", "revoked"));
    ASSERT_FALSE(done);
    EXPECT_THAT(done.error().message, HasSubstr("broken.crt"));
    net::SessionId id;
    const auto client = open_session(id);
    EXPECT_EQ(listener_->stats().sessions, 1u);
}

TEST_F(IngestListenerTest, ReloadTakesTheNewCa) {
    start();
    const auto new_ca = make_test_ca("new CA");
    net::TlsFiles files = pki_.files;
    files.client_ca_path = pki_.dir.write("new-ca.crt", new_ca.certificate_pem);
    ASSERT_TRUE(listener_->reload(files, registry_of("active", "active")));
    const auto old_client = connect(gw_);
    expect_refused(*old_client, "client certificate refused");
    const auto new_key = issue(new_ca, sender_request("gw"));
    const auto client = connect(new_key);
    ASSERT_TRUE(client->send(framed(alert_json("cam-1", 1))));
    EXPECT_TRUE(sink_.wait_for_chunks(1));
}

TEST_F(IngestListenerTest, AfterStopReadingRepliesStillGoOut) {
    start();
    net::SessionId id;
    const auto client = open_session(id);
    listener_->stop_reading();
    ASSERT_TRUE(client->send(framed(alert_json("cam-1", 2))));
    deliver(id, framed("1"), sink_.inbounds().front().bytes);
    EXPECT_EQ(client->read_frame(), "1");
    listener_->close(0);
    const auto all = sink_.inbounds();
    EXPECT_EQ(all.size(), 2u);
    EXPECT_EQ(RecordingSink::count_last(all, id), 1u);
    EXPECT_FALSE(TcpClient(listener_->port()).connected());
}

TEST_F(IngestListenerTest, CloseTellsEverySession) {
    options_.io_threads = 2;
    start();
    net::SessionId ids[2];
    const auto first = open_session(ids[0]);
    const auto second = open_session(ids[1]);
    deliver(ids[0], framed("\"pending\""), 0);
    listener_->close(5'000);
    EXPECT_EQ(first->read_frame(), "\"pending\"");
    for (TlsClient* client : {first.get(), second.get()}) {
        const auto reject = client->read_frame();
        ASSERT_TRUE(reject);
        EXPECT_THAT(*reject, HasSubstr(R"("code":"shutting_down")"));
        EXPECT_THAT(*reject, HasSubstr(R"("frame":1)"));
        EXPECT_TRUE(client->read_close_notify());
    }
    for (const auto id : ids) EXPECT_EQ(RecordingSink::count_last(sink_.inbounds(), id), 1u);
    EXPECT_EQ(listener_->stats().sessions, 0u);
}

TEST_F(IngestListenerTest, CloseDoesNotWaitForHandshakes) {
    start();
    TcpClient silent(listener_->port());
    ASSERT_TRUE(silent.connected());
    listener_->close(20'000);
    EXPECT_EQ(silent.read_to_end(), "");
}

TEST_F(IngestListenerTest, CanBeDroppedUnstarted) {
    auto made =
        net::IngestListener::create(options_, pki_.files, registry_of("active", "active"), sink_);
    ASSERT_TRUE(made);
    made.value().reset();
}

TEST_F(IngestListenerTest, SaysWhyItCannotListen) {
    start();
    net::IngestOptions options;
    options.port = listener_->port();
    const auto registry = registry_of("active", "active");
    const auto taken = net::IngestListener::create(options, pki_.files, registry, sink_);
    ASSERT_FALSE(taken);
    EXPECT_THAT(taken.error().message, HasSubstr("cannot bind"));
    EXPECT_THAT(taken.error().message, HasSubstr("listen.port"));
    options.address = "localhost";
    const auto name = net::IngestListener::create(options, pki_.files, registry, sink_);
    ASSERT_FALSE(name);
    EXPECT_THAT(name.error().message, HasSubstr("listen.address"));
}

}  // namespace
}  // namespace anchorlog::testing
