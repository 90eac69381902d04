#pragma once

#include <memory>
#include <string>

#include "tls_link.h"

namespace anchorlog::bench {

// What this machine could do at best: frames are read over the same TLS, written as lines of a
// fixed size, fdatasync'ed by groups and acked. Nothing is parsed, checked, hashed or proved.
// Two threads: one for the connections, one that writes while the first reads on.
class BoundServer {
public:
    // `plain`: as one would first write it, with OpenSSL on the socket and writes through the page
    // cache; otherwise one recv brings many records and writes go past the page cache.
    BoundServer(const TrialPki& pki, const std::string& file, std::size_t line_bytes, bool plain);
    ~BoundServer();  // stops; the file stays
    BoundServer(const BoundServer&) = delete;
    BoundServer& operator=(const BoundServer&) = delete;

    [[nodiscard]] int port() const;
    // Stops and says how many lines were synced.
    [[nodiscard]] std::uint64_t finish();
    [[nodiscard]] std::uint64_t groups() const;

private:
    class State;
    std::unique_ptr<State> state_;
};

}  // namespace anchorlog::bench
