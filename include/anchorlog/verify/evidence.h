#pragma once

#include <string>
#include <string_view>

#include "anchorlog/base/file_system.h"
#include "anchorlog/base/result.h"
#include "anchorlog/verify/chain_view.h"
#include "anchorlog/verify/report.h"
#include "anchorlog/verify/trust.h"
#include "anchorlog/verify/verify.h"

namespace anchorlog::verify {

// Checks one evidence file (wire/evidence.h) against what the verifier trusts, without any store.
// `chain` null: offline, and then nothing but `file` and `trust` is looked at. Never throws.
[[nodiscard]] EntryReport verify_evidence(std::string_view file, const Trust& trust,
                                          ChainView* chain);

// What `export_evidence` made, and the check it stood before anyone was given it.
struct ExportedEvidence {
    std::string file;  // empty unless the report passes
    EntryReport report;
};
// Puts the evidence of one entry together from the store in `dir`. Without `trust` it is checked
// under the log's own genesis keys, which shows that it is whole and nothing more.
[[nodiscard]] ExportedEvidence export_evidence(FileSystem& fs, const std::string& dir,
                                               const WhichEntry& which, const Trust* trust);

}  // namespace anchorlog::verify
