#include "daemon_trial.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstring>
#include <fstream>
#include <string_view>
#include <thread>
#include <nlohmann/json.hpp>

#include "alert_stream.h"
#include "stop.h"

namespace anchorlog::bench {

namespace {

namespace fs = std::filesystem;

constexpr const char* kOrigin = "anchorlog.example/bench";
constexpr int kReadyMsMax = 10'000;
constexpr int kPollMs = 10;

void write_file(const fs::path& path, const std::string& text) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    const bool done =
        fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    if (fd >= 0) ::close(fd);
    if (!done) stop(path.string() + ": " + std::strerror(errno));
}

std::string read_file(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

pid_t start(std::vector<std::string> command, const fs::path& output) {
    std::vector<char*> arguments;
    for (std::string& word : command) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, output.c_str(), O_WRONLY | O_CREAT | O_TRUNC,
                                     0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    pid_t pid = -1;
    const int error =
        ::posix_spawn(&pid, arguments[0], &actions, nullptr, arguments.data(), ::environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) stop(command[0] + ": " + std::strerror(error));
    return pid;
}

// Returns what the command printed; stops unless it exits with 0.
std::string run(const std::vector<std::string>& command, const fs::path& output) {
    const pid_t pid = start(command, output);
    int status = 0;
    if (::waitpid(pid, &status, 0) != pid) stop("waitpid");
    std::string text = read_file(output);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        stop(command[0] + " failed: " + text.substr(0, 4000));
    }
    return text;
}

// The digits after `name` in `line`; 0 if there are none.
std::uint64_t number_after(std::string_view line, std::string_view name) {
    const std::size_t at = line.find(name);
    std::uint64_t number = 0;
    if (at == std::string_view::npos) return number;
    std::from_chars(line.data() + at + name.size(), line.data() + line.size(), number);
    return number;
}

}  // namespace

TrialDirectory::TrialDirectory(const std::string& parent) {
    std::string name = parent + "/bench-store.XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) stop(name + ": " + std::strerror(errno));
    path_ = name;
}

TrialDirectory::~TrialDirectory() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
}

DaemonTrial::DaemonTrial(const std::string& parent, const std::string& programs,
                         DaemonSettings settings, const TrialPki& pki)
    : directory_(parent), programs_(programs) {
    write_config(settings, pki);
    const fs::path& dir = directory_.path();
    run({programs_ + "/anchorlogctl", "key", "generate", "--type", "ed25519", "--out",
         dir / "log.key", "--origin", kOrigin},
        dir / "key.out");
    const std::string made =
        run({programs_ + "/anchorlogctl", "log", "init", "--config", dir / "config.json"},
            dir / "init.out");
    const std::size_t at = made.find("trust log ");
    if (at == std::string::npos) stop("anchorlogctl log init printed no trust line: " + made);
    const std::size_t from = at + std::strlen("trust ");
    write_file(dir / "trust", made.substr(from, made.find('\n', from) - from) + "\n");
    pid_ = start({programs_ + "/anchorlogd", "--config", dir / "config.json"}, dir / "daemon.out");
    try {
        wait_for_port();
    } catch (const Failure&) {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        throw;
    }
}

DaemonTrial::~DaemonTrial() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
}

void DaemonTrial::write_config(DaemonSettings settings, const TrialPki& pki) const {
    using nlohmann::json;
    const fs::path& dir = directory_.path();
    write_file(dir / "ca.crt", pki.ca.certificate_pem);
    write_file(dir / "server.crt", pki.server.certificate_pem);
    write_file(dir / "server.key", pki.server.key_pem);
    const json senders = {
        {"senders", {{"bench", {{"state", "active"}, {"devices", {{"*", json::object()}}}}}}}};
    write_file(dir / "senders.json", senders.dump());
    json config = {
        {"origin", kOrigin},
        {"store", {{"dir", "store"}}},
        {"listen",
         {{"address", "127.0.0.1"},
          {"port", 0},
          {"connections_max", 20'000},
          {"sessions_per_sender_max", 20'000}}},
        {"http", {{"address", "127.0.0.1"}, {"port", 0}}},
        {"tls", {{"certificate", "server.crt"}, {"key", "server.key"}, {"client_ca", "ca.crt"}}},
        {"registry", "senders.json"},
        {"signing_key", "log.key"},
        {"log", {{"level", "warn"}, {"format", "text"}}}};
    if (settings.session_bytes > 0) {
        config["queue"]["session_bytes_max"] = settings.session_bytes;
    }
    if (settings.allow_volatile) config["storage"]["allow_volatile"] = true;
    write_file(dir / "config.json", config.dump());
}

void DaemonTrial::wait_for_port() {
    const fs::path ports = directory_.path() / "store" / "ports.json";
    for (int waited_ms = 0; waited_ms < kReadyMsMax; waited_ms += kPollMs) {
        if (fs::exists(ports)) {
            port_ = nlohmann::json::parse(read_file(ports)).at("ingest").get<int>();
            return;
        }
        if (::waitpid(pid_, nullptr, WNOHANG) == pid_) break;
        std::this_thread::sleep_for(std::chrono::milliseconds(kPollMs));
    }
    stop("anchorlogd did not start: " + read_file(directory_.path() / "daemon.out"));
}

double DaemonTrial::peak_rss_mib() const {
    const std::string status = read_file("/proc/" + std::to_string(pid_) + "/status");
    const std::size_t at = status.find("VmHWM:");
    if (at == std::string::npos) return 0;
    return std::strtod(status.c_str() + at + std::strlen("VmHWM:"), nullptr) / 1024;
}

void DaemonTrial::stop_daemon() {
    ::kill(pid_, SIGTERM);
    int status = 0;
    rusage usage{};
    const pid_t ended = ::wait4(pid_, &status, 0, &usage);
    if (ended != pid_) stop("wait4");
    pid_ = -1;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        stop("anchorlogd: " + read_file(directory_.path() / "daemon.out").substr(0, 4000));
    }
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
    };
    cpu_s_ = seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void DaemonTrial::check_stored(const std::vector<std::uint64_t>& acked) const {
    std::vector<std::vector<bool>> seen;
    for (const std::uint64_t count : acked) seen.emplace_back(count, false);
    for (const auto& file : fs::directory_iterator(directory_.path() / "store" / "log")) {
        if (file.path().extension() != ".ndjson") continue;
        std::ifstream in(file.path(), std::ios::binary);
        for (std::string line; std::getline(in, line);) {
            if (!line.starts_with("{\"alert\":")) continue;
            const std::uint64_t device = number_after(line, "\"device_id\":\"cam-");
            const std::uint64_t number = number_after(line, "\"seq_no\":") - kFirstNumber;
            if (device >= seen.size() || number >= seen[device].size()) {
                stop("stored but not acked: " + line);
            }
            if (seen[device][number]) stop("stored twice: " + line);
            seen[device][number] = true;
        }
    }
    for (const auto& device : seen) {
        for (const bool stored : device) {
            if (!stored) stop("acked but not stored");
        }
    }
}

void DaemonTrial::check_with_logverify() const {
    const fs::path& dir = directory_.path();
    run({programs_ + "/logverify", "log", dir / "store", "--trust", dir / "trust", "--offline"},
        dir / "verify.out");
}

}  // namespace anchorlog::bench
