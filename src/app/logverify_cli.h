#pragma once

#include <functional>
#include <iosfwd>
#include <memory>
#include <string>
#include <vector>

#include "anchorlog/base/result.h"
#include "anchorlog/verify/chain_view.h"

namespace anchorlog::app {

// A view of the chain behind an RPC URL.
using ConnectChain =
    std::function<Result<std::unique_ptr<verify::ChainView>>(const std::string& url)>;

// Where a command reads and writes, and how it reaches a chain.
struct Console {
    std::istream& in;
    std::ostream& out;
    std::ostream& err;
    ConnectChain connect;
    bool err_is_terminal = false;  // then `err` shows how far a long audit is
};

// logverify's command line (`logverify --help` lists it). The verdict goes to `out`, what is wrong
// with the command line to `err`. Returns the exit status: 0 PASS, 1 FAIL, 2 undecided, 64 usage.
[[nodiscard]] int run_logverify(const std::vector<std::string>& arguments, const Console& console);

// Named without what a URL may hold of secrets.
[[nodiscard]] std::unique_ptr<verify::ChainView> make_rpc_chain_view(const std::string& url);

}  // namespace anchorlog::app
