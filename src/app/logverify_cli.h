#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace anchorlog::app {

// logverify log DIR --trust FILE (--rpc URL | --offline) [--json]
// logverify entry DIR (--index N | --entry-id UUID) --trust FILE (--rpc URL | --offline) [--json]
// The verdict goes to `out`, what is wrong with the command line to `err`. Returns the exit
// status: 0 PASS, 1 FAIL, 2 undecided, 64 usage.
[[nodiscard]] int run_logverify(const std::vector<std::string>& arguments, std::ostream& out,
                                std::ostream& err);

}  // namespace anchorlog::app
