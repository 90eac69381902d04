#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "anchorlog/base/bytes.h"
#include "anchorlog/base/clock.h"
#include "anchorlog/base/result.h"
#include "anchorlog/base/types.h"

namespace anchorlog::wire {

// The longest line of log/, without LF: a full alert and its envelope.
inline constexpr std::size_t kEntryLineSizeMax = 65'536 + 1'024;

using CertFingerprint = std::array<std::uint8_t, 16>;

// Appends `{"alert":…,"cert":…,"index":…,"received_at":…,"sender":…[,"sent_at":…]}` and LF
// (formats §3). `canonical` is the alert's canonical form, `sender` the bare name.
void append_alert_line(std::string& out, std::string_view canonical, const CertFingerprint& cert,
                       EntryIndex index, WallTime received_at, std::string_view sender,
                       std::string_view sent_at);

// What the daemon itself puts on record.
struct Audit {
    std::string event;    // one of formats §3
    std::string subject;  // ≤ 128 printable ASCII
    std::string data;     // canonical JSON, or empty
    std::uint64_t count = 1;
    WallTime first_at;
    WallTime last_at;
};
inline constexpr std::size_t kAuditSubjectSizeMax = 128;

void append_audit_line(std::string& out, const Audit& audit, EntryIndex index,
                       WallTime received_at);

// A stored line, taken apart. Views into the line.
struct EntryLine {
    enum class Kind { alert, audit } kind = Kind::alert;
    std::string_view body;  // the canonical alert or audit object
    std::string_view cert;  // 32 hex digits; empty for audits
    EntryIndex index;
    WallTime received_at;
    std::string_view sender;   // urn:anchorlog:sender:… or urn:anchorlog:daemon
    std::string_view sent_at;  // empty when absent
};

// Takes apart one line without LF: exact members in exact order. Checks the envelope byte for
// byte; whether `body` is canonical is is_canonical()'s to say.
[[nodiscard]] Result<EntryLine> parse_entry_line(std::string_view line);

}  // namespace anchorlog::wire
