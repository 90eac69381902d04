#include "net/io_worker.h"

#include <utility>
#include <boost/asio/post.hpp>

#include "net/session.h"

namespace anchorlog::net {

void IoWorker::start() {
    work_.emplace(context.get_executor());
    thread_ = std::thread([this] { context.run(); });
}

void IoWorker::stop() {
    work_.reset();
    context.stop();
    if (thread_.joinable()) thread_.join();
}

void IoWorker::queue_handshake(std::shared_ptr<Session> session) {
    handshakes_.push_back(std::move(session));
    handshakes_queued = handshakes_.size();
    if (handshakes_.size() == 1) asio::post(context, [this] { run_handshake(); });
}

// Posts itself anew behind everything that became ready meanwhile.
void IoWorker::run_handshake() {
    handshakes_.front()->shake_hands();
    handshakes_.pop_front();
    handshakes_queued = handshakes_.size();
    if (!handshakes_.empty()) asio::post(context, [this] { run_handshake(); });
}

// Behind everything that is ready: so a turn of many sessions wakes the sink once.
void IoWorker::submit(Inbound inbound) {
    inbounds_.push_back(std::move(inbound));
    if (inbounds_.size() == 1) asio::post(context, [this] { hand_over(); });
}

void IoWorker::hand_over() {
    if (!inbounds_.empty()) sink_.submit(std::exchange(inbounds_, {}));
}

void IoWorker::hold_back(SessionId session) {
    held_back_.insert(session);
    waiting.store(true);
}

void IoWorker::let_go(SessionId session) {
    held_back_.erase(session);
    waiting.store(!held_back_.empty());
}

void IoWorker::wake_held_back() {
    const std::vector<SessionId> all(held_back_.begin(), held_back_.end());
    for (const SessionId id : all) sessions.at(id)->wake_reader();
}

std::vector<std::shared_ptr<Session>> IoWorker::all_sessions() const {
    std::vector<std::shared_ptr<Session>> all;
    all.reserve(sessions.size());
    for (const auto& [id, session] : sessions) all.push_back(session);
    return all;
}

}  // namespace anchorlog::net
