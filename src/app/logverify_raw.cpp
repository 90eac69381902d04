#include <istream>
#include <iterator>
#include <ostream>

#include "anchorlog/verify/raw_proof.h"
#include "app/logverify_commands.h"

namespace anchorlog::app {
namespace {

// The longest proof of a tree that fits 64 bits is a few kilobytes.
constexpr std::size_t kRawInputSizeMax = 1u << 20;

Result<std::string> read_all(std::istream& in) {
    std::string text(kRawInputSizeMax + 1, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(in.gcount()));
    if (text.size() > kRawInputSizeMax) {
        return Error{Errc::invalid_input, "the input is longer than 1 MiB"};
    }
    return text;
}

}  // namespace

Result<int> run_raw(const VerifyCall& call, const Console& console) {
    const bool inclusion = call.words[0] == "inclusion";
    if (!inclusion && call.words[0] != "consistency") {
        return Error{Errc::invalid_input,
                     "raw knows inclusion and consistency, not '" + call.words[0] + "'"};
    }
    auto json = read_all(console.in);
    if (!json) return std::move(json).error();
    auto checked =
        inclusion ? verify::check_raw_inclusion(*json) : verify::check_raw_consistency(*json);
    if (checked) {
        console.out << "ok\n";
        return kExitPass;
    }
    if (checked.error().code != Errc::refused) return std::move(checked).error();
    console.out << "error: " << checked.error().message << "\n";
    return kExitFail;
}

}  // namespace anchorlog::app
