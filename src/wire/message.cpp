#include "anchorlog/wire/message.h"

#include <algorithm>

#include "anchorlog/base/bytes.h"
#include "wire/object_writer.h"

namespace anchorlog::wire {

namespace {

constexpr std::uint64_t kProtocol = 1;

// {"<device_id>":{"epoch":…,"seq_no":…},…}: one member a device, the highest number of it.
std::string durable_object(std::vector<DurableNumber> durable) {
    std::sort(durable.begin(), durable.end(), [](const DurableNumber& a, const DurableNumber& b) {
        return std::tie(a.device_id, b.epoch, b.seq_no) < std::tie(b.device_id, a.epoch, a.seq_no);
    });
    durable.erase(std::unique(durable.begin(), durable.end(),
                              [](const DurableNumber& a, const DurableNumber& b) {
                                  return a.device_id == b.device_id;
                              }),
                  durable.end());
    std::string out;
    ObjectWriter devices(out);
    for (const DurableNumber& number : durable) {
        std::string value;
        ObjectWriter(value)
            .number("epoch", number.epoch.value)
            .number("seq_no", number.seq_no.value)
            .close();
        devices.raw(number.device_id, value);
    }
    devices.close();
    return out;
}

}  // namespace

std::string_view to_string(RejectCode code) noexcept {
    switch (code) {
        case RejectCode::malformed:
            return "malformed";
        case RejectCode::schema:
            return "schema";
        case RejectCode::too_large:
            return "too_large";
        case RejectCode::identity:
            return "identity";
        case RejectCode::signature:
            return "signature";
        case RejectCode::replay:
            return "replay";
        case RejectCode::equivocation:
            return "equivocation";
        case RejectCode::stale:
            return "stale";
        case RejectCode::future:
            return "future";
        case RejectCode::busy:
            return "busy";
        case RejectCode::storage_full:
            return "storage_full";
        case RejectCode::shutting_down:
            return "shutting_down";
        case RejectCode::forked:
            return "forked";
    }
    return "unknown";
}

bool is_permanent(RejectCode code) noexcept {
    switch (code) {
        case RejectCode::malformed:
        case RejectCode::schema:
        case RejectCode::too_large:
        case RejectCode::identity:
        case RejectCode::signature:
        case RejectCode::replay:
        case RejectCode::equivocation:
            return true;
        case RejectCode::stale:
        case RejectCode::future:
        case RejectCode::busy:
        case RejectCode::storage_full:
        case RejectCode::shutting_down:
        case RejectCode::forked:
            return false;
    }
    return false;
}

std::string format_ack(std::string_view device_id, Epoch epoch, SeqNo seq_no, EntryIndex index) {
    std::string out;
    ObjectWriter(out)
        .string("device_id", device_id)
        .number("epoch", epoch.value)
        .number("index", index.value)
        .number("seq_no", seq_no.value)
        .plain("type", "ack")
        .close();
    return out;
}

std::string format_reject(std::uint64_t frame, const Refusal& refusal, WallTime now) {
    std::string out;
    ObjectWriter object(out);
    object.plain("code", to_string(refusal.code)).string("detail", refusal.detail);
    if (refusal.number) {
        object.string("device_id", refusal.number->device_id)
            .number("epoch", refusal.number->epoch.value);
    }
    object.number("frame", frame)
        .plain("now", format_server_time(now))
        .boolean("permanent", is_permanent(refusal.code));
    if (refusal.number) object.number("seq_no", refusal.number->seq_no.value);
    object.plain("type", "reject").close();
    return out;
}

std::string format_welcome(const Welcome& welcome) {
    std::vector<std::string> path;
    path.reserve(welcome.consistency.size());
    for (const Hash& hash : welcome.consistency) path.push_back(to_hex(hash));
    std::string out;
    ObjectWriter(out)
        .string("checkpoint", welcome.checkpoint)
        .raw("consistency", string_array(path))
        .raw("durable", durable_object(welcome.durable))
        .number("entries", welcome.entries)
        .string("origin", welcome.origin)
        .number("protocol", kProtocol)
        .plain("type", "welcome")
        .close();
    return out;
}

}  // namespace anchorlog::wire
