#include "alert_stream.h"

#include <array>
#include <chrono>
#include <cstdio>

#include "anchorlog/base/clock.h"
#include "anchorlog/crypto/random.h"

namespace anchorlog::bench {

namespace {

constexpr std::size_t kEntryDigits = 12;
constexpr std::size_t kTransactionDigits = 9;

std::string random_uuid7() {
    std::array<std::uint8_t, 16> bytes{};
    crypto::random_bytes(bytes);
    const auto ms =
        static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                       std::chrono::system_clock::now().time_since_epoch())
                                       .count());
    for (std::size_t i = 0; i < 6; ++i) {
        bytes[i] = static_cast<std::uint8_t>(ms >> (8 * (5 - i)));
    }
    bytes[6] = static_cast<std::uint8_t>(0x70 | (bytes[6] & 0x0f));
    bytes[8] = static_cast<std::uint8_t>(0x80 | (bytes[8] & 0x3f));
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
        char hex[3];
        std::snprintf(hex, sizeof hex, "%02x", bytes[i]);
        text += hex;
    }
    return text;
}

// Counts the number up that ends before `end`, in digits of `base`.
void count_up(char* end, unsigned base) {
    constexpr char kDigits[] = "0123456789abcdef";
    while (true) {
        char& digit = *--end;
        const unsigned value = static_cast<unsigned>(digit <= '9' ? digit - '0' : digit - 'a' + 10);
        digit = kDigits[(value + 1) % base];
        if (value + 1 < base) return;
    }
}

}  // namespace

std::string device_name(unsigned device) {
    char name[16];
    std::snprintf(name, sizeof name, "cam-%05u", device);
    return name;
}

std::string server_time() { return format_server_time(SystemClock().now().wall); }

AlertStream::AlertStream(unsigned device, Dialect dialect, std::uint64_t skipped) {
    const std::string now = server_time();
    const std::string entry = random_uuid7();
    std::string json = R"({"alert_type":"ids.port_scan","batch_id":")" + random_uuid7() +
                       R"(","confidence":0.97,"device_id":")" + device_name(device) +
                       R"(","entry_id":")" + entry.substr(0, entry.size() - kEntryDigits) +
                       std::string(kEntryDigits, '0');
    counters_.push_back({json.size(), 16});
    json += R"(","features_summary":{"bytes":48213,"dst_port":443,"duration_ms":1250,)"
            R"("flags":"SYN","packets":37,"proto":"tcp","src_port":51514},"sent_at":")";
    times_.push_back(json.size());
    json += now + R"(","seq_no":)" + std::to_string(kFirstNumber + skipped);
    counters_.push_back({json.size(), 10});
    json += R"(,"timestamp":")";
    times_.push_back(json.size());
    json += now + R"("})";

    const std::string priority = "<134>1 ";
    const std::string syslog = priority + now + " bench anchorlog - - - ";
    if (dialect == Dialect::anchorlog) {
        const auto size = static_cast<std::uint32_t>(json.size());
        for (int shift = 24; shift >= 0; shift -= 8) frame_ += static_cast<char>(size >> shift);
    } else if (dialect == Dialect::syslog) {
        frame_ = std::to_string(syslog.size() + json.size()) + " " + syslog;
    } else {
        std::string transaction = std::to_string(kFirstTransaction);
        transaction.insert(0, kTransactionDigits - transaction.size(), '0');
        frame_ = transaction + " syslog " + std::to_string(syslog.size() + json.size()) + " ";
        frame_ += syslog;
    }
    const std::size_t start = frame_.size();
    for (Counter& counter : counters_) counter.end += start;
    for (std::size_t& time : times_) time += start;
    if (dialect != Dialect::anchorlog) times_.push_back(start - syslog.size() + priority.size());
    if (dialect == Dialect::relp) counters_.push_back({kTransactionDigits, 10});
    frame_ += json;
    if (dialect == Dialect::relp) frame_ += '\n';
}

void AlertStream::set_time(const std::string& now) {
    for (const std::size_t time : times_) frame_.replace(time, now.size(), now);
}

void AlertStream::append(std::string& out) {
    if (made_ > 0) {
        for (const Counter& counter : counters_)
            count_up(frame_.data() + counter.end, counter.base);
    }
    out += frame_;
    ++made_;
}

}  // namespace anchorlog::bench
