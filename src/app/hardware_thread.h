#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "anchorlog/base/result.h"
#include "anchorlog/crypto/provider_key.h"

namespace anchorlog::app {

// The hardware key's answer.
struct HardwareDone {
    Result<Bytes> signature = Bytes();
    std::int64_t took_us = 0;
};

// The thread of the hardware key: a device takes up to seconds for a signature, and one that hangs
// holds up nobody but the seals that need it.
class HardwareThread {
public:
    // Without a key there is no thread, and sign() is not called.
    HardwareThread(std::shared_ptr<const crypto::HardwareSigner> key,
                   std::function<void(HardwareDone)> done);
    ~HardwareThread();

    void start();
    // One at a time; `done` is called with the answer.
    void sign(std::string text);
    // Waits for the device no longer than this; then it is left alone with its thread, and the
    // process must end by std::_Exit, because exit handlers would take OpenSSL from under them.
    void stop(std::chrono::milliseconds wait_max);
    [[nodiscard]] bool is_stuck() const { return is_stuck_; }

private:
    struct Shared;
    static void run(const std::shared_ptr<Shared>& shared);

    std::shared_ptr<Shared> shared_;  // outlives this object where the device hangs
    std::thread thread_;
    bool is_stuck_ = false;
};

}  // namespace anchorlog::app
