#include <iostream>
#include <string>
#include <vector>

#include "app/logverify_cli.h"

// The same as logverify, and able to ask a chain.
int main(int argc, char** argv) {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    return anchorlog::app::run_logverify(
        arguments, {std::cin, std::cout, std::cerr, anchorlog::app::make_rpc_chain_view});
}
