#include "app/config.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "anchorlog/base/file_system.h"

namespace anchorlog::app {
namespace {

const std::string kSmallest = R"({
  "origin": "anchorlog.example/gw-01",
  "store": {"dir": "store"},
  "tls": {"certificate": "pki/s.crt", "key": "/abs/s.key", "client_ca": "pki/ca.crt"},
  "registry": "senders.json",
  "signing_key": "../log.key"
})";

std::string with(const std::string& member) {
    return kSmallest.substr(0, kSmallest.rfind('}')) + "," + member + "}";
}

std::string error_of(const std::string& json) {
    const auto config = parse_config(json, "/etc/anchorlog");
    return config ? "accepted" : config.error().message;
}

TEST(Config, TheSmallestOneHasDocumentedDefaults) {
    const auto config = parse_config(kSmallest, "/etc/anchorlog");
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ(config->store_dir, "/etc/anchorlog/store");
    EXPECT_EQ(config->tls.key_path, "/abs/s.key");
    EXPECT_EQ(config->signing_key_path, "/etc/log.key");
    EXPECT_EQ(config->listen.port, 7400);
    EXPECT_EQ(config->sequencer.batch.entries, 50u);
    EXPECT_EQ(config->sequencer.batch.interval_ms, 60'000);
    EXPECT_EQ(config->sequencer.window_ms, 30'000);
    EXPECT_TRUE(config->targets.empty());
}

TEST(Config, ARevocationListIsFoundBesideTheFile) {
    std::string json = kSmallest;
    json.replace(json.find("\"client_ca\""), 0, R"("crl": "pki/ca.crl", )");
    const auto config = parse_config(json, "/etc/anchorlog");
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ(config->tls.crl_path, "/etc/anchorlog/pki/ca.crl");
    EXPECT_EQ(parse_config(kSmallest, "/etc/anchorlog")->tls.crl_path, "") << "none";
}

TEST(Config, AHardwareKeyIsAUriWithItsProviderAndPin) {
    const auto config =
        parse_config(with(R"("hardware_key":{"uri":"handle:0x81000001","provider":"tpm2",
                             "pin":"tpm.pin"})"),
                     "/etc/anchorlog");
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ(config->hardware_key.uri, "handle:0x81000001");
    EXPECT_EQ(config->hardware_key.provider, "tpm2");
    EXPECT_EQ(config->hardware_key.pin_path, "/etc/anchorlog/tpm.pin");
    EXPECT_EQ(error_of(with(R"("hardware_key":{"provider":"tpm2"})")),
              "hardware_key.uri is missing: provider and pin are of the key it names");
    EXPECT_NE(error_of(with(R"("hardware_key":{"key":"x"})")).find("hardware_key.key"),
              std::string::npos);
}

TEST(Config, ACredentialIsFoundWhereTheServiceManagerPutsIt) {
    std::string json = kSmallest;
    const std::string written = "../log.key";
    json.replace(json.find(written), written.size(), "$CREDENTIALS_DIRECTORY/log.key");
    ASSERT_EQ(::setenv("CREDENTIALS_DIRECTORY", "/run/credentials/anchorlogd.service", 1), 0);
    const auto inside = parse_config(json, "/etc/anchorlog");
    ASSERT_EQ(::unsetenv("CREDENTIALS_DIRECTORY"), 0);
    const auto outside = parse_config(json, "/etc/anchorlog");
    ASSERT_TRUE(inside && outside);
    EXPECT_EQ(inside->signing_key_path, "/run/credentials/anchorlogd.service/log.key");
    EXPECT_EQ(outside->signing_key_path, "$CREDENTIALS_DIRECTORY/log.key");
}

TEST(Config, UnknownKeysAreNamedByTheirPath) {
    EXPECT_EQ(error_of(with(R"("colour": 1)")), "colour is not a known key");
    EXPECT_EQ(error_of(with(R"("listen": {"prot": 1})")), "listen.prot is not a known key");
    EXPECT_NE(error_of(with(R"("anchor": {"targets": [{"id": "a", "rpc": "u", "chain_id": 1,
        "contract": "0x0000000000000000000000000000000000000001", "submitter_key": "k",
        "code_hash": "0x0000000000000000000000000000000000000000000000000000000000000001",
        "typo": 1}]})"))
                  .find("anchor.targets[0].typo is not a known key"),
              std::string::npos);
}

constexpr const char* kEthereum =
    R"("rpc": "u", "chain_id": 1, "contract": "0x0000000000000000000000000000000000000001",
       "code_hash": "0x0000000000000000000000000000000000000000000000000000000000000001")";

std::string targets(const std::string& list) {
    return with("\"anchor\": {\"targets\": [" + list + "]}");
}

TEST(Config, SeveralTargetsOfDifferentTypes) {
    const auto config =
        parse_config(targets(std::string(R"({"id": "eth", "submitter_key": "k", "interval_s": 60,
                              "genesis_hash": "0x)") +
                             std::string(64, '2') + "\", " + kEthereum +
                             R"(}, {"id": "copy", "type": "file", "path": "out/copy.ndjson",
                                    "mode": "required", "late_after_s": 30},
                                   {"id": "old", "type": "file", "path": "/x", "mode": "off"})"),
                     "/etc/anchorlog");
    ASSERT_TRUE(config.has_value()) << config.error().message;
    ASSERT_EQ(config->targets.size(), 3u);
    EXPECT_EQ(config->targets[0].mode, TargetMode::best_effort);
    EXPECT_EQ(config->targets[0].late_after_s, 660u);
    ASSERT_TRUE(config->targets[0].ethereum.genesis_hash.has_value());
    EXPECT_EQ(config->targets[0].ethereum.genesis_hash->bytes[31], 0x22);
    EXPECT_EQ(config->targets[0].ethereum.interval_s, 60u);
    EXPECT_EQ(config->targets[1].file.path, "/etc/anchorlog/out/copy.ndjson");
    EXPECT_EQ(config->targets[1].mode, TargetMode::required);
    EXPECT_EQ(config->targets[1].late_after_s, 30u);
    EXPECT_EQ(config->targets[2].mode, TargetMode::off);
}

TEST(Config, TargetsThatCannotBeBesideEachOtherAreRefused) {
    const std::string file = R"({"id": "a", "type": "file", "path": "p"})";
    const std::string same_path = R"({"id": "b", "type": "file", "path": "./p"})";
    const std::string eth = std::string(R"({"submitter_key": "k", )") + kEthereum;
    EXPECT_EQ(error_of(targets(file + "," + file)), "anchor.targets two have the same id a");
    EXPECT_NE(error_of(targets(file + "," + same_path)).find("same path"), std::string::npos);
    EXPECT_EQ(error_of(targets(eth + R"(, "id": "a"}, )" + eth + R"(, "id": "b"})")),
              "anchor.targets two have the same submitter_key on one chain");
    EXPECT_EQ(error_of(targets(R"({"id": "a", "type": "file"})")),
              "anchor.targets[0].path is missing and has no default");
    EXPECT_EQ(error_of(targets(R"({"id": "a", "type": "file", "path": "p", "rpc": "u"})")),
              "anchor.targets[0].rpc is not a known key");
    EXPECT_EQ(error_of(targets(R"({"id": "a", "type": "file", "path": "p", "mode": "must"})")),
              "anchor.targets[0].mode must be one of off, best-effort, required");
    EXPECT_NE(error_of(targets(R"({"id": "a", "type": "file", "path": "p", "interval_s": 60,
                                   "late_after_s": 60})"))
                  .find("late_after_s must be from 61"),
              std::string::npos);
    std::string many;
    for (int i = 0; i < 9; ++i) {
        many += std::string(i == 0 ? "" : ",") + R"({"type": "file", "id": "t)" +
                std::to_string(i) + R"(", "path": "p)" + std::to_string(i) + "\"}";
    }
    EXPECT_EQ(error_of(targets(many)), "anchor.targets may hold at most 8");
}

TEST(Config, WrongTypesRangesAndMissingMembersAreNamed) {
    EXPECT_EQ(error_of(with(R"("listen": {"port": 70000})")),
              "listen.port must be from 0 to 65535, not 70000");
    EXPECT_EQ(error_of(with(R"("listen": {"port": "x"})")),
              "listen.port must be a whole number, 0 or more");
    EXPECT_EQ(error_of(with(R"("listen": {"handshakes_max": 0})")),
              "listen.handshakes_max must be from 1 to 10000, not 0");
    EXPECT_EQ(error_of(with(R"("listen": {"frame_timeout_ms": 99})")),
              "listen.frame_timeout_ms must be from 100 to 3600000, not 99");
    EXPECT_EQ(error_of(with(R"("queue": {"output_bytes_max": 1024})")),
              "queue.output_bytes_max must be from 1048576 to 4294967296, not 1024");
    EXPECT_EQ(error_of(with(R"("rate": {"device_burst": 0})")),
              "rate.device_burst must be from 1 to 10000000, not 0");
    EXPECT_EQ(error_of(with(R"("batch": 7)")), "batch must be an object");
    EXPECT_EQ(error_of(with(R"("log": {"level": "loud"})")),
              "log.level must be one of debug, info, warn, error");
    EXPECT_EQ(error_of("{}"), "origin is missing and has no default");
    EXPECT_NE(error_of("{\"origin\": }").find("not valid JSON"), std::string::npos);
    EXPECT_NE(error_of(with(R"("origin": "again")")).find("not valid JSON"), std::string::npos);
}

TEST(Config, TheDocumentedSampleIsValidAndSaysEveryDefault) {
    PosixFileSystem fs;
    const auto text = read_file(fs, ANCHORLOG_CONFIG_SAMPLE, 1 << 20);
    ASSERT_TRUE(text) << text.error().message;
    const auto sample = parse_config(*text, "/etc/anchorlog");
    ASSERT_TRUE(sample) << sample.error().message;
    const auto smallest = parse_config(kSmallest, "/etc/anchorlog");
    EXPECT_EQ(sample->tls.crl_path, smallest->tls.crl_path);
    EXPECT_EQ(sample->passphrase_path, smallest->passphrase_path);
    EXPECT_EQ(sample->hardware_key.uri, smallest->hardware_key.uri);
    EXPECT_EQ(sample->hardware_key.provider, smallest->hardware_key.provider);
    EXPECT_EQ(sample->hardware_key.pin_path, smallest->hardware_key.pin_path);
    EXPECT_EQ(sample->listen.connections_max, smallest->listen.connections_max);
    EXPECT_EQ(sample->listen.sessions_per_sender_max, smallest->listen.sessions_per_sender_max);
    EXPECT_EQ(sample->listen.handshakes_max, smallest->listen.handshakes_max);
    EXPECT_EQ(sample->listen.handshakes_per_address_max,
              smallest->listen.handshakes_per_address_max);
    EXPECT_EQ(sample->listen.handshake_timeout_ms, smallest->listen.handshake_timeout_ms);
    EXPECT_EQ(sample->listen.first_frame_timeout_ms, smallest->listen.first_frame_timeout_ms);
    EXPECT_EQ(sample->listen.frame_timeout_ms, smallest->listen.frame_timeout_ms);
    EXPECT_EQ(sample->listen.idle_timeout_ms, smallest->listen.idle_timeout_ms);
    EXPECT_EQ(sample->listen.write_timeout_ms, smallest->listen.write_timeout_ms);
    EXPECT_EQ(sample->listen.session_bytes_max, smallest->listen.session_bytes_max);
    EXPECT_EQ(sample->listen.shared_bytes_max, smallest->listen.shared_bytes_max);
    EXPECT_EQ(sample->listen.session_output_bytes_max, smallest->listen.session_output_bytes_max);
    EXPECT_EQ(sample->listen.output_bytes_max, smallest->listen.output_bytes_max);
    EXPECT_EQ(sample->listen.rates.sender_per_s, smallest->listen.rates.sender_per_s);
    EXPECT_EQ(sample->listen.rates.sender_burst, smallest->listen.rates.sender_burst);
    EXPECT_EQ(sample->listen.rates.device_per_s, smallest->listen.rates.device_per_s);
    EXPECT_EQ(sample->listen.rates.device_burst, smallest->listen.rates.device_burst);
    EXPECT_EQ(sample->sequencer.group_bytes_max, smallest->sequencer.group_bytes_max);
    EXPECT_EQ(sample->journal.segment_bytes, smallest->journal.segment_bytes);
    EXPECT_EQ(sample->storage.reserve_bytes, smallest->storage.reserve_bytes);
    EXPECT_EQ(sample->run_entries, smallest->run_entries);
    EXPECT_EQ(sample->listen.queue_bytes_max, smallest->listen.queue_bytes_max);
}

}  // namespace
}  // namespace anchorlog::app
