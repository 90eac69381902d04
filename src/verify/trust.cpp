#include "anchorlog/verify/trust.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "anchorlog/crypto/timestamp.h"

namespace anchorlog::verify {
namespace {

using Words = std::vector<std::string_view>;

Words split_words(std::string_view line) {
    Words words;
    std::size_t at = 0;
    while (true) {
        at = line.find_first_not_of(" \t", at);
        if (at == std::string_view::npos || line[at] == '#') return words;
        const std::size_t end = std::min(line.find_first_of(" \t", at), line.size());
        words.push_back(line.substr(at, end - at));
        at = end;
    }
}

Error bad(std::string message) { return {Errc::invalid_input, std::move(message)}; }

Result<std::uint64_t> parse_number(std::string_view text, std::string_view what) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() ||
        (text.size() > 1 && text[0] == '0')) {
        return bad(std::string(what) + " '" + std::string(text) + "' is not a decimal number");
    }
    return value;
}

Result<Hash> parse_hash(std::string_view text, std::string_view what) {
    if (text.starts_with("0x")) text.remove_prefix(2);
    auto hash = hash_from_hex(text);
    if (!hash) return bad(std::string(what) + " is not 64 lower-case hex digits");
    return *hash;
}

// Reads line after line into a Trust; names stand for themselves only once.
class TrustReader {
public:
    Result<void> take(const Words& words) {
        const std::string_view kind = words[0];
        if (kind == "log") return take_log(words);
        if (kind == "witness") return take_witness(words);
        if (kind == "group") return take_group(words);
        if (kind == "quorum") return take_quorum(words);
        if (kind == "anchor") return take_anchor(words);
        if (kind == "block") return take_block(words);
        if (kind == "tsa") return take_authority(words);
        return bad("unknown word '" + std::string(kind) +
                   "': expected log, witness, group, quorum, anchor, block or tsa");
    }
    Trust finish() && { return std::move(trust_); }
    const Trust& trust() const { return trust_; }

private:
    Result<void> take_log(const Words& words) {
        if (words.size() < 2 || words.size() > 3) return bad("expected: log <vkey> [url]");
        if (auto hardware = wire::parse_hardware_vkey(words[1])) {
            trust_.hardware.push_back(std::move(*hardware));
            return {};
        }
        auto key = wire::parse_vkey(words[1]);
        if (!key) return std::move(key).error().in("log key");
        trust_.logs.push_back({*key, words.size() > 2 ? std::string(words[2]) : std::string()});
        return {};
    }

    Result<void> take_witness(const Words& words) {
        if (words.size() < 3 || words.size() > 4) {
            return bad("expected: witness <name> <vkey> [url]");
        }
        auto key = wire::parse_cosigner_vkey(words[2]);
        if (!key) return std::move(key).error().in("witness key");
        // One key under two names would count twice.
        for (const TrustedWitness& known : trust_.witnesses) {
            if (*key && known.key && known.key->key == (*key)->key) {
                return bad("the witness " + known.name + " has the same key");
            }
        }
        if (auto fresh = take_name(words[1]); !fresh) return fresh;
        trust_.witnesses.push_back({std::string(words[1]), *key,
                                    words.size() > 3 ? std::string(words[3]) : std::string()});
        return {};
    }

    Result<void> take_group(const Words& words) {
        if (words.size() < 4) return bad("expected: group <name> <k|any|all> <member>...");
        WitnessGroup group;
        group.name = words[1];
        for (std::size_t i = 3; i < words.size(); ++i) {
            if (!names_.contains(std::string(words[i]))) {
                return bad("'" + std::string(words[i]) + "' is no witness or group named before");
            }
            // So that each witness counts in one way only.
            if (!members_.insert(std::string(words[i])).second) {
                return bad("'" + std::string(words[i]) + "' is a member of a group already");
            }
            group.members.emplace_back(words[i]);
        }
        if (words[2] == "any") {
            group.needed = 1;
        } else if (words[2] == "all") {
            group.needed = group.members.size();
        } else {
            auto needed = parse_number(words[2], "the group's number");
            if (!needed) return std::move(needed).error();
            group.needed = *needed;
        }
        if (group.needed < 1 || group.needed > group.members.size()) {
            return bad("a group of " + std::to_string(group.members.size()) + " cannot need " +
                       std::to_string(group.needed));
        }
        if (auto fresh = take_name(words[1]); !fresh) return fresh;
        trust_.groups.push_back(std::move(group));
        return {};
    }

    Result<void> take_quorum(const Words& words) {
        if (words.size() != 2) return bad("expected: quorum <name|none>");
        if (!trust_.quorum.empty()) return bad("a second quorum line");
        if (words[1] != "none" && !names_.contains(std::string(words[1]))) {
            return bad("'" + std::string(words[1]) + "' is no witness or group named before");
        }
        trust_.quorum = words[1];
        return {};
    }

    Result<void> take_anchor(const Words& words) {
        if (words.size() != 4) {
            return bad("expected: anchor eip155:<chain id>:<address> <code hash> public|private");
        }
        std::string_view account = words[1];
        if (!account.starts_with("eip155:")) {
            return bad("only eip155:<chain id>:<address> anchors are known");
        }
        account.remove_prefix(7);
        const std::size_t colon = account.find(':');
        if (colon == std::string_view::npos) return bad("the anchor lacks ':<address>'");
        auto chain = parse_number(account.substr(0, colon), "the chain id");
        if (!chain) return std::move(chain).error();
        auto contract = eth::parse_address(account.substr(colon + 1));
        if (!contract) return std::move(contract).error();
        auto code = parse_hash(words[2], "the code hash");
        if (!code) return std::move(code).error();
        if (words[3] != "public" && words[3] != "private") {
            return bad("'" + std::string(words[3]) + "' is neither public nor private");
        }
        if (trust_.anchor(*chain, *contract) != nullptr) return bad("this anchor is listed twice");
        trust_.anchors.push_back({*chain, *contract, *code, words[3] == "public"});
        return {};
    }

    Result<void> take_block(const Words& words) {
        if (words.size() != 4) return bad("expected: block <chain id> <number> <hash>");
        auto chain = parse_number(words[1], "the chain id");
        if (!chain) return std::move(chain).error();
        auto number = parse_number(words[2], "the block number");
        if (!number) return std::move(number).error();
        auto hash = parse_hash(words[3], "the block hash");
        if (!hash) return std::move(hash).error();
        const auto same = trust_.blocks.lower_bound({*chain, *number, Hash{}});
        if (same != trust_.blocks.end() && same->chain_id == *chain && same->number == *number &&
            same->hash != *hash) {
            return bad("block " + std::to_string(*number) + " is listed with two hashes");
        }
        trust_.blocks.insert({*chain, *number, *hash});
        return {};
    }

    Result<void> take_authority(const Words& words) {
        if (words.size() != 4) {
            return bad("expected: tsa <name> <base64 of a certificate's DER> public|private");
        }
        auto certificate = from_base64(words[2]);
        if (!certificate) return bad("the certificate is not base64");
        auto subject = crypto::certificate_subject(*certificate);
        if (!subject) return std::move(subject).error();
        if (words[3] != "public" && words[3] != "private") {
            return bad("'" + std::string(words[3]) + "' is neither public nor private");
        }
        for (const TrustedAuthority& one : trust_.authorities) {
            if (one.certificate == *certificate) return bad("this certificate is listed twice");
        }
        trust_.authorities.push_back(
            {std::string(words[1]), std::move(*certificate), words[3] == "public"});
        return {};
    }

    Result<void> take_name(std::string_view name) {
        if (name == "none") return bad("'none' cannot be a name");
        if (!names_.insert(std::string(name)).second) {
            return bad("the name '" + std::string(name) + "' is used twice");
        }
        return {};
    }

    Trust trust_;
    std::set<std::string> names_;
    std::set<std::string> members_;  // of groups
};

}  // namespace

std::vector<wire::VerifierKey> Trust::keys_of(std::string_view origin) const {
    std::vector<wire::VerifierKey> keys;
    for (const TrustedLog& log : logs) {
        if (log.key.name == origin) keys.push_back(log.key);
    }
    return keys;
}

std::vector<wire::HardwareKey> Trust::hardware_of(std::string_view origin) const {
    std::vector<wire::HardwareKey> keys;
    for (const wire::HardwareKey& key : hardware) {
        if (key.name == origin) keys.push_back(key);
    }
    return keys;
}

bool Trust::is_quorum(const std::set<std::string>& cosigned) const {
    // Groups name only what stands before them, so one pass settles all.
    std::set<std::string> holds = cosigned;
    for (const WitnessGroup& group : groups) {
        const auto members =
            std::count_if(group.members.begin(), group.members.end(),
                          [&](const std::string& name) { return holds.contains(name); });
        if (static_cast<std::uint64_t>(members) >= group.needed) holds.insert(group.name);
    }
    return holds.contains(quorum);
}

const TrustedAnchor* Trust::anchor(std::uint64_t chain_id, const eth::Address& contract) const {
    for (const TrustedAnchor& one : anchors) {
        if (one.chain_id == chain_id && one.contract == contract) return &one;
    }
    return nullptr;
}

bool Trust::has_block(std::uint64_t chain_id, std::uint64_t number, const Hash& hash) const {
    return blocks.contains({chain_id, number, hash});
}

Result<Trust> parse_trust(std::string_view text) {
    TrustReader reader;
    std::size_t number = 0;
    while (!text.empty()) {
        ++number;
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.ends_with('\r')) line.remove_suffix(1);
        const Words words = split_words(line);
        if (words.empty()) continue;
        if (auto taken = reader.take(words); !taken) {
            return std::move(taken).error().in("line " + std::to_string(number));
        }
    }
    if (reader.trust().logs.empty()) {
        return bad("no `log <vkey>` line: without the log's key nothing can be verified");
    }
    for (const wire::HardwareKey& key : reader.trust().hardware) {
        if (!reader.trust().keys_of(key.name).empty()) continue;
        return bad("the P-256 key of " + key.name +
                   " stands alone: name the log's Ed25519 key, which seals, in a line of its own");
    }
    return std::move(reader).finish();
}

Result<Trust> load_trust(FileSystem& fs, const std::string& path) {
    auto text = read_file(fs, path, kTrustSizeMax);
    if (!text) return std::move(text).error().in("trust file");
    auto trust = parse_trust(*text);
    if (!trust) return std::move(trust).error().in("trust file " + path);
    return trust;
}

}  // namespace anchorlog::verify
