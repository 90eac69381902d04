#include "verify/device_audit.h"

#include <algorithm>

#include "anchorlog/crypto/sha256.h"

namespace anchorlog::verify {

void DeviceAudit::begin_batch() {
    for (const Row& row : rows_) devices_[row.device].in_batch = false;
    rows_.clear();
    audits_ = 0;
    sequence_broken_ = false;
}

DeviceAudit::Number& DeviceAudit::number_of(std::uint32_t device) {
    if (device >= devices_.size()) {
        Number fresh;
        fresh.known = from_start_;
        devices_.resize(device + 1, fresh);
    }
    return devices_[device];
}

void DeviceAudit::take_row(const EntryFact& fact, Number& number, std::uint64_t before,
                           bool before_known) {
    const bool goes_on = number.in_batch && rows_[number.row].epoch == fact.epoch.value;
    if (!goes_on) {
        number.in_batch = true;
        number.row = static_cast<std::uint32_t>(rows_.size());
        rows_.push_back(
            {fact.device, before_known, fact.epoch.value, fact.seq_no.value, 0, 0, before});
    }
    Row& row = rows_[number.row];
    row.last = fact.seq_no.value;
    ++row.count;
}

void DeviceAudit::entry(const EntryFact& fact, FaultList& faults, const Segment& segment) {
    if (!fact.is_alert()) {
        ++audits_;
        return;
    }
    const std::uint64_t epoch = fact.epoch.value;
    const std::uint64_t seq_no = fact.seq_no.value;
    Number& number = number_of(fact.device);
    const bool older = number.known && epoch < number.epoch;
    const bool opens = !number.known || epoch > number.epoch;
    if (older || (!opens && seq_no <= number.highest)) {
        Fault fault;
        fault.kind = "sequence";
        fault.phrase = "repeats a number of device " + names_.name_of(fact.device);
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
    take_row(fact, number, before, number.known);
    if (number.alerts == 0) {
        ++seen_;
        number.first_index = fact.index();
    }
    if (number.alerts == 0 || opens) ++number.epochs;
    if (number.known) number.gaps += seq_no - before - 1;
    ++number.alerts;
    number.known = true;
    number.last_index = fact.index();
    number.epoch = epoch;
    number.highest = seq_no;
}

void DeviceAudit::differ(const wire::Header& header, FaultList& faults, const char* member,
                         std::string expected, std::string found) {
    Fault fault =
        batch_fault("header", header.batch_id.value,
                    std::string("has a header whose ") + member + " does not fit its entries");
    fault.expected = std::move(expected);
    fault.found = std::move(found);
    faults.add(std::move(fault));
}

std::vector<wire::Source> DeviceAudit::sources_seen() const {
    std::vector<wire::Source> all;
    all.reserve(rows_.size());
    for (const Row& row : rows_) {
        const std::uint64_t gaps =
            row.before_known && !uncertain_ ? row.last - row.before - row.count : 0;
        all.push_back({names_.name_of(row.device), Epoch(row.epoch), SeqNo(row.first),
                       SeqNo(row.last), row.count, gaps});
    }
    return all;
}

// Gaps count from the number before the batch: where that is not known they are not compared.
void DeviceAudit::compare_sources(const wire::Header& header, FaultList& faults) {
    const bool partial = uncertain_ || std::any_of(rows_.begin(), rows_.end(), [](const Row& row) {
                             return !row.before_known;
                         });
    std::vector<wire::Source> all = sources_seen();
    if (all.size() > wire::kSourcesMax) {
        const std::string ours = wire::format_sources(all);
        if (!header.sources.empty() || header.sources_count != all.size()) {
            differ(header, faults, "sources_count", std::to_string(all.size()),
                   header.sources_count ? std::to_string(*header.sources_count) : "none");
            return;
        }
        if (partial) return;
        const Hash digest = crypto::sha256(as_bytes(ours));
        if (header.sources_digest != digest) {
            differ(header, faults, "sources_digest", to_hex(digest),
                   header.sources_digest ? to_hex(*header.sources_digest) : "none");
        }
        return;
    }
    std::vector<wire::Source> stated = header.sources;
    if (partial) {
        for (auto* list : {&all, &stated}) {
            for (wire::Source& source : *list) source.gaps = 0;
        }
    }
    const std::string ours = wire::format_sources(all);
    const std::string theirs = wire::format_sources(stated);
    if (ours != theirs || header.sources_count || header.sources_digest) {
        differ(header, faults, "sources", ours, header.sources_digest ? "a digest" : theirs);
    }
}

void DeviceAudit::end_batch(const wire::Header& header, FaultList& faults) {
    if (audits_ != header.count_audit) {
        differ(header, faults, "count_audit", std::to_string(audits_),
               std::to_string(header.count_audit));
    }
    if (!sequence_broken_) compare_sources(header, faults);
}

void DeviceAudit::damaged_batch(const wire::Header* header) {
    if (header == nullptr || header->sources_digest) {
        uncertain_ = true;
        return;
    }
    for (const wire::Source& source : header->sources) {
        const auto device = names_.number_of(source.device_id);
        if (!device) continue;
        Number& number = number_of(*device);
        if (number.known && source.epoch.value < number.epoch) continue;
        if (source.epoch.value > number.epoch) number.highest = 0;
        number.known = true;
        number.epoch = source.epoch.value;
        number.highest = std::max(number.highest, source.last_seq.value);
        number.gaps += source.gaps;
    }
}

void DeviceAudit::pruned_batch(const wire::Header& header,
                               const std::vector<wire::Source>& sources) {
    for (const Row& row : rows_) {  // the lines that are there count with the others
        Number& number = devices_[row.device];
        number.alerts -= row.count;
        if (row.before_known) number.gaps -= row.last - row.before - row.count;
    }
    for (const wire::Source& source : sources) {
        const auto device = names_.number_of(source.device_id);
        if (!device) continue;
        Number& number = number_of(*device);
        const bool opens = !number.known || source.epoch.value > number.epoch;
        if (number.epochs == 0) {
            ++seen_;
            number.first_index = header.first_index.value;
        }
        if (number.epochs == 0 || opens) ++number.epochs;
        number.alerts += source.count;
        number.gaps += source.gaps;
        number.last_index = header.first_index.value + header.count - 1;
        number.known = true;
        number.epoch = source.epoch.value;
        number.highest = source.last_seq.value;
    }
}

std::vector<DeviceSummary> DeviceAudit::summaries() const {
    std::vector<std::uint32_t> order;
    for (std::uint32_t i = 0; i < devices_.size(); ++i) {
        if (devices_[i].alerts > 0) order.push_back(i);
    }
    std::sort(order.begin(), order.end(), [this](std::uint32_t a, std::uint32_t b) {
        if (devices_[a].gaps != devices_[b].gaps) return devices_[a].gaps > devices_[b].gaps;
        return names_.name_of(a) < names_.name_of(b);
    });
    if (order.size() > kDevicesListedMax) order.resize(kDevicesListedMax);
    std::vector<DeviceSummary> all;
    for (const std::uint32_t device : order) {
        const Number& number = devices_[device];
        all.push_back({names_.name_of(device), number.alerts, number.gaps, number.epochs,
                       number.epoch, number.highest, number.first_index, number.last_index});
    }
    return all;
}

std::vector<std::string> DeviceAudit::gap_notes(std::size_t rows_max) const {
    std::size_t with_gaps = 0;
    for (const Number& number : devices_) with_gaps += number.gaps > 0 ? 1 : 0;
    std::vector<std::string> notes;
    for (const DeviceSummary& device : summaries()) {
        if (device.gaps == 0) break;
        if (notes.size() == rows_max) {
            notes.push_back("gaps of " + std::to_string(with_gaps - rows_max) +
                            " more devices are not listed");
            break;
        }
        notes.push_back("device " + device.device + ": " + std::to_string(device.gaps) +
                        " numbers were never logged (gaps of the sender)");
    }
    return notes;
}

}  // namespace anchorlog::verify
