#include <algorithm>
#include <string>

#include "anchorlog/verify/trust.h"
#include "fuzz/target.h"

namespace anchorlog::fuzz {

namespace {

// A witness's vkey: algorithm 0x04.
std::string cosigner_vkey(const wire::VerifierKey& key) {
    Bytes tagged{0x04};
    append(tagged, key.key);
    return key.name + '+' + wire::format_key_id(key.key_id) + '+' + to_base64(tagged);
}

// Writes what was understood; reading it again must give the same.
std::string format_trust(const verify::Trust& trust) {
    std::string out;
    for (const auto& log : trust.logs) {
        out += "log " + wire::format_vkey(log.key) + ' ' + log.url + '\n';
    }
    for (const auto& witness : trust.witnesses) {
        if (!witness.key) continue;  // of an algorithm that is not kept
        out += "witness " + witness.name + ' ' + cosigner_vkey(*witness.key) + ' ' + witness.url +
               '\n';
    }
    for (const auto& anchor : trust.anchors) {
        out += "anchor eip155:" + std::to_string(anchor.chain_id) + ':' +
               eth::format_address(anchor.contract) + ' ' + to_hex(anchor.code_hash) +
               (anchor.is_public ? " public\n" : " private\n");
    }
    for (const auto& block : trust.blocks) {
        out += "block " + std::to_string(block.chain_id) + ' ' + std::to_string(block.number) +
               ' ' + to_hex(block.hash) + '\n';
    }
    return out;
}

}  // namespace

void trust(ByteView input) {
    const auto trust = verify::parse_trust(as_text(input));
    if (!trust) {
        require(!trust.error().message.empty(), "a refusal says why");
        return;
    }
    require(!trust->logs.empty(), "a trust file names a log's key");
    for (const auto& group : trust->groups) {
        require(group.needed >= 1 && group.needed <= group.members.size(),
                "a group needs some of its members");
    }
    for (const auto& log : trust->logs) {
        const auto keys = trust->keys_of(log.key.name);
        require(std::any_of(keys.begin(), keys.end(),
                            [&](const auto& key) { return key.key == log.key.key; }),
                "a named key is found");
    }
    for (const auto& anchor : trust->anchors) {
        const auto* found = trust->anchor(anchor.chain_id, anchor.contract);
        require(found == &anchor, "an anchor is listed once");
    }
    for (const auto& block : trust->blocks) {
        require(trust->has_block(block.chain_id, block.number, block.hash), "a block is found");
        Hash another = block.hash;
        another.bytes[0] ^= 1;
        require(!trust->has_block(block.chain_id, block.number, another), "a block has one hash");
    }
    const std::string written = format_trust(*trust);
    const auto again = verify::parse_trust(written);
    require(again && format_trust(*again) == written, "a trust file means one thing");
}

}  // namespace anchorlog::fuzz
