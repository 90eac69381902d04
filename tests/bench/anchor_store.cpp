// anchor_store DIR ANCHORS [stamps]: writes a store with one alert a batch and every batch
// anchored, with its receipt, and DIR/trust, which trusts the newest one's block; or, with stamps,
// every batch stamped in a file. For tests/bench/audit.

#include <charconv>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <string_view>

#include "support/log_builder.h"

namespace {

using anchorlog::testing::FakeChain;

void write_file(const std::filesystem::path& path, const std::string& bytes) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream file(path, std::ios::binary);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (!file.flush()) {
        std::cerr << "anchor_store: cannot write " << path << "\n";
        std::exit(1);
    }
}

std::string trust_of(const anchorlog::testing::LogBuilder& log, const FakeChain& chain) {
    const std::string own = "log " + anchorlog::wire::format_vkey(log.vkey()) + "\n";
    if (chain.anchored().empty()) return own;
    const auto& newest = chain.anchored().back();
    const std::string chain_id = std::to_string(FakeChain::kChainId);
    return own + "anchor eip155:" + chain_id + ":" +
           anchorlog::eth::format_address(FakeChain::contract()) + " " +
           to_hex(FakeChain::code_hash()) + " private\nblock " + chain_id + " " +
           std::to_string(newest.block_number) + " " + to_hex(newest.block_hash) + "\n";
}

}  // namespace

int main(int argc, char** argv) {
    std::uint64_t anchors = 0;
    const bool is_stamped = argc == 4 && std::string_view(argv[3]) == "stamps";
    const std::string_view count = argc == 3 || is_stamped ? argv[2] : "";
    const auto read = std::from_chars(count.data(), count.data() + count.size(), anchors);
    if (read.ec != std::errc() || read.ptr != count.data() + count.size() || anchors == 0) {
        std::cerr << "usage: anchor_store DIR ANCHORS [stamps]\n";
        return 64;
    }
    anchorlog::testing::LogBuilder log;
    FakeChain chain;
    for (std::uint64_t i = 0; i < anchors; ++i) {
        log.add_alert();
        log.seal();
        if (is_stamped) {
            log.stamp_file();
        } else {
            log.anchor(chain);
        }
    }
    anchorlog::testing::MapFileSystem fs;
    log.write(fs, "");
    const std::filesystem::path dir(argv[1]);
    for (const auto& [path, bytes] : fs.files) write_file(dir / path.substr(1), bytes);
    write_file(dir / "trust", trust_of(log, chain));
    return 0;
}
