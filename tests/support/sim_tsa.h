#pragma once

#include <memory>
#include <string>

#include "anchorlog/base/bytes.h"
#include "anchorlog/base/clock.h"
#include "anchorlog/crypto/timestamp.h"

namespace anchorlog::testing {

// A time stamp authority of one certificate below its own CA, in the test's time.
class SimTsa {
public:
    struct Options {
        WallTime valid_from{0};
        WallTime valid_to{4'000'000'000'000};
        // Of a second certificate with the same key, name and serial number, put into tokens in
        // place of the signer's; empty: none.
        std::string swapped_usage;
    };
    explicit SimTsa(const std::string& name, const Options& options);
    explicit SimTsa(const std::string& name) : SimTsa(name, Options()) {}
    ~SimTsa();
    SimTsa(const SimTsa&) = delete;
    SimTsa& operator=(const SimTsa&) = delete;

    [[nodiscard]] const Bytes& ca() const;  // DER
    // The TimeStampResp for a TimeStampReq, at this time.
    [[nodiscard]] Bytes reply(ByteView request, WallTime now) const;
    // The token alone, over any imprint.
    [[nodiscard]] Bytes token(const Hash& imprint, WallTime now) const;

private:
    struct Keys;
    std::unique_ptr<Keys> keys_;
};

}  // namespace anchorlog::testing
