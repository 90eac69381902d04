#include <algorithm>
#include <string>

#include "anchorlog/wire/canonical_json.h"
#include "anchorlog/wire/entry.h"
#include "fuzz/target.h"

namespace anchorlog::fuzz {

namespace {

constexpr std::string_view kSenderPrefix = "urn:anchorlog:sender:";

void check_round_trip(const wire::EntryLine& entry, std::string_view line) {
    if (entry.kind == wire::EntryLine::Kind::audit) {
        require(entry.cert.empty() && entry.sent_at.empty(), "an audit has no certificate");
        std::string again = "{\"audit\":" + std::string(entry.body);
        again.append(",\"index\":").append(std::to_string(entry.index.value));
        again.append(",\"received_at\":\"").append(format_server_time(entry.received_at));
        again.append("\",\"sender\":\"urn:anchorlog:daemon\"}");
        require(again == line, "an audit line is written as it was read");
        return;
    }
    wire::CertFingerprint cert{};
    const auto bytes = from_hex(entry.cert);
    require(bytes && bytes->size() == cert.size(), "a fingerprint has 16 bytes");
    std::copy(bytes->begin(), bytes->end(), cert.begin());
    std::string again;
    wire::append_alert_line(again, entry.body, cert, entry.index, entry.received_at,
                            entry.sender.substr(kSenderPrefix.size()), entry.sent_at);
    require(again == std::string(line) + '\n', "an alert line is written as it was read");
}

}  // namespace

// One line of log/. Its body need not be canonical; where it is, the whole line is.
void entry(ByteView input) {
    const std::string_view line = as_text(input);
    const auto entry = wire::parse_entry_line(line);
    if (!entry) return;
    require(line.size() <= wire::kEntryLineSizeMax, "a line has a limit");
    require(entry->index.value <= kIntegerMax, "an index is in range");
    check_round_trip(*entry, line);
    // One level of nesting is the line's own.
    const auto body = wire::canonicalize(entry->body);
    if (body && *body == entry->body && wire::canonicalize(line)) {
        require(wire::is_canonical(line), "a line around a canonical body is canonical");
    }
}

}  // namespace anchorlog::fuzz
