#include <ostream>

#include "anchorlog/verify/evidence.h"
#include "anchorlog/wire/tlog_proof.h"
#include "app/logverify_commands.h"

namespace anchorlog::app {

Result<int> run_export(const VerifyCall& call, const Console& console) {
    auto which = entry_of(call);
    if (!which) return std::move(which).error();
    auto path = call.need("-o", "FILE, where does the evidence go?");
    if (!path) return std::move(path).error();
    const auto trust = optional_trust_of(call);
    if (!trust) return trust.error();
    PosixFileSystem fs;
    auto made = verify::export_evidence(fs, call.words[0], *which, *trust ? &**trust : nullptr);
    if (made.file.empty()) return show(made.report, call, console);
    if (auto written = replace_file(fs, *path, as_bytes(made.file)); !written) {
        return std::move(written).error();
    }
    const int status = show(made.report, call, console);
    if (!call.has("--json")) {
        console.out << "wrote " << *path << " (" << made.file.size() << " bytes)"
                    << (*trust ? "" : ", checked under the log's own keys only") << "\n";
    }
    return status;
}

Result<int> run_evidence(const VerifyCall& call, const Console& console) {
    auto chain = call.has("--rpc") ? console.connect(call.get("--rpc"))
                                   : std::unique_ptr<verify::ChainView>();
    if (!chain) return std::move(chain).error();
    auto trust = trust_of(call);
    if (!trust) return std::move(trust).error();
    PosixFileSystem fs;
    auto file = read_file(fs, call.words[0], wire::kTlogProofSizeMax);
    if (!file) return Error{Errc::io, file.error().message};
    return show(verify::verify_evidence(*file, *trust, chain->get()), call, console);
}

}  // namespace anchorlog::app
