#include "verify/device_audit.h"

#include <algorithm>

#include "anchorlog/crypto/sha256.h"

namespace anchorlog::verify {

void DeviceAudit::begin_batch() {
    rows_.clear();
    alerts_ = audits_ = 0;
    sequence_broken_ = false;
}

void DeviceAudit::entry(const EntryFact& fact, FaultList& faults, const Segment& segment) {
    if (!fact.is_alert) {
        ++audits_;
        return;
    }
    ++alerts_;
    const std::uint64_t epoch = fact.epoch.value;
    const std::uint64_t seq_no = fact.seq_no.value;
    Number& number = devices_[fact.device_id];
    const bool older = epoch < number.epoch;
    const bool opens = epoch > number.epoch;
    if (older || (!opens && seq_no <= number.highest)) {
        Fault fault;
        fault.kind = "sequence";
        fault.phrase = "repeats a number of device " + fact.device_id;
        fault.index = fact.index();
        fault.segment = segment.name;
        fault.line = fact.number + 1;
        fault.expected = older ? "epoch " + std::to_string(number.epoch) + " or later"
                               : "seq_no above " + std::to_string(number.highest);
        fault.found = "epoch " + std::to_string(epoch) + ", seq_no " + std::to_string(seq_no);
        faults.add(std::move(fault));
        sequence_broken_ = true;
        return;
    }
    const std::uint64_t before = opens ? 0 : number.highest;
    auto [row, made] = rows_.try_emplace({fact.device_id, epoch});
    if (made) row->second = {seq_no, seq_no, 0, before};
    row->second.last = seq_no;
    ++row->second.count;
    number.epoch = epoch;
    number.gaps += seq_no - before - 1;
    number.highest = seq_no;
}

void DeviceAudit::end_batch(const wire::Header& header, FaultList& faults) {
    const auto differ = [&](const char* member, std::string expected, std::string found) {
        Fault fault =
            batch_fault("header", header.batch_id.value,
                        std::string("has a header whose ") + member + " does not fit its entries");
        fault.expected = std::move(expected);
        fault.found = std::move(found);
        faults.add(std::move(fault));
    };
    if (audits_ != header.count_audit) {
        differ("count_audit", std::to_string(audits_), std::to_string(header.count_audit));
    }
    if (sequence_broken_) return;
    std::vector<wire::Source> all;
    all.reserve(rows_.size());
    for (const auto& [key, row] : rows_) {
        all.push_back({key.first, Epoch(key.second), SeqNo(row.first), SeqNo(row.last), row.count,
                       row.last - row.before - row.count});
    }
    std::vector<wire::Source> stated = header.sources;
    if (uncertain_) {
        for (auto* list : {&all, &stated}) {
            for (wire::Source& source : *list) source.gaps = 0;
        }
    }
    const std::string ours = wire::format_sources(all);
    if (all.size() <= wire::kSourcesMax) {
        const std::string theirs = wire::format_sources(stated);
        if (ours != theirs || header.sources_count || header.sources_digest) {
            differ("sources", ours, header.sources_digest ? "a digest" : theirs);
        }
        return;
    }
    if (!header.sources.empty() || header.sources_count != all.size()) {
        differ("sources_count", std::to_string(all.size()),
               header.sources_count ? std::to_string(*header.sources_count) : "none");
    } else if (!uncertain_) {
        const Hash digest = crypto::sha256(as_bytes(ours));
        if (header.sources_digest != digest) {
            differ("sources_digest", to_hex(digest),
                   header.sources_digest ? to_hex(*header.sources_digest) : "none");
        }
    }
}

void DeviceAudit::damaged_batch(const wire::Header* header) {
    if (header == nullptr || header->sources_digest) {
        uncertain_ = true;
        return;
    }
    for (const wire::Source& source : header->sources) {
        Number& number = devices_[source.device_id];
        if (source.epoch.value < number.epoch) continue;
        if (source.epoch.value > number.epoch) number.highest = 0;
        number.epoch = source.epoch.value;
        number.highest = std::max(number.highest, source.last_seq.value);
        number.gaps += source.gaps;
    }
}

std::vector<std::string> DeviceAudit::gap_notes(std::size_t rows_max) const {
    std::vector<std::pair<std::uint64_t, std::string>> gaps;
    for (const auto& [device, number] : devices_) {
        if (number.gaps > 0) gaps.emplace_back(number.gaps, device);
    }
    std::sort(gaps.begin(), gaps.end(), [](const auto& a, const auto& b) {
        return a.first != b.first ? a.first > b.first : a.second < b.second;
    });
    std::vector<std::string> notes;
    for (const auto& [count, device] : gaps) {
        if (notes.size() == rows_max) {
            notes.push_back("gaps of " + std::to_string(gaps.size() - rows_max) +
                            " more devices are not listed");
            break;
        }
        notes.push_back("device " + device + ": " + std::to_string(count) +
                        " numbers were never logged (gaps of the sender)");
    }
    return notes;
}

}  // namespace anchorlog::verify
