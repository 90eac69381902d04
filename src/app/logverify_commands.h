#pragma once

#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "anchorlog/base/file_system.h"
#include "anchorlog/base/result.h"
#include "anchorlog/verify/chain_view.h"
#include "anchorlog/verify/receipt.h"
#include "anchorlog/verify/report.h"
#include "anchorlog/verify/trust.h"
#include "anchorlog/verify/verify.h"
#include "app/logverify_cli.h"

namespace anchorlog::app {

inline constexpr int kExitPass = 0;
inline constexpr int kExitFail = 1;
inline constexpr int kExitUndecided = 2;
inline constexpr int kExitMisused = 64;

// The words behind a command's name. Each option is given at most once.
struct VerifyCall {
    std::vector<std::string> words;              // without their trailing slashes
    std::map<std::string, std::string> options;  // flags have an empty value

    [[nodiscard]] bool has(const std::string& name) const { return options.contains(name); }
    // Empty when it was not given.
    [[nodiscard]] std::string get(const std::string& name) const;
    [[nodiscard]] Result<std::string> need(const std::string& name, const char* why) const;
    // A decimal number, in the form formats §1 gives integers.
    [[nodiscard]] Result<std::uint64_t> number(const std::string& name) const;
};

// One command of logverify. `run` returns the exit status; an invalid_input error is a command
// line or a trust file that cannot be used (64), any other means that nothing was decided (2).
struct VerifyCommand {
    const char* name;
    const char* usage;             // its lines of --help, each ended by LF
    std::size_t words;             // how many stand before or between the options
    std::set<std::string> flags;   // options without a value
    std::set<std::string> valued;  // options with one
    Result<int> (*run)(const VerifyCall& call, const Console& console);
};

[[nodiscard]] Result<int> run_log(const VerifyCall& call, const Console& console);
[[nodiscard]] Result<int> run_entry(const VerifyCall& call, const Console& console);
[[nodiscard]] Result<int> run_export(const VerifyCall& call, const Console& console);
[[nodiscard]] Result<int> run_evidence(const VerifyCall& call, const Console& console);
[[nodiscard]] Result<int> run_consistency(const VerifyCall& call, const Console& console);
[[nodiscard]] Result<int> run_tiles(const VerifyCall& call, const Console& console);
[[nodiscard]] Result<int> run_receipt(const VerifyCall& call, const Console& console);
[[nodiscard]] Result<int> run_raw(const VerifyCall& call, const Console& console);

// --trust FILE, which every judgement needs.
[[nodiscard]] Result<verify::Trust> trust_of(const VerifyCall& call);
// The same where it may be left out: then a log's own keys count.
[[nodiscard]] Result<std::optional<verify::Trust>> optional_trust_of(const VerifyCall& call);
// --rpc URL; null for --offline. `log` and `entry` demand the one or the other.
[[nodiscard]] Result<std::unique_ptr<verify::ChainView>> chain_of(const VerifyCall& call,
                                                                  const Console& console);
// --index N or --entry-id UUID, exactly one.
[[nodiscard]] Result<verify::WhichEntry> entry_of(const VerifyCall& call);

[[nodiscard]] int exit_status(verify::Verdict verdict);
// Writes the report as --json or its absence says.
template <class Report>
[[nodiscard]] int show(const Report& report, const VerifyCall& call, const Console& console) {
    console.out << (call.has("--json") ? verify::to_json(report) : verify::to_text(report));
    return exit_status(report.verdict);
}

}  // namespace anchorlog::app
