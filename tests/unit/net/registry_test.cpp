#include "anchorlog/net/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace anchorlog::net {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kKey =
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

std::string error_of(std::string_view json) {
    const auto registry = Registry::parse(json);
    return registry ? std::string() : registry.error().message;
}

TEST(Registry, FindsSendersAndDevices) {
    const auto registry = Registry::parse(
        R"({"senders":{"gw-01":{"state":"active","devices":{"cam-1":{},"cam-2":{"key":")" +
        std::string(kKey) + R"("}}},"gw-02":{"state":"suspended","devices":{}},)" +
        R"("gw-03":{"state":"revoked","devices":{"*":{}}}}})");
    ASSERT_TRUE(registry) << registry.error().message;
    const RegisteredSender* sender = registry->find("gw-01");
    ASSERT_NE(sender, nullptr);
    EXPECT_EQ(sender->state, SenderState::active);
    const RegisteredDevice* plain = Registry::device(*sender, "cam-1");
    ASSERT_NE(plain, nullptr);
    EXPECT_FALSE(plain->key);
    const RegisteredDevice* keyed = Registry::device(*sender, "cam-2");
    ASSERT_NE(keyed, nullptr);
    ASSERT_TRUE(keyed->key);
    EXPECT_EQ(keyed->key->front(), 0xd7);
    EXPECT_EQ(Registry::device(*sender, "cam-3"), nullptr);
    EXPECT_EQ(Registry::device(*sender, "*"), nullptr);
    EXPECT_EQ(registry->find("gw-02")->state, SenderState::suspended);
    EXPECT_EQ(registry->find("gw-03")->state, SenderState::revoked);
    EXPECT_NE(Registry::device(*registry->find("gw-03"), "anything"), nullptr);
    EXPECT_EQ(registry->find("gw-04"), nullptr);
}

TEST(Registry, ANamedDeviceGoesBeforeTheWildcard) {
    const auto registry =
        Registry::parse(R"({"senders":{"gw":{"state":"active","devices":{"*":{},"cam":{"key":")" +
                        std::string(kKey) + R"("}}}}})");
    ASSERT_TRUE(registry) << registry.error().message;
    EXPECT_TRUE(Registry::device(*registry->find("gw"), "cam")->key);
    EXPECT_FALSE(Registry::device(*registry->find("gw"), "other")->key);
}

TEST(Registry, MayBeEmpty) {
    const auto registry = Registry::parse(R"({"senders":{}})");
    ASSERT_TRUE(registry);
    EXPECT_EQ(registry->find("gw"), nullptr);
}

TEST(Registry, NamesTheUnknownMembersPath) {
    EXPECT_THAT(error_of(R"({"senders":{},"x":1})"), HasSubstr("x: unknown"));
    EXPECT_THAT(error_of(R"({"senders":{"gw":{"state":"active","devices":{},"satte":1}}})"),
                HasSubstr("senders.gw.satte: unknown"));
    EXPECT_THAT(error_of(R"({"senders":{"gw":{"state":"active","devices":{"c":{"k":1}}}}})"),
                HasSubstr("senders.gw.devices.c.k: unknown"));
}

TEST(Registry, RefusesDuplicateNames) {
    EXPECT_THAT(error_of(R"({"senders":{"gw":{"state":"revoked","devices":{}},)"
                         R"("gw":{"state":"active","devices":{}}}})"),
                HasSubstr("\"gw\" is there twice"));
    EXPECT_THAT(error_of(R"({"senders":{"g\u0077":{"state":"revoked","devices":{}},)"
                         R"("gw":{"state":"active","devices":{}}}})"),
                HasSubstr("twice"));
    EXPECT_EQ(error_of(R"({"senders":{"a":{"state":"active","devices":{"c":{}}},)"
                       R"("b":{"state":"active","devices":{"c":{}}}}})"),
              "");
}

TEST(Registry, RefusesWhatIsNotARegistry) {
    EXPECT_THAT(error_of(""), HasSubstr("not JSON"));
    EXPECT_THAT(error_of("{"), HasSubstr("not JSON"));
    EXPECT_THAT(error_of("[]"), HasSubstr("must be an object"));
    EXPECT_THAT(error_of("{}"), HasSubstr("senders"));
    EXPECT_THAT(error_of(R"({"senders":[]})"), HasSubstr("senders"));
    EXPECT_THAT(error_of("{\"senders\":{\"\xff\":{}}}"), HasSubstr("not JSON"));
}

// The JSON library takes a NUL for the end and skips a byte order mark: what stands behind the one
// would be in the file, and not in the registry.
TEST(Registry, RefusesWhatALibraryWouldOverlook) {
    const std::string registry = R"({"senders":{}})";
    EXPECT_EQ(error_of(registry), "");
    EXPECT_THAT(error_of(registry + std::string(1, '\0') + "behind"), HasSubstr("NUL"));
    EXPECT_THAT(error_of("\xEF\xBB\xBF" + registry), HasSubstr("byte order mark"));
    EXPECT_THAT(error_of(R"({"senders":)" + std::string(20, '[') + std::string(20, ']') + "}"),
                HasSubstr("nested"));
}

TEST(Registry, RefusesBadSenders) {
    EXPECT_THAT(error_of(R"({"senders":{"g w":{"state":"active","devices":{}}}})"),
                HasSubstr("senders.g w"));
    EXPECT_THAT(error_of(R"({"senders":{"":{"state":"active","devices":{}}}})"),
                HasSubstr("sender name"));
    EXPECT_THAT(error_of(R"({"senders":{"gw":1}})"), HasSubstr("senders.gw: must be"));
    EXPECT_THAT(error_of(R"({"senders":{"gw":{"devices":{}}}})"), HasSubstr("senders.gw.state"));
    EXPECT_THAT(error_of(R"({"senders":{"gw":{"state":"Active","devices":{}}}})"),
                HasSubstr("senders.gw.state"));
    EXPECT_THAT(error_of(R"({"senders":{"gw":{"state":"active"}}})"),
                HasSubstr("senders.gw.devices"));
    EXPECT_THAT(error_of(R"({"senders":{"gw":{"state":"active","devices":["c"]}}})"),
                HasSubstr("senders.gw.devices"));
}

TEST(Registry, RefusesBadDevices) {
    const auto with_device = [](const std::string& device) {
        return error_of(R"({"senders":{"gw":{"state":"active","devices":{)" + device + "}}}}");
    };
    EXPECT_THAT(with_device(R"("a b":{})"), HasSubstr("device id"));
    EXPECT_THAT(with_device(R"("**":{})"), HasSubstr("device id"));
    EXPECT_THAT(with_device(R"("c":null)"), HasSubstr("senders.gw.devices.c: must be"));
    EXPECT_THAT(with_device(R"("c":{"key":"00"})"), HasSubstr("devices.c.key"));
    EXPECT_THAT(with_device(R"("c":{"key":7})"), HasSubstr("devices.c.key"));
    std::string upper(kKey);
    upper[0] = 'D';
    EXPECT_THAT(with_device("\"c\":{\"key\":\"" + upper + "\"}"), HasSubstr("devices.c.key"));
}

}  // namespace
}  // namespace anchorlog::net
