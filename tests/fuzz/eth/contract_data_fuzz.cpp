#include <algorithm>

#include "anchorlog/eth/log_anchor.h"
#include "anchorlog/eth/receipt.h"
#include "anchorlog/eth/types.h"
#include "fuzz/target.h"

namespace anchorlog::fuzz {

// The contract's answers and calls, and an address's text.
void contract_data(ByteView input) {
    if (const auto address = eth::parse_address(as_text(input))) {
        const auto again = eth::parse_address(eth::format_address(*address));
        require(again && *again == *address, "an address has a checksummed form");
    }
    if (const auto record = eth::parse_anchor_call(input)) {
        require(as_text(eth::anchor_call(*record)) == as_text(input), "a call is written as read");
    }
    if (const auto head = eth::parse_head_answer(input)) {
        require(input.size() == 96, "an answer of head has three words");
    }
    if (const auto hash = eth::parse_record_of_answer(input)) {
        require(as_text(ByteView(hash->bytes)) == as_text(input),
                "an answer of recordOf is a hash");
    }
    if (const auto reason = eth::describe_revert(input)) {
        for (const char c : *reason) require(c >= ' ' && c <= '~', "a reason is printable");
    }
    InputReader reader(input);
    eth::Log log;
    log.topics.resize(reader.byte() % (eth::kTopicsMax + 1));
    for (Hash& topic : log.topics) {
        const ByteView bytes = reader.bytes(Hash::kSize);
        std::copy(bytes.begin(), bytes.end(), topic.bytes.begin());
    }
    // No mutation finds the event's name by itself.
    if (!log.topics.empty()) log.topics[0] = eth::anchored_topic();
    log.data.assign(reader.rest().begin(), reader.rest().end());
    if (const auto event = eth::decode_anchored(log)) {
        const eth::Log again = eth::encode_anchored(log.address, *event);
        require(again.topics == log.topics && again.data == log.data,
                "an event is written as read");
    }
}

}  // namespace anchorlog::fuzz
