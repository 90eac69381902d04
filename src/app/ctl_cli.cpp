#include <cstdio>
#include <functional>
#include <set>

#include "app/core_dumps.h"
#include "app/ctl.h"
#include "app/daemon.h"

namespace anchorlog::app {
namespace {

constexpr const char* kUsage =
    "usage: anchorlogctl pki init --dir DIR [--days N] [--crl-days N]\n"
    "       anchorlogctl pki issue --dir DIR --role sender|server --name NAME "
    "[--san dns:HOST|ip:ADDRESS]... [--days N]\n"
    "       anchorlogctl pki renew --dir DIR --name NAME [--days N]\n"
    "       anchorlogctl pki revoke --dir DIR (--name NAME | --serial HEX)\n"
    "       anchorlogctl pki crl --dir DIR [--crl-days N]\n"
    "       anchorlogctl pki list --dir DIR\n"
    "       anchorlogctl key generate --type ed25519|secp256k1 --out FILE [--origin ORIGIN] "
    "[--passphrase FILE]\n"
    "       anchorlogctl key show --config FILE\n"
    "       anchorlogctl log init --config FILE\n"
    "       anchorlogctl log accept-restore STORE\n"
    "       anchorlogctl log rotate-key --config FILE --new-key FILE [--new-passphrase FILE] "
    "[--why planned|compromise]\n"
    "       anchorlogctl backup STORE DIR [--trust FILE]\n"
    "       anchorlogctl restore BACKUP STORE [--trust FILE]\n"
    "       anchorlogctl archive --config FILE (--before TIME | --keep N) (--to DIR | --delete) "
    "--why TEXT [--unanchored]\n"
    "       anchorlogctl erase --config FILE --index N --why TEXT [--unanchored]\n"
    "       anchorlogctl contract deploy --rpc URL --key FILE --origin ORIGIN\n"
    "       anchorlogctl contract show --rpc URL --contract ADDRESS --origin ORIGIN\n"
    "       anchorlogctl contract rotate-submitter --rpc URL --contract ADDRESS --origin ORIGIN "
    "--key OWNER --new-key FILE\n"
    "       anchorlogctl status [--config FILE | --url URL] [--json]\n"
    "       anchorlogctl top [--once] [--config FILE | --url URL]\n"
    "       anchorlogctl health [--ready] [--config FILE | --url URL]\n"
    "       anchorlogctl --version | --help\n";

struct Command {
    std::function<Result<void>(const CtlCall&)> run;
    std::set<std::string> options;
    std::size_t operands = 0;
};

const std::map<std::vector<std::string>, Command>& commands() {
    static const std::map<std::vector<std::string>, Command> all = {
        {{"pki", "init"}, {pki_init, {"--dir", "--days", "--crl-days"}}},
        {{"pki", "issue"}, {pki_issue, {"--dir", "--role", "--name", "--san", "--days"}}},
        {{"pki", "renew"}, {pki_renew, {"--dir", "--name", "--days"}}},
        {{"pki", "revoke"}, {pki_revoke, {"--dir", "--name", "--serial"}}},
        {{"pki", "crl"}, {pki_crl, {"--dir", "--crl-days"}}},
        {{"pki", "list"}, {pki_list, {"--dir"}}},
        {{"key", "generate"}, {key_generate, {"--type", "--out", "--origin", "--passphrase"}}},
        {{"key", "show"}, {key_show, {"--config"}}},
        {{"log", "init"}, {log_init, {"--config"}}},
        {{"log", "accept-restore"}, {log_accept_restore, {}, 1}},
        {{"log", "rotate-key"},
         {log_rotate_key, {"--config", "--new-key", "--new-passphrase", "--why"}}},
        {{"backup"}, {backup, {"--trust"}, 2}},
        {{"restore"}, {restore, {"--trust"}, 2}},
        {{"archive"},
         {archive,
          {"--config", "--before", "--keep", "--to", "--delete", "--why", "--unanchored"}}},
        {{"erase"}, {erase, {"--config", "--index", "--why", "--unanchored"}}},
        {{"contract", "deploy"}, {contract_deploy, {"--rpc", "--key", "--origin"}}},
        {{"contract", "show"}, {contract_show, {"--rpc", "--contract", "--origin"}}},
        {{"contract", "rotate-submitter"},
         {contract_rotate_submitter, {"--rpc", "--contract", "--origin", "--key", "--new-key"}}},
        {{"status"}, {status, {"--config", "--url", "--json"}}},
        {{"top"}, {top, {"--config", "--url", "--once"}}},
        {{"health"}, {health, {"--config", "--url", "--ready"}}},
    };
    return all;
}

// The command that the first words name; what stands behind them becomes its operands.
const Command* find_command(CtlCall& call) {
    std::vector<std::string> rest;
    while (!call.words.empty()) {
        const auto found = commands().find(call.words);
        if (found != commands().end() && found->second.operands == rest.size()) {
            call.operands.assign(rest.rbegin(), rest.rend());
            return &found->second;
        }
        rest.push_back(std::move(call.words.back()));
        call.words.pop_back();
    }
    return nullptr;
}

bool is_flag(const std::string& option) {
    static const std::set<std::string> flags = {"--json", "--ready", "--once", "--delete",
                                                "--unanchored"};
    return flags.contains(option);
}

int usage(const std::string& why) {
    std::fprintf(stderr, "anchorlogctl: %s\n%s", why.c_str(), kUsage);
    return kExitUsage;
}

}  // namespace

std::string CtlCall::get(const std::string& name) const {
    const auto found = options.find(name);
    return found == options.end() ? std::string() : found->second.back();
}

Result<std::string> CtlCall::need(const std::string& name) const {
    std::string value = get(name);
    if (value.empty()) return Error{Errc::invalid_input, name + " is missing"};
    return value;
}

Result<int> CtlCall::days(const std::string& name, int otherwise) const {
    const std::string text = get(name);
    if (text.empty()) return otherwise;
    if (text.size() > 4 || text.find_first_not_of("0123456789") != std::string::npos ||
        std::stoi(text) < 1) {
        return Error{Errc::invalid_input, name + " must be from 1 to 9999, not " + text};
    }
    return std::stoi(text);
}

int run_anchorlogctl(int argc, char** argv) {
    forbid_core_dumps();
    CtlCall call;
    for (int i = 1; i < argc; ++i) {
        const std::string argument = argv[i];
        if (argument == "--help" || argument == "--version") {
            std::printf("%s",
                        argument == "--help" ? kUsage : "anchorlogctl " ANCHORLOG_VERSION "\n");
            return kExitOk;
        }
        if (!argument.starts_with("--")) {
            call.words.push_back(argument);
        } else if (is_flag(argument)) {
            call.options[argument].push_back("yes");
        } else if (i + 1 < argc) {
            call.options[argument].push_back(argv[++i]);
        } else {
            return usage(argument + " needs a value");
        }
    }
    const Command* const command = find_command(call);
    if (command == nullptr) return usage("no such command");
    for (const auto& [name, values] : call.options) {
        if (!command->options.contains(name)) return usage(name + " does not belong here");
    }
    auto done = command->run(call);
    if (done) return kExitOk;
    std::fprintf(stderr, "anchorlogctl: %s\n", done.error().message.c_str());
    return done.error().code == Errc::invalid_input ? kExitUsage : 1;
}

}  // namespace anchorlog::app
