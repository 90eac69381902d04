#include "anchorlog/ledger/audit_folder.h"

#include <algorithm>

namespace anchorlog::ledger {

std::string audit_subject(std::string_view text) {
    std::string out(text.substr(0, wire::kAuditSubjectSizeMax));
    for (char& c : out) {
        if (c < 0x20 || c > 0x7e) c = '?';
    }
    return out;
}

void AuditFolder::add(std::string event, std::string subject, std::string data, Now now,
                      bool urgent) {
    wire::Audit audit{std::move(event), audit_subject(subject), std::move(data), 1, now.wall,
                      now.wall};
    if (urgent) {
        urgent_.push_back(std::move(audit));
        return;
    }
    Key key{audit.event, audit.subject};
    if (const auto found = pending_.find(key); found != pending_.end()) {
        ++found->second.audit.count;
        found->second.audit.last_at = now.wall;
        return;
    }
    if (pending_.size() >= kAuditPendingMax) {
        if (!suppressed_) suppressed_due_ = {now.steady.ms + kAuditFoldMs};
        suppress(audit);
        return;
    }
    pending_.emplace(std::move(key), Pending{std::move(audit), {now.steady.ms + kAuditFoldMs}});
}

void AuditFolder::suppress(const wire::Audit& audit) {
    if (!suppressed_) {
        suppressed_ = wire::Audit{"suppressed", "audit", "", 0, audit.first_at, audit.last_at};
    }
    suppressed_->count += audit.count;
    suppressed_->first_at = std::min(suppressed_->first_at, audit.first_at);
    suppressed_->last_at = std::max(suppressed_->last_at, audit.last_at);
}

bool AuditFolder::spend_line(SteadyTime now) {
    if (refilled_) {
        const double minutes = static_cast<double>(now.ms - refilled_->ms) / 60'000.0;
        lines_ =
            std::min<double>(kAuditLinesPerMinuteMax, lines_ + minutes * kAuditLinesPerMinuteMax);
    }
    refilled_ = now;
    if (lines_ < 1.0) return false;
    lines_ -= 1.0;
    return true;
}

std::vector<wire::Audit> AuditFolder::take(Now now) {
    std::vector<wire::Audit> out = std::move(urgent_);
    urgent_.clear();
    for (auto it = pending_.begin(); it != pending_.end();) {
        if (it->second.due > now.steady) {
            ++it;
            continue;
        }
        if (spend_line(now.steady)) {
            out.push_back(std::move(it->second.audit));
        } else {
            if (!suppressed_) suppressed_due_ = {now.steady.ms + 60'000};
            suppress(it->second.audit);
        }
        it = pending_.erase(it);
    }
    if (suppressed_ && suppressed_due_ <= now.steady) {
        out.push_back(std::move(*suppressed_));
        suppressed_.reset();
    }
    return out;
}

std::vector<wire::Audit> AuditFolder::take_all(Now now) {
    for (auto& [key, pending] : pending_) pending.due = now.steady;
    std::vector<wire::Audit> out = take(now);
    if (suppressed_) out.push_back(std::move(*suppressed_));
    suppressed_.reset();
    return out;
}

std::optional<SteadyTime> AuditFolder::next_due() const {
    if (!urgent_.empty()) return SteadyTime{INT64_MIN};
    std::optional<SteadyTime> next;
    if (suppressed_) next = suppressed_due_;
    for (const auto& [key, pending] : pending_) {
        if (!next || pending.due < *next) next = pending.due;
    }
    return next;
}

}  // namespace anchorlog::ledger
