// How long one anchor's transaction takes to encode, sign and hash: prints JSON, microseconds of
// this thread's own processor time, so that other work on the machine does not count.

#include <time.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <vector>

#include "anchorlog/crypto/keccak.h"
#include "anchorlog/crypto/secp256k1.h"
#include "anchorlog/eth/log_anchor.h"
#include "anchorlog/eth/transaction.h"

namespace anchorlog::bench {
namespace {

constexpr std::size_t kTimes = 5'000;

double thread_us() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

int run() {
    const auto key = crypto::account_key_from_secret(crypto::keccak256(as_bytes("bench")));
    eth::AnchorRecord record;
    record.merkle_root = crypto::keccak256(as_bytes("merkle root"));
    eth::Transaction fields;
    fields.chain_id = 1;
    fields.gas = 80'000;
    fields.max_fee = 30'000'000'000;
    fields.priority_fee = 1'000'000'000;
    fields.to = eth::Address{};
    std::vector<double> took_us;
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < kTimes; ++i) {
        record.batch_id = BatchId(i);
        fields.nonce = i;
        const double begin = thread_us();
        fields.data = eth::anchor_call(record);
        const auto made = eth::sign_transaction(fields, **key);
        took_us.push_back(thread_us() - begin);
        if (!made) return 1;
        bytes += made->raw.size();
    }
    std::sort(took_us.begin(), took_us.end());
    std::printf("{\"times\": %zu, \"bytes\": %llu, \"p50_us\": %.1f, \"p99_us\": %.1f}\n", kTimes,
                static_cast<unsigned long long>(bytes / kTimes), took_us[kTimes / 2],
                took_us[kTimes * 99 / 100]);
    return 0;
}

}  // namespace
}  // namespace anchorlog::bench

int main() { return anchorlog::bench::run(); }
