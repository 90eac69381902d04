#include "fuzz/target.h"

// libFuzzer brings the main function and calls this one with every input.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    anchorlog::fuzz::ANCHORLOG_FUZZ_TARGET({data, size});
    return 0;
}
