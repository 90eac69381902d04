#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "anchorlog/base/bytes.h"

// A target reads any bytes as one of our formats and ends the process where a promise of that
// format does not hold; a crash or a sanitizer's report ends it likewise. The same functions run
// under libFuzzer (preset `fuzz`) and, over the committed corpus, in every unit test run.
namespace anchorlog::fuzz {

void alert(ByteView input);
void alert_receipt(ByteView input);
void anchor_line(ByteView input);
void anchor_proof(ByteView input);
void batch_line(ByteView input);
void block_header(ByteView input);
void canonical(ByteView input);
void config(ByteView input);
void contract_data(ByteView input);
void encoding(ByteView input);
void entry(ByteView input);
void evidence(ByteView input);
void frame(ByteView input);
void header(ByteView input);
void journal(ByteView input);
void list_trie(ByteView input);
void merkle_path(ByteView input);
void note(ByteView input);
void raw_proof(ByteView input);
void receipt(ByteView input);
void registry(ByteView input);
void rlp(ByteView input);
void rpc_answer(ByteView input);
void tile_path(ByteView input);
void tlog_proof(ByteView input);
void transaction(ByteView input);
void trie_proof(ByteView input);
void trust(ByteView input);
void verify_log(ByteView input);

using Target = void (*)(ByteView input);
struct NamedTarget {
    std::string_view name;  // also the folder of its corpus
    Target run;
};
inline constexpr std::array kTargets{
    NamedTarget{"alert", alert},
    NamedTarget{"alert_receipt", alert_receipt},
    NamedTarget{"anchor_line", anchor_line},
    NamedTarget{"anchor_proof", anchor_proof},
    NamedTarget{"batch_line", batch_line},
    NamedTarget{"block_header", block_header},
    NamedTarget{"canonical", canonical},
    NamedTarget{"config", config},
    NamedTarget{"contract_data", contract_data},
    NamedTarget{"encoding", encoding},
    NamedTarget{"entry", entry},
    NamedTarget{"evidence", evidence},
    NamedTarget{"frame", frame},
    NamedTarget{"header", header},
    NamedTarget{"journal", journal},
    NamedTarget{"list_trie", list_trie},
    NamedTarget{"merkle_path", merkle_path},
    NamedTarget{"note", note},
    NamedTarget{"raw_proof", raw_proof},
    NamedTarget{"receipt", receipt},
    NamedTarget{"registry", registry},
    NamedTarget{"rlp", rlp},
    NamedTarget{"rpc_answer", rpc_answer},
    NamedTarget{"tile_path", tile_path},
    NamedTarget{"tlog_proof", tlog_proof},
    NamedTarget{"transaction", transaction},
    NamedTarget{"trie_proof", trie_proof},
    NamedTarget{"trust", trust},
    NamedTarget{"verify_log", verify_log},
};

// Ends the process with `promise` unless it holds.
void require(bool holds, const char* promise);
// How often it was asked: a corpus that checks nothing shows nothing.
[[nodiscard]] std::uint64_t promises_checked();

// Takes a target's input apart; what is no longer there reads as zeros.
class InputReader {
public:
    explicit InputReader(ByteView input) : rest_(input) {}

    std::uint8_t byte();
    std::uint64_t number();            // 8 bytes, most significant first
    ByteView bytes(std::size_t size);  // fewer at the end
    [[nodiscard]] ByteView rest() const { return rest_; }
    [[nodiscard]] bool is_empty() const { return rest_.empty(); }

private:
    ByteView rest_;
};

}  // namespace anchorlog::fuzz
