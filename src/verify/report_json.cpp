#include <nlohmann/json.hpp>

#include "anchorlog/base/bytes.h"
#include "anchorlog/verify/report.h"

namespace anchorlog::verify {
namespace {

using Json = nlohmann::ordered_json;

Json fault_json(const Fault& fault) {
    Json json{{"kind", fault.kind}, {"what", describe(fault)}};
    if (fault.index) {
        json["index"] = *fault.index;
        json["index_last"] = fault.index_last.value_or(*fault.index);
    }
    if (fault.batch) {
        json["batch"] = *fault.batch;
        json["batch_last"] = fault.batch_last.value_or(*fault.batch);
    }
    if (!fault.segment.empty()) json["segment"] = fault.segment;
    if (fault.line) json["line"] = *fault.line;
    if (!fault.detail.empty()) json["detail"] = fault.detail;
    if (!fault.expected.empty()) json["expected"] = fault.expected;
    if (!fault.found.empty()) json["found"] = fault.found;
    return json;
}

template <class Items, class Convert>
Json list_json(const Items& items, Convert convert) {
    Json list = Json::array();
    for (const auto& item : items) list.push_back(convert(item));
    return list;
}

Json anchor_json(const AnchorSummary& anchor) {
    return {{"chain_id", anchor.chain_id},
            {"contract", anchor.contract},
            {"from_batch", anchor.from_batch},
            {"batch", anchor.batch},
            {"block_number", anchor.block_number},
            {"block_hash", anchor.block_hash},
            {"transaction", anchor.transaction},
            {"state", anchor.state},
            {"basis", anchor.basis},
            {"label", anchor.is_public ? "public" : "private"}};
}

Json target_json(const TargetSummary& one) {
    Json json{{"target", one.target},
              {"type", one.type},
              {"state", one.state},
              {"lines", one.lines},
              {"detail", one.detail}};
    if (one.covered_to) json["covered_to"] = *one.covered_to;
    return json;
}

Json device_json(const DeviceSummary& device) {
    return {{"device", device.device},
            {"alerts", device.alerts},
            {"gaps", device.gaps},
            {"epochs", device.epochs},
            {"epoch", device.epoch},
            {"highest", device.highest},
            {"first_index", device.first_index},
            {"last_index", device.last_index}};
}

std::string dump(const Json& json) {
    return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

const char* state_text(StepState state) {
    switch (state) {
        case StepState::ok:
            return "ok";
        case StepState::failed:
            return "failed";
        case StepState::skipped:
            return "skipped";
    }
    return "skipped";
}

Json hit_json(const EntryHit& hit) {
    Json json{{"index", hit.index},
              {"segment", hit.segment},
              {"line", hit.line},
              {"verdict", std::string(to_string(hit.verdict))},
              {"level", std::string(to_string(hit.level))},
              {"label", hit.label}};
    if (hit.batch) json["batch"] = *hit.batch;
    json["steps"] = list_json(hit.steps, [](const Step& step) {
        return Json{
            {"step", step.name}, {"state", state_text(step.state)}, {"detail", step.detail}};
    });
    json["text"] = hit.text;
    return json;
}

}  // namespace

std::string to_json(const Report& report) {
    const Checked& checked = report.checked;
    Json json{{"verdict", std::string(to_string(report.verdict))},
              {"level", std::string(to_string(report.level))},
              {"label", report.label},
              {"origin", report.origin},
              {"basis", report.basis},
              {"faults", list_json(report.faults, fault_json)},
              {"faults_unlisted", report.faults_unlisted},
              {"undecided", report.undecided},
              {"notes", report.notes},
              {"not_checked", report.not_checked},
              {"anchors", list_json(report.anchors, anchor_json)},
              {"devices", list_json(report.devices, device_json)},
              {"targets", list_json(report.targets, target_json)}};
    json["checked"] = {{"segments", checked.segments},
                       {"bytes", checked.bytes},
                       {"entries", checked.entries},
                       {"alerts", checked.alerts},
                       {"audits", checked.audits},
                       {"batches", checked.batches},
                       {"checkpoints", checked.checkpoints},
                       {"seals", checked.seals},
                       {"devices", checked.devices},
                       {"anchors", checked.anchors},
                       {"pruned", checked.pruned}};
    json["range"] = nullptr;
    if (report.range) {
        json["range"] = {{"first", report.range->first}, {"last", report.range->last}};
    }
    json["entries"] = report.entries;
    json["unsealed"] = report.unsealed;
    json["unprotected"] = report.unprotected;
    json["anchored_to"] = report.anchored_to ? Json(*report.anchored_to) : Json(nullptr);
    json["checkpoint"] = report.checkpoint;
    return dump(json);
}

std::string to_json(const EntryReport& report) {
    Json json{{"verdict", std::string(to_string(report.verdict))},
              {"level", std::string(to_string(report.level))},
              {"label", report.label},
              {"origin", report.origin},
              {"asked", report.asked},
              {"entries", list_json(report.hits, hit_json)},
              {"basis", report.basis},
              {"faults", list_json(report.faults, fault_json)},
              {"still", report.still},
              {"undecided", report.undecided},
              {"notes", report.notes},
              {"not_checked", report.not_checked},
              {"anchors", list_json(report.anchors, anchor_json)}};
    return dump(json);
}

std::string to_json(const ConsistencyReport& report) {
    const auto head_json = [](const std::optional<HistoryHead>& head) -> Json {
        if (!head) return nullptr;
        return {
            {"size", head->size}, {"root", to_hex(head->root)}, {"checkpoint", head->checkpoint}};
    };
    Json json{{"verdict", std::string(to_string(report.verdict))},
              {"origin", report.origin},
              {"kept", head_json(report.kept)},
              {"store", head_json(report.store)},
              {"root_then", report.root_then ? Json(to_hex(*report.root_then)) : Json(nullptr)},
              {"basis", report.basis},
              {"faults", list_json(report.faults, fault_json)},
              {"undecided", report.undecided},
              {"notes", report.notes},
              {"not_checked", report.not_checked}};
    return dump(json);
}

}  // namespace anchorlog::verify
