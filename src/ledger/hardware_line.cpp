#include "anchorlog/ledger/hardware_line.h"

#include <utility>

#include "anchorlog/wire/header.h"
#include "ledger/damage.h"

namespace anchorlog::ledger {

std::string checkpoint_text(const SealedBatch& batch) {
    return wire::format_checkpoint(
        {batch.header.log, TreeSize(batch.header.batch_id.value + 1), batch.history_root});
}

void add_hardware_line(SealedBatch& batch, const wire::HardwareKey& key, ByteView signature) {
    batch.checkpoint += wire::hardware_line(key, signature);
    batch.line = wire::format_batch_line(
        {batch.checkpoint, batch.header_text, Bytes(batch.seal.begin(), batch.seal.end())});
    batch.line += '\n';
}

Result<void> sign_in_hardware(SealedBatch& batch, const crypto::HardwareSigner& hardware) {
    auto signature = hardware.sign(as_bytes(checkpoint_text(batch)));
    if (!signature) return std::move(signature).error().in("hardware_key");
    add_hardware_line(batch, wire::make_hardware_key(batch.header.log, hardware.public_key()),
                      *signature);
    return {};
}

Result<std::string> hardware_vkey(const store::Journal& batches) {
    std::string named;
    bool is_read = false;
    auto visited = batches.for_each(
        0, [&](std::uint64_t, std::string_view text, store::LinePosition) -> Result<void> {
            auto line = wire::parse_batch_line(text);
            auto header =
                line ? wire::parse_header(line->header) : Result<wire::Header>(line.error());
            if (!header) return damage("batches/ line 0: " + header.error().message);
            if (!header->genesis) return damage("batches/ line 0 is not a genesis header");
            for (const std::string& key : header->genesis->keys) {
                if (wire::parse_hardware_vkey(key)) named = key;
            }
            is_read = true;
            return Error{Errc::internal, "the first line is all that was asked for"};
        });
    if (!is_read && !visited) return std::move(visited).error();
    return named;
}

}  // namespace anchorlog::ledger
