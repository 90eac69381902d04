#include "anchorlog/wire/receipt.h"

#include <gtest/gtest.h>

#include "anchorlog/wire/note.h"

namespace anchorlog::wire {
namespace {

Receipt example() {
    Receipt receipt;
    receipt.device_id = "cam-1";
    receipt.epoch = Epoch(2);
    receipt.seq_no = SeqNo(57);
    receipt.index = EntryIndex(1042);
    receipt.leaf.bytes.fill(0xab);
    receipt.received_at = WallTime{1'767'323'110'250};
    receipt.signer = "bebb40df";
    receipt.sig.fill(0);
    return receipt;
}

std::string text_of_example() {
    std::string leaf;
    for (int i = 0; i < 32; ++i) leaf += "ab";
    return R"({"device_id":"cam-1","epoch":2,"index":1042,"leaf":")" + leaf +
           R"(","received_at":"2026-01-02T03:05:10.250Z","seq_no":57,"sig":")" +
           std::string(86, 'A') + R"(==","signer":"bebb40df","type":"receipt"})";
}

TEST(Receipt, ReadsAsItIsWritten) {
    EXPECT_EQ(format_receipt(example()), text_of_example());
    const auto read = parse_receipt(text_of_example());
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(format_receipt(*read), text_of_example());
}

TEST(Receipt, SignsLogIndexLeafAndTime) {
    const Receipt one = example();
    const Bytes bytes =
        receipt_payload(log_id_of("log.example"), one.index, one.leaf, one.received_at);
    ASSERT_EQ(bytes.size(), 101u);
    EXPECT_EQ(std::string(bytes.begin(), bytes.begin() + 21),
              std::string("anchorlog/receipt/v1\0", 21));
    EXPECT_EQ(to_hex(ByteView(bytes).subspan(21, 32)), to_hex(log_id_of("log.example")));
    EXPECT_EQ(to_hex(ByteView(bytes).subspan(53, 8)), "0000000000000412");
    EXPECT_EQ(to_hex(ByteView(bytes).subspan(61, 32)), to_hex(one.leaf));
    EXPECT_EQ(to_hex(ByteView(bytes).subspan(93)), "0000019b7caa8b6a") << "the time, in ms";
}

TEST(Receipt, NothingElseReads) {
    const auto changed = [](const std::string& from, const std::string& to) {
        std::string text = text_of_example();
        return text.replace(text.find(from), from.size(), to);
    };
    for (const std::string& text :
         {std::string(), std::string("{}"), text_of_example() + "\n", changed("57", "57.0"),
          changed("\"receipt\"}", "\"ack\"}"), changed("==", "="), changed("ab", "AB"),
          changed("ab", ""), changed(".250Z", "Z"), changed("1042", "-1"),
          changed("\"epoch\":2,", ""), changed("\"epoch\":2,", "\"epoch\":2,\"extra\":1,"),
          std::string(2'000, ' ')}) {
        EXPECT_FALSE(parse_receipt(text)) << text;
    }
}

}  // namespace
}  // namespace anchorlog::wire
