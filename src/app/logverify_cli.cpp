#include "app/logverify_cli.h"

#include <array>
#include <charconv>
#include <ostream>

#include "app/logverify_commands.h"

namespace anchorlog::app {
namespace {

const std::array kCommands = {
    VerifyCommand{"log",
                  "logverify log DIR --trust FILE (--rpc URL | --offline) [--json]\n"
                  "          [--html FILE] [--from N] [--to N] [--threads N]\n",
                  1,
                  {"--offline", "--json"},
                  {"--trust", "--rpc", "--threads", "--html", "--from", "--to"},
                  run_log},
    VerifyCommand{"entry",
                  "logverify entry DIR (--index N | --entry-id UUID) --trust FILE\n"
                  "          (--rpc URL | --offline) [--json]\n",
                  1,
                  {"--offline", "--json"},
                  {"--trust", "--rpc", "--index", "--entry-id"},
                  run_entry},
    VerifyCommand{"export",
                  "logverify export DIR (--index N | --entry-id UUID) -o FILE [--trust FILE]\n"
                  "          [--json]\n",
                  1,
                  {"--json"},
                  {"--index", "--entry-id", "-o", "--trust"},
                  run_export},
    VerifyCommand{"evidence",
                  "logverify evidence FILE --trust FILE [--rpc URL] [--json]\n",
                  1,
                  {"--json"},
                  {"--trust", "--rpc"},
                  run_evidence},
    VerifyCommand{"consistency",
                  "logverify consistency CHECKPOINT DIR --trust FILE [--json]\n",
                  2,
                  {"--json"},
                  {"--trust"},
                  run_consistency},
    VerifyCommand{"receipt",
                  "logverify receipt FILE DIR --trust FILE [--json]\n",
                  2,
                  {"--json"},
                  {"--trust"},
                  run_receipt},
    VerifyCommand{"tiles",
                  "logverify tiles DIR -o OUT [--trust FILE]\n",
                  1,
                  {},
                  {"-o", "--trust"},
                  run_tiles},
    VerifyCommand{"raw", "logverify raw inclusion|consistency < JSON\n", 1, {}, {}, run_raw},
};

std::string usage_text() {
    std::string text;
    for (const VerifyCommand& command : kCommands) {
        text += (text.empty() ? "usage: " : "       ") + std::string(command.usage);
    }
    return text +
           "       logverify --version\n"
           "exit status: 0 PASS, 1 FAIL, 2 could not decide, 64 usage\n";
}

Error usage(std::string message) { return {Errc::invalid_input, std::move(message)}; }

const VerifyCommand* find_command(const std::string& name) {
    for (const VerifyCommand& command : kCommands) {
        if (command.name == name) return &command;
    }
    return nullptr;
}

Result<VerifyCall> parse(const VerifyCommand& command, const std::vector<std::string>& arguments) {
    VerifyCall call;
    for (std::size_t i = 1; i < arguments.size(); ++i) {
        std::string word = arguments[i];
        const bool is_flag = command.flags.contains(word);
        if (is_flag || command.valued.contains(word)) {
            if (call.has(word)) return usage(word + " is given twice");
            if (!is_flag && i + 1 == arguments.size()) return usage(word + " needs a value");
            call.options[word] = is_flag ? std::string() : arguments[++i];
            continue;
        }
        if (word.starts_with("-") || call.words.size() == command.words) {
            return usage("unexpected '" + word + "'");
        }
        while (word.size() > 1 && word.ends_with('/')) word.pop_back();
        call.words.push_back(std::move(word));
    }
    if (call.words.size() < command.words) {
        return usage(std::string(command.name) + " needs more words than that");
    }
    return call;
}

Result<int> run(const std::vector<std::string>& arguments, const Console& console) {
    if (arguments.empty()) return usage("say what to verify");
    const VerifyCommand* command = find_command(arguments[0]);
    if (command == nullptr) return usage("unknown command '" + arguments[0] + "'");
    auto call = parse(*command, arguments);
    if (!call) return std::move(call).error();
    return command->run(*call, console);
}

}  // namespace

std::string VerifyCall::get(const std::string& name) const {
    const auto found = options.find(name);
    return found == options.end() ? std::string() : found->second;
}

Result<std::string> VerifyCall::need(const std::string& name, const char* why) const {
    std::string value = get(name);
    if (value.empty()) return usage(name + " is missing: " + why);
    return value;
}

Result<std::uint64_t> VerifyCall::number(const std::string& name) const {
    const std::string text = get(name);
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value > kIntegerMax) {
        return usage(name + " needs a decimal number, not '" + text + "'");
    }
    return value;
}

Result<verify::Trust> trust_of(const VerifyCall& call) {
    auto path = call.need("--trust", "FILE, whose keys count?");
    if (!path) return std::move(path).error();
    PosixFileSystem fs;
    return verify::load_trust(fs, *path);
}

Result<std::optional<verify::Trust>> optional_trust_of(const VerifyCall& call) {
    if (!call.has("--trust")) return std::optional<verify::Trust>();
    auto trust = trust_of(call);
    if (!trust) return std::move(trust).error();
    return std::optional<verify::Trust>(std::move(*trust));
}

Result<std::unique_ptr<verify::ChainView>> chain_of(const VerifyCall& call,
                                                    const Console& console) {
    if (call.has("--offline") == call.has("--rpc")) {
        return usage("choose --rpc URL (ask a chain) or --offline (ask nobody)");
    }
    if (call.has("--offline")) return std::unique_ptr<verify::ChainView>();
    return console.connect(call.get("--rpc"));
}

Result<verify::WhichEntry> entry_of(const VerifyCall& call) {
    if (call.has("--index") == call.has("--entry-id")) {
        return usage("give --index N or --entry-id UUID");
    }
    if (call.has("--index")) {
        auto index = call.number("--index");
        if (!index) return std::move(index).error();
        return verify::WhichEntry(EntryIndex(*index));
    }
    auto id = wire::parse_entry_id(call.get("--entry-id"));
    if (!id) {
        return usage("--entry-id needs a lower-case UUIDv7, not '" + call.get("--entry-id") + "'");
    }
    return verify::WhichEntry(*id);
}

int exit_status(verify::Verdict verdict) {
    switch (verdict) {
        case verify::Verdict::pass:
            return kExitPass;
        case verify::Verdict::fail:
            return kExitFail;
        case verify::Verdict::undecided:
            return kExitUndecided;
    }
    return kExitUndecided;
}

Result<int> run_entry(const VerifyCall& call, const Console& console) {
    auto which = entry_of(call);
    if (!which) return std::move(which).error();
    auto chain = chain_of(call, console);
    if (!chain) return std::move(chain).error();
    auto trust = trust_of(call);
    if (!trust) return std::move(trust).error();
    PosixFileSystem fs;
    return show(verify::verify_entry(fs, call.words[0], *which, *trust, chain->get()), call,
                console);
}

Result<int> run_consistency(const VerifyCall& call, const Console& console) {
    auto trust = trust_of(call);
    if (!trust) return std::move(trust).error();
    PosixFileSystem fs;
    auto kept = read_file(fs, call.words[0], wire::kNoteSizeMax);
    if (!kept) return Error{Errc::io, kept.error().message};
    return show(verify::verify_consistency(fs, call.words[1], *kept, *trust), call, console);
}

Result<int> run_receipt(const VerifyCall& call, const Console& console) {
    auto trust = trust_of(call);
    if (!trust) return std::move(trust).error();
    PosixFileSystem fs;
    auto receipt = read_file(fs, call.words[0], wire::kReceiptSizeMax);
    if (!receipt) return Error{Errc::io, receipt.error().message};
    return show(verify::verify_receipt(fs, call.words[1], *receipt, *trust), call, console);
}

int run_logverify(const std::vector<std::string>& arguments, const Console& console) {
    if (arguments.size() == 1 && arguments[0] == "--version") {
        console.out << "logverify " << ANCHORLOG_VERSION << "\n";
        return kExitPass;
    }
    if (arguments.size() == 1 && (arguments[0] == "--help" || arguments[0] == "-h")) {
        console.out << usage_text();
        return kExitPass;
    }
    auto status = run(arguments, console);
    if (status) return *status;
    console.err << "logverify: " << status.error().message << "\n";
    if (status.error().code != Errc::invalid_input) return kExitUndecided;
    const VerifyCommand* command = arguments.empty() ? nullptr : find_command(arguments[0]);
    console.err << (command == nullptr ? usage_text() : "usage: " + std::string(command->usage));
    return kExitMisused;
}

}  // namespace anchorlog::app
