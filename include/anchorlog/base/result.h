#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "anchorlog/base/assert.h"

namespace anchorlog {

// A code exists only if some caller branches on it; everything else is told by the message.
enum class Errc {
    invalid_input,  // the bytes, file or option given do not follow their format
    not_found,      // what was asked for does not exist
    corruption,     // our own files contradict themselves
    io,             // the operating system refused; after a failed sync this is final
    storage_full,   // no space: nothing was changed, the caller may try again later
    unavailable,    // a peer or a chain does not answer now
    refused,        // a peer answered and said no
    internal,       // a bug of ours, found at run time
};

[[nodiscard]] std::string_view to_string(Errc code) noexcept;

// What went wrong, where, and how to mend it, in one sentence a person can act on.
struct Error {
    Errc code = Errc::internal;
    std::string message;

    // Puts the place in front, so that an error reads from the outside in.
    [[nodiscard]] Error in(std::string_view place) && {
        return {code, std::string(place) + ": " + message};
    }
    [[nodiscard]] Error in(std::string_view place) const& { return Error(*this).in(place); }
};

// A value or an Error. Models the part of std::expected (C++23) that we use, but cannot be dropped.
template <class T>
class [[nodiscard]] Result {
public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }
    explicit operator bool() const noexcept { return has_value(); }

    [[nodiscard]] T& value() & {
        ANCHORLOG_ASSERT(has_value());
        return *std::get_if<0>(&state_);
    }
    [[nodiscard]] const T& value() const& {
        ANCHORLOG_ASSERT(has_value());
        return *std::get_if<0>(&state_);
    }
    [[nodiscard]] T&& value() && {
        ANCHORLOG_ASSERT(has_value());
        return std::move(*std::get_if<0>(&state_));
    }
    [[nodiscard]] T& operator*() & { return value(); }
    [[nodiscard]] const T& operator*() const& { return value(); }
    [[nodiscard]] T&& operator*() && { return std::move(*this).value(); }
    [[nodiscard]] T* operator->() { return &value(); }
    [[nodiscard]] const T* operator->() const { return &value(); }

    [[nodiscard]] const Error& error() const& {
        ANCHORLOG_ASSERT(!has_value());
        return *std::get_if<1>(&state_);
    }
    [[nodiscard]] Error&& error() && {
        ANCHORLOG_ASSERT(!has_value());
        return std::move(*std::get_if<1>(&state_));
    }

private:
    std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
public:
    Result() = default;
    Result(Error error) : error_(std::move(error)), failed_(true) {}

    [[nodiscard]] bool has_value() const noexcept { return !failed_; }
    explicit operator bool() const noexcept { return has_value(); }

    [[nodiscard]] const Error& error() const& {
        ANCHORLOG_ASSERT(failed_);
        return error_;
    }
    [[nodiscard]] Error&& error() && {
        ANCHORLOG_ASSERT(failed_);
        return std::move(error_);
    }

private:
    Error error_;
    bool failed_ = false;
};

}  // namespace anchorlog
