#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace anchorlog::app {

// Where a command reads and writes.
struct Console {
    std::istream& in;
    std::ostream& out;
    std::ostream& err;
};

// logverify's command line (`logverify --help` lists it). The verdict goes to `out`, what is wrong
// with the command line to `err`. Returns the exit status: 0 PASS, 1 FAIL, 2 undecided, 64 usage.
[[nodiscard]] int run_logverify(const std::vector<std::string>& arguments, const Console& console);

}  // namespace anchorlog::app
