#include "app/logverify_cli.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>
#include <ostream>

#include "anchorlog/anchor/chain_client.h"
#include "anchorlog/base/file_system.h"
#include "anchorlog/verify/verify.h"

namespace anchorlog::app {
namespace {

constexpr int kExitPass = 0;
constexpr int kExitFail = 1;
constexpr int kExitUndecided = 2;
constexpr int kExitUsage = 64;
// Events are asked for in steps: nodes refuse ranges that are too long.
constexpr std::uint64_t kEventBlocksStep = 10'000;

constexpr const char* kUsage =
    "usage: logverify log DIR --trust FILE (--rpc URL | --offline) [--json]\n"
    "       logverify entry DIR (--index N | --entry-id UUID) --trust FILE\n"
    "                 (--rpc URL | --offline) [--json]\n"
    "       logverify --version\n"
    "exit status: 0 PASS, 1 FAIL, 2 could not decide, 64 usage\n";

struct Options {
    bool is_entry = false;
    std::string dir;
    std::string trust;
    std::string rpc;
    bool offline = false;
    bool json = false;
    std::optional<verify::WhichEntry> which;
};

Error usage(std::string message) { return {Errc::invalid_input, std::move(message)}; }

Result<verify::WhichEntry> parse_index(const std::string& text) {
    std::uint64_t index = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
    if (error != std::errc() || end != text.data() + text.size() || index > kIntegerMax) {
        return usage("--index needs a decimal number, not '" + text + "'");
    }
    return verify::WhichEntry(EntryIndex(index));
}

Result<verify::WhichEntry> parse_id(const std::string& text) {
    auto id = wire::parse_entry_id(text);
    if (!id) return usage("--entry-id needs a lower-case UUIDv7, not '" + text + "'");
    return verify::WhichEntry(*id);
}

Result<void> take_value(Options& options, const std::string& name, const std::string& value) {
    if (name == "--trust") {
        options.trust = value;
    } else if (name == "--rpc") {
        options.rpc = value;
    } else {
        if (options.which) return usage("give --index or --entry-id, once");
        auto which = name == "--index" ? parse_index(value) : parse_id(value);
        if (!which) return std::move(which).error();
        options.which = *which;
    }
    return {};
}

Result<void> check(const Options& options) {
    if (options.dir.empty()) return usage("DIR is missing: the store that holds log/, batches/");
    if (options.trust.empty()) return usage("--trust FILE is missing: whose keys count?");
    if (options.offline != options.rpc.empty()) {
        return usage("choose --rpc URL (ask a chain) or --offline (ask nobody)");
    }
    if (options.is_entry != options.which.has_value()) {
        return usage(options.is_entry ? "give --index N or --entry-id UUID"
                                      : "--index and --entry-id belong to `logverify entry`");
    }
    return {};
}

Result<Options> parse(const std::vector<std::string>& arguments) {
    if (arguments.empty()) return usage("say what to verify");
    Options options;
    if (arguments[0] == "entry") {
        options.is_entry = true;
    } else if (arguments[0] != "log") {
        return usage("unknown command '" + arguments[0] + "'");
    }
    for (std::size_t i = 1; i < arguments.size(); ++i) {
        const std::string& word = arguments[i];
        if (word == "--json") {
            options.json = true;
        } else if (word == "--offline") {
            options.offline = true;
        } else if (word == "--trust" || word == "--rpc" || word == "--index" ||
                   word == "--entry-id") {
            if (++i == arguments.size()) return usage(word + " needs a value");
            if (auto taken = take_value(options, word, arguments[i]); !taken) {
                return std::move(taken).error();
            }
        } else if (word.starts_with("-") || !options.dir.empty()) {
            return usage("unexpected '" + word + "'");
        } else {
            options.dir = word;
        }
    }
    if (auto good = check(options); !good) return std::move(good).error();
    while (options.dir.size() > 1 && options.dir.ends_with('/')) options.dir.pop_back();
    return options;
}

// A URL as it may be shown: without user, password and query, which may hold an API key.
std::string shown_url(std::string url) {
    const std::size_t scheme = url.find("://");
    const std::size_t host = scheme == std::string::npos ? 0 : scheme + 3;
    url = url.substr(0, url.find_first_of("?#"));
    const std::size_t path = url.find('/', host);
    const std::size_t at = url.rfind('@', path);
    if (at != std::string::npos && at >= host) url.erase(host, at + 1 - host);
    return url;
}

// Verification's view of an Ethereum node.
class RpcChainView final : public verify::ChainView {
public:
    explicit RpcChainView(const std::string& url)
        : name_(shown_url(url)), client_(anchor::make_rpc_client({.url = url})) {}

    std::string name() const override { return name_; }
    Result<std::uint64_t> chain_id() override { return client_->chain_id(); }
    Result<Hash> code_hash(const eth::Address& contract) override {
        return client_->code_hash(contract);
    }

    Result<std::vector<eth::Log>> anchored_events(const eth::Address& contract,
                                                  const Hash& log_id) override {
        auto head = client_->head_number();
        if (!head) return std::move(head).error();
        std::vector<eth::Log> all;
        for (std::uint64_t from = 0; from <= *head; from += kEventBlocksStep) {
            const std::uint64_t to = std::min(*head, from + kEventBlocksStep - 1);
            auto events = client_->anchored_events(contract, log_id, from, to);
            if (!events) return std::move(events).error();
            for (eth::Log& event : *events) all.push_back(std::move(event));
        }
        return all;
    }

    Result<std::optional<Hash>> block_hash(std::uint64_t number) override {
        auto block = client_->block(number);
        if (!block) return std::move(block).error();
        if (!*block) return std::optional<Hash>();
        return std::optional<Hash>((*block)->hash);
    }

private:
    std::string name_;
    std::unique_ptr<anchor::ChainClient> client_;
};

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

template <class Report>
int show(const Report& report, bool json, std::ostream& out) {
    out << (json ? verify::to_json(report) : verify::to_text(report));
    return exit_status(report.verdict);
}

}  // namespace

int run_logverify(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    if (arguments.size() == 1 && arguments[0] == "--version") {
        out << "logverify " << ANCHORLOG_VERSION << "\n";
        return kExitPass;
    }
    if (arguments.size() == 1 && (arguments[0] == "--help" || arguments[0] == "-h")) {
        out << kUsage;
        return kExitPass;
    }
    auto options = parse(arguments);
    if (!options) {
        err << "logverify: " << options.error().message << "\n" << kUsage;
        return kExitUsage;
    }
    PosixFileSystem fs;
    auto trust = verify::load_trust(fs, options->trust);
    if (!trust) {
        err << "logverify: " << trust.error().message << "\n";
        return trust.error().code == Errc::invalid_input ? kExitUsage : kExitUndecided;
    }
    std::unique_ptr<RpcChainView> chain;
    if (!options->offline) chain = std::make_unique<RpcChainView>(options->rpc);
    if (options->which) {
        return show(verify::verify_entry(fs, options->dir, *options->which, *trust, chain.get()),
                    options->json, out);
    }
    return show(verify::verify_log(fs, options->dir, *trust, chain.get()), options->json, out);
}

}  // namespace anchorlog::app
