#include "app/read_side.h"

#include <gtest/gtest.h>

#include "anchorlog/ledger/control_batch.h"
#include "anchorlog/verify/evidence.h"
#include "app/entry_book.h"
#include "support/log_machine.h"

// What the daemon shows of a log whose key was changed: batches 1-2 by the first key, 3 the change,
// 4 by the second; two alerts a batch.
namespace anchorlog::app {
namespace {

using testing::LogMachine;

class ChangedKey : public ::testing::Test {
protected:
    void make(const std::string& why) {
        ASSERT_TRUE(machine.init());
        ASSERT_TRUE(machine.start());
        work();
        work();
        const auto end = ledger::sealed_end(machine.store());
        ASSERT_TRUE(end);
        const auto change = ledger::make_key_change(LogMachine::kOrigin, *first, *second, why, *end,
                                                    machine.clock().now().wall);
        ASSERT_TRUE(change);
        ASSERT_TRUE(ledger::append_batch(machine.store(), *change));
        machine.use_key(second);
        ASSERT_TRUE(machine.start());
        work();
        auto& store = machine.store();
        book = std::make_unique<SealedBook>(*store.state, *store.batches, LogMachine::kOrigin,
                                            second->public_key(), [] { return std::uint64_t{5}; });
        answerer = std::make_unique<Answerer>(*store.state, *store.log, *book, vkey(*second));
    }
    void work() {
        for (int i = 0; i < 2; ++i) machine.admit("cam-1", ++seq);
        ASSERT_TRUE(machine.commit());
        ASSERT_TRUE(machine.seal());
    }
    static wire::VerifierKey vkey(const crypto::Signer& signer) {
        return wire::make_verifier_key(LogMachine::kOrigin, signer.public_key());
    }
    // What the daemon makes of this checkpoint in a sender's hello.
    WelcomeAnswer welcome(const std::string& seen) const {
        WelcomeQuestion question;
        question.welcome.origin = LogMachine::kOrigin;
        question.welcome.checkpoint = *book->checkpoint(BatchId(4));
        question.seen = seen;
        return std::get<WelcomeAnswer>(answerer->answer({net::SessionId(1), question}).content);
    }
    static std::string forged(std::uint64_t size, const crypto::Signer& signer) {
        return *wire::sign_note(
            wire::format_checkpoint({LogMachine::kOrigin, TreeSize(size), Hash{}}),
            LogMachine::kOrigin, {&signer});
    }
    static bool has_path(const WelcomeAnswer& answer) {
        return answer.json.find("\"consistency\":[]") == std::string::npos;
    }

    LogMachine machine;
    std::shared_ptr<const crypto::Signer> first = crypto::signer_from_seed({1, 2, 3});
    std::shared_ptr<const crypto::Signer> second = crypto::signer_from_seed({4, 5, 6});
    std::unique_ptr<SealedBook> book;
    std::unique_ptr<Answerer> answerer;
    std::uint64_t seq = 0;
};

TEST_F(ChangedKey, EachRecordBearsTheKeyThatSealedIt) {
    make("planned");
    for (std::uint64_t batch = 0; batch < 5; ++batch) {
        const auto record = book->get(BatchId(batch));
        ASSERT_TRUE(record) << record.error().message;
        const auto& key = batch < 4 ? first : second;
        EXPECT_EQ(record->signer_key.bytes, key->public_key()) << batch;
        Bytes seal;
        append(seal, record->sig_r.bytes);
        append(seal, record->sig_s.bytes);
        EXPECT_TRUE(
            crypto::verify(key->public_key(),
                           wire::seal_payload(record->log_id, record->batch_id, record->merkle_root,
                                              record->history_root, record->sealed_at),
                           seal))
            << batch;
    }
}

TEST_F(ChangedKey, ASenderThatSawTheOldKeyIsLedOverTheChange) {
    make("compromise");
    for (std::uint64_t batch = 0; batch < 4; ++batch) {
        const WelcomeAnswer answer = welcome(*book->checkpoint(BatchId(batch)));
        EXPECT_EQ(answer.fork, "") << batch;
        EXPECT_TRUE(has_path(answer)) << batch;
    }
}

TEST_F(ChangedKey, AReadThatFailsIsNoOtherHistory) {
    make("planned");
    const std::string seen = *book->checkpoint(BatchId(1));
    const std::string other = *book->checkpoint(BatchId(4));
    machine.files().fail(testing::SimCall::read, 1, Errc::io);
    WelcomeQuestion question;
    question.welcome.checkpoint = other;
    question.seen = seen;
    const auto failed = answerer->answer({net::SessionId(1), question});
    EXPECT_EQ(std::get<WelcomeAnswer>(failed.content).json, "");
    EXPECT_EQ(std::get<WelcomeAnswer>(failed.content).fork, "");
    EXPECT_TRUE(has_path(welcome(seen))) << "and it is read again the next time";
}

TEST_F(ChangedKey, AForkIsShownByAKeyOfItsTime) {
    make("planned");
    EXPECT_NE(welcome(forged(2, *first)).fork, "");
    EXPECT_NE(welcome(forged(9, *second)).fork, "");
    EXPECT_EQ(welcome(forged(9, *first)).fork, "") << "replaced long before";
    EXPECT_EQ(welcome(forged(5, *first)).fork, "") << "replaced before";
    EXPECT_EQ(welcome(forged(2, *crypto::signer_from_seed({7}))).fork, "");
    EXPECT_EQ(welcome(forged(0, *first)).fork, "");
}

TEST_F(ChangedKey, AStolenKeyCannotStopTheLog) {
    make("compromise");
    for (const std::uint64_t size : {1u, 2u, 4u, 5u, 9u}) {
        const WelcomeAnswer answer = welcome(forged(size, *first));
        EXPECT_EQ(answer.fork, "") << size;
        EXPECT_FALSE(has_path(answer)) << size;
    }
    EXPECT_NE(welcome(forged(2, *second)).fork, "");
}

TEST_F(ChangedKey, TheProofOfAnEntryBringsTheChangeBeforeIt) {
    make("planned");
    auto& store = machine.store();
    const EntryBook entries(*store.state, *store.log, *book);
    const auto lines = machine.lines(*store.log);
    for (const std::uint64_t index : {1u, 5u}) {
        const auto entry = wire::parse_entry_line(lines.at(index));
        const auto file =
            entries.evidence(wire::alert_key(entry->body)->entry_id, EntryIndex(index));
        ASSERT_TRUE(file) << file.error().message;
        for (const auto& key : {first, second}) {
            verify::Trust trust;
            trust.logs.push_back({vkey(*key), ""});
            const auto report = verify::verify_evidence(*file, trust, nullptr);
            const bool leads_there = index == 5 || key == first;
            EXPECT_EQ(report.verdict, leads_there ? verify::Verdict::pass : verify::Verdict::fail)
                << index << verify::to_text(report);
        }
    }
}

}  // namespace
}  // namespace anchorlog::app
