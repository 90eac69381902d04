#include "anchorlog/wire/entry.h"

#include <algorithm>

#include "anchorlog/wire/alert.h"
#include "anchorlog/wire/alert_line.h"
#include "wire/byte_words.h"
#include "wire/canonical_scan.h"
#include "wire/expected_alert.h"
#include "wire/object_writer.h"

namespace anchorlog::wire {

namespace {

constexpr std::string_view kAlertStart = "{\"alert\":";
constexpr std::string_view kSenderPrefix = "urn:anchorlog:sender:";
constexpr std::string_view kDaemon = "urn:anchorlog:daemon";

bool is_printable(char c) { return c >= 0x20 && c < 0x7F; }

// A subject may hold what a peer said of itself; whatever it was, the line stays a line.
std::string safe_subject(std::string_view subject) {
    std::string out(subject.substr(0, kAuditSubjectSizeMax));
    std::replace_if(out.begin(), out.end(), [](char c) { return !is_printable(c); }, '?');
    return out;
}

// The first object of `text`: up to the brace that closes it, minding strings; npos without one.
std::size_t object_size(std::string_view text) {
    std::size_t depth = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (in_string) {
            if (c == '\\') ++i;
            if (c == '"') in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{') {
            ++depth;
        } else if (c == '}' && --depth == 0) {
            return i + 1;
        }
    }
    return std::string_view::npos;
}

// Reads a line from left to right; after the first thing that does not fit it stays failed.
class LineCursor {
public:
    explicit LineCursor(std::string_view line) : rest_(line) {}

    bool accept(std::string_view text) {
        if (is_failed_ || !rest_.starts_with(text)) return false;
        rest_.remove_prefix(text.size());
        return true;
    }
    void expect(std::string_view text) {
        if (!accept(text)) fail();
    }
    std::string_view object() {
        return rest_.starts_with('{') ? take(object_size(rest_)) : take(std::string_view::npos);
    }
    // Everything up to `end`, which stays.
    std::string_view until(std::string_view end) { return take(rest_.find(end)); }
    void fail() { is_failed_ = true; }
    [[nodiscard]] bool is_whole() const { return !is_failed_ && rest_.empty(); }

private:
    std::string_view take(std::size_t size) {
        if (is_failed_ || size == std::string_view::npos) {
            fail();
            return {};
        }
        const std::string_view taken = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return taken;
    }

    std::string_view rest_;
    bool is_failed_ = false;
};

Error bad_line(std::string_view why) {
    return {Errc::invalid_input, "entry line: " + std::string(why)};
}

bool is_sender_urn(std::string_view text) {
    return text.starts_with(kSenderPrefix) && is_name(text.substr(kSenderPrefix.size()));
}

bool is_cert(std::string_view text) {
    CertFingerprint cert;
    if (text.size() != 2 * cert.size()) return false;
    bool is_hex = true;
    for (std::size_t i = 0; i < cert.size(); i += 4) {
        is_hex = is_hex && read_hex8(text.data() + 2 * i, &cert[i]);
    }
    return is_hex;
}

// What stands behind the body, to the end of the line; `out.kind` is known.
Result<void> read_envelope(LineCursor& cursor, EntryLine& out) {
    const bool is_alert = out.kind == EntryLine::Kind::alert;
    if (is_alert) {
        cursor.expect(",\"cert\":\"");
        out.cert = cursor.until("\"");
        cursor.expect("\"");
    }
    cursor.expect(",\"index\":");
    const std::string_view index = cursor.until(",");
    cursor.expect(",\"received_at\":\"");
    const std::string_view received_at = cursor.until("\"");
    cursor.expect("\",\"sender\":\"");
    out.sender = cursor.until("\"");
    cursor.expect("\"");
    const bool has_sent_at = is_alert && cursor.accept(",\"sent_at\":\"");
    if (has_sent_at) {
        out.sent_at = cursor.until("\"");
        cursor.expect("\"");
    }
    cursor.expect("}");
    if (!cursor.is_whole()) {
        return bad_line(
            "its members are not alert or audit, cert, index, received_at, sender, "
            "sent_at, in this order and nothing else");
    }

    const auto number = parse_integer(index);
    if (!number) return bad_line("`index` must be an integer from 0 to 2^53-1");
    out.index = EntryIndex(*number);
    const auto at = parse_server_time(received_at);
    if (!at) return bad_line("`received_at` must be a time like 2026-01-02T03:04:05.678Z");
    out.received_at = *at;
    if (is_alert && !is_cert(out.cert)) return bad_line("`cert` must be 32 lower-case hex digits");
    if (is_alert ? !is_sender_urn(out.sender) : out.sender != kDaemon) {
        return bad_line(
            "`sender` must be urn:anchorlog:sender:<name>, or urn:anchorlog:daemon "
            "for an audit");
    }
    if (has_sent_at && !parse_sender_time(out.sent_at)) {
        return bad_line("`sent_at` must be an RFC 3339 time with T and Z");
    }
    return {};
}

}  // namespace

void append_alert_line(std::string& out, std::string_view canonical, const CertFingerprint& cert,
                       EntryIndex index, WallTime received_at, std::string_view sender,
                       std::string_view sent_at) {
    out.append("{\"alert\":").append(canonical).append(",\"cert\":\"");
    append_hex(out, ByteView(cert));
    out.append("\",\"index\":");
    append_number(out, index.value);
    out.append(",\"received_at\":\"");
    append_server_time(out, received_at);
    out.append("\",\"sender\":\"").append(kSenderPrefix).append(sender);
    if (!sent_at.empty()) out.append("\",\"sent_at\":\"").append(sent_at);
    out.append("\"}\n");
}

void append_audit_line(std::string& out, const Audit& audit, EntryIndex index,
                       WallTime received_at) {
    std::string body;
    ObjectWriter record(body);
    record.number("count", audit.count);
    if (!audit.data.empty()) record.raw("data", audit.data);
    record.string("event", audit.event)
        .plain("first_at", format_server_time(audit.first_at))
        .plain("last_at", format_server_time(audit.last_at))
        .string("subject", safe_subject(audit.subject))
        .close();
    ObjectWriter(out)
        .raw("audit", body)
        .number("index", index.value)
        .plain("received_at", format_server_time(received_at))
        .plain("sender", kDaemon)
        .close();
    out.push_back('\n');
}

Result<EntryLine> parse_entry_line(std::string_view line) {
    if (line.size() > kEntryLineSizeMax) {
        return bad_line("longer than " + std::to_string(kEntryLineSizeMax) + " bytes");
    }
    EntryLine out;
    LineCursor cursor(line);
    if (cursor.accept("{\"audit\":")) {
        out.kind = EntryLine::Kind::audit;
    } else {
        cursor.expect(kAlertStart);
    }
    out.body = cursor.object();
    if (auto read = read_envelope(cursor, out); !read) return std::move(read).error();
    return out;
}

std::optional<AlertLine> read_expected_line(std::string_view line) {
    if (line.size() > kEntryLineSizeMax || !line.starts_with(kAlertStart)) return std::nullopt;
    const std::string_view rest = line.substr(kAlertStart.size());
    std::size_t size = 0;
    const auto alert = read_expected_prefix(rest, size);
    if (!alert) return std::nullopt;
    EntryLine envelope;
    LineCursor cursor(rest.substr(size));
    if (!read_envelope(cursor, envelope)) return std::nullopt;
    return AlertLine{envelope.index,  envelope.received_at, alert->device_id,
                     alert->entry_id, alert->epoch,         alert->seq_no};
}

}  // namespace anchorlog::wire
