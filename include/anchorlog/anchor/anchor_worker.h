#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "anchorlog/anchor/anchor_target.h"

namespace anchorlog::anchor {

// Called on the anchor thread: anchors/ could not be written or synced. What reached the disk is
// unknown, so the process must end (74) and the next start settles the journal; does not return.
using StorageAlarm = std::function<void(const Error&)>;

// One target's anchor thread. Its queue is the store: the target asks for the newest sealed batch
// when one is due, so an outage of any length is healed by one commitment.
class AnchorWorker {
public:
    [[nodiscard]] static std::unique_ptr<AnchorWorker> create(std::unique_ptr<AnchorTarget> target,
                                                              const Clock& clock,
                                                              StorageAlarm on_storage_failure);
    virtual ~AnchorWorker() = default;

    virtual void start() = 0;
    // After start(): until the place was heard or could not be, or `limit` has passed. A fork that
    // it shows has been told to ForkAlarm by then. Any thread.
    virtual void await_answer(std::chrono::milliseconds limit) = 0;
    virtual void wake() = 0;  // any thread: a batch was sealed
    virtual void stop() = 0;  // aborts a running call; joins within a second or two
    [[nodiscard]] virtual AnchorStatus status() const = 0;  // any thread
};

}  // namespace anchorlog::anchor
