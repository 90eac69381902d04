#include <algorithm>

#include <nlohmann/json.hpp>

#include "anchorlog/verify/receipt.h"
#include "verify/evidence_source.h"
#include "verify/verdict.h"

namespace anchorlog::verify {
namespace {

using Json = nlohmann::ordered_json;

class ReceiptAudit {
public:
    ReceiptAudit(FileSystem& fs, const std::string& dir, const Trust& trust)
        : trust_(trust), source_(fs, dir, trust) {}

    ReceiptReport run(std::string_view text) {
        auto done = read(text);
        if (done) done = judge();
        if (!done) report_.undecided.push_back(done.error().message);
        conclude();
        return std::move(report_);
    }

private:
    Result<void> read(std::string_view text) {
        while (text.ends_with('\n')) text.remove_suffix(1);
        auto receipt = wire::parse_receipt(text);
        if (!receipt) return std::move(receipt).error().in("the receipt does not read");
        report_.receipt = std::move(*receipt);
        auto done = source_.open();
        if (done) done = source_.read(WhichEntry(report_.receipt->index));
        report_.origin = source_.origin();
        return done ? check_signature() : done;
    }

    // By a key of the trust file, or one that the log changed to: else nobody promised anything.
    Result<void> check_signature() {
        const wire::Receipt& receipt = *report_.receipt;
        const Bytes payload = wire::receipt_payload(wire::log_id_of(report_.origin), receipt.index,
                                                    receipt.leaf, receipt.received_at);
        std::vector<wire::VerifierKey> keys = trust_.keys_of(report_.origin);
        for (const wire::Header& change : source_.key_changes()) {
            if (auto key = wire::parse_vkey(change.key_change->new_key)) keys.push_back(*key);
        }
        for (const wire::VerifierKey& key : keys) {
            if (wire::format_key_id(key.key_id) != receipt.signer) continue;
            if (crypto::verify(key.key, payload, receipt.sig)) return check_reign(key);
            return Error{Errc::refused, "the receipt proves nothing: key " + receipt.signer +
                                            " of " + report_.origin + " did not sign it"};
        }
        return Error{Errc::refused, "the receipt proves nothing: its key " + receipt.signer +
                                        " is none that counts for " + report_.origin};
    }

    // Entries behind a change of the key came after it: no honest log promised them with the old.
    Result<void> check_reign(const wire::VerifierKey& key) {
        const std::string vkey = wire::format_vkey(key);
        const std::uint64_t index = report_.receipt->index.value;
        std::uint64_t end = UINT64_MAX;  // of the entries that its reign covers
        for (const wire::Header& change : source_.key_changes()) {
            if (change.key_change->old_key == vkey) end = change.first_index.value;
            if (change.key_change->new_key == vkey) end = UINT64_MAX;
        }
        if (index < end) return {};
        return Error{Errc::refused, "the receipt proves nothing: its key " +
                                        report_.receipt->signer + " was replaced before entry " +
                                        std::to_string(end) + ", whoever had it then made this"};
    }

    Result<void> judge() {
        for (const Fault& fault : source_.faults()) {
            report_.notes.push_back("elsewhere in the store: " + describe(fault));
        }
        const auto& batch = source_.batch_of_asked();
        if (!batch) return judge_missing();
        report_.batch = batch->header.batch_id.value;
        auto leaves = source_.leaves_of(batch->header);
        if (!leaves) return std::move(leaves).error();
        const std::uint64_t place = report_.receipt->index.value - batch->header.first_index.value;
        report_.leaf = (*leaves)[place];
        if (*report_.leaf == report_.receipt->leaf) {
            report_.basis.push_back("the signed header of batch " + std::to_string(*report_.batch) +
                                    " covers the promised line at its index");
            return {};
        }
        auto path = merkle::inclusion_path(place, *leaves);
        if (!path) return std::move(path).error();
        report_.proof_path = std::move(*path);
        Fault fault = broken(*batch, "holds another line than was promised");
        fault.expected = to_hex(report_.receipt->leaf);
        fault.found = to_hex(*report_.leaf);
        report_.faults.push_back(std::move(fault));
        return {};
    }

    // No header covers it. Whether one had to says the newest.
    Result<void> judge_missing() {
        const wire::Receipt& receipt = *report_.receipt;
        const auto& newest = source_.newest();
        const std::uint64_t end =
            newest ? newest->header.first_index.value + newest->header.count : 0;
        const bool is_late =
            newest && newest->header.sealed_at.ms - receipt.received_at.ms > kReceiptGraceMs;
        if (receipt.index.value < end) {
            return Error{Errc::not_found, "no readable header covers entry " +
                                              std::to_string(receipt.index.value) +
                                              ", though later ones are sealed: audit the log"};
        }
        if (!is_late) {
            return Error{Errc::not_found, "entry " + std::to_string(receipt.index.value) +
                                              " is not sealed yet, and no seal is more than 120 s "
                                              "younger than the promise"};
        }
        report_.batch = newest->header.batch_id.value;
        Fault fault = broken(*newest, "does not reach the promised entry");
        fault.expected = "entry " + std::to_string(receipt.index.value) + ", received " +
                         format_server_time(receipt.received_at);
        fault.found = std::to_string(end) + " entries, sealed " +
                      format_server_time(newest->header.sealed_at);
        report_.faults.push_back(std::move(fault));
        return {};
    }

    Fault broken(const BatchFact& batch, std::string phrase) {
        report_.proof_line = wire::format_batch_line(batch.line);
        return batch_fault("receipt_broken", batch.header.batch_id.value, std::move(phrase));
    }

    void conclude() {
        for (const std::string& why : source_.undecided()) report_.undecided.push_back(why);
        if (!report_.faults.empty()) {
            report_.verdict = Verdict::fail;
        } else if (report_.undecided.empty()) {
            report_.verdict = Verdict::pass;
            report_.basis.emplace_back(kSealedAlone);
        }
    }

    const Trust& trust_;
    ReceiptReport report_;
    EvidenceSource source_;
};

const char* word_of(Verdict verdict) {
    return verdict == Verdict::pass ? "KEPT" : verdict == Verdict::fail ? "BROKEN" : "";
}

}  // namespace

ReceiptReport verify_receipt(FileSystem& fs, const std::string& dir, std::string_view receipt,
                             const Trust& trust) {
    return ReceiptAudit(fs, dir, trust).run(receipt);
}

std::string to_text(const ReceiptReport& report) {
    std::string out;
    if (!report.origin.empty()) out += "log " + report.origin + "\n";
    if (report.receipt) {
        const wire::Receipt& receipt = *report.receipt;
        out += "receipt for " + receipt.device_id + " " + std::to_string(receipt.epoch.value) +
               "/" + std::to_string(receipt.seq_no.value) + ": entry " +
               std::to_string(receipt.index.value) + ", leaf " + to_hex(receipt.leaf) +
               ", received " + format_server_time(receipt.received_at) + "\n";
    }
    for (const Fault& fault : report.faults) out += "FAULT " + describe(fault) + "\n";
    for (const std::string& why : report.undecided) out += "UNDECIDED " + why + "\n";
    for (const std::string& why : report.basis) out += "reason " + why + "\n";
    for (const std::string& note : report.notes) out += "note " + note + "\n";
    out += to_string(report.verdict);
    out += std::string(report.verdict == Verdict::undecided ? "" : " ") + word_of(report.verdict);
    if (report.verdict == Verdict::fail) {
        out += ": " + describe(report.faults.front());
    } else if (report.verdict == Verdict::pass) {
        out += ": entry " + std::to_string(report.receipt->index.value) + " is what was promised";
    } else if (!report.undecided.empty()) {
        out += " " + report.undecided.front();
    }
    return out + "\n";
}

std::string to_json(const ReceiptReport& report) {
    Json json{{"verdict", to_string(report.verdict)},
              {"origin", report.origin},
              {"index", nullptr},
              {"batch", nullptr},
              {"leaf_promised", nullptr},
              {"leaf_found", nullptr},
              {"basis", report.basis},
              {"faults", Json::array()},
              {"undecided", report.undecided},
              {"notes", report.notes},
              {"proof", nullptr}};
    if (report.receipt) {
        json["index"] = report.receipt->index.value;
        json["leaf_promised"] = to_hex(report.receipt->leaf);
    }
    if (report.batch) json["batch"] = *report.batch;
    if (report.leaf) json["leaf_found"] = to_hex(*report.leaf);
    for (const Fault& fault : report.faults) {
        json["faults"].push_back({{"kind", fault.kind}, {"what", describe(fault)}});
    }
    if (!report.proof_line.empty()) {
        Json path = Json::array();
        for (const Hash& hash : report.proof_path) path.push_back(to_hex(hash));
        json["proof"] = {{"batch_line", report.proof_line}, {"path", path}};
    }
    return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace anchorlog::verify
