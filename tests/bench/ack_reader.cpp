#include "ack_reader.h"

#include <charconv>

#include "stop.h"

namespace anchorlog::bench {

namespace {

// Reads a decimal number at `at` and moves behind it and the character that follows it.
std::uint64_t take_number(std::string_view text, std::size_t& at) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + text.size(), number);
    if (error != std::errc{}) stop("no number where one is due: " + std::string(text.substr(at)));
    at = static_cast<std::size_t>(end - text.data()) + 1;
    return number;
}

}  // namespace

std::optional<std::uint64_t> AckReader::next() {
    switch (dialect_) {
        case Dialect::anchorlog:
            return next_ack();
        case Dialect::relp:
            return next_response();
        case Dialect::syslog:
            break;
    }
    if (at_ < inbox_.size()) stop("an answer where none is due: " + inbox_.substr(at_));
    return std::nullopt;
}

void AckReader::trim() {
    inbox_.erase(0, at_);
    at_ = 0;
}

std::optional<std::uint64_t> AckReader::next_ack() {
    const std::string_view text = std::string_view(inbox_).substr(at_);
    if (text.size() < 4) return std::nullopt;
    std::size_t size = 0;
    for (std::size_t i = 0; i < 4; ++i) size = size << 8 | static_cast<unsigned char>(text[i]);
    if (text.size() < 4 + size) return std::nullopt;
    const std::string_view json = text.substr(4, size);
    at_ += 4 + size;
    constexpr std::string_view kNumber = "\"seq_no\":";
    std::size_t number_at = json.find(kNumber);
    if (number_at == std::string_view::npos ||
        json.find("\"type\":\"ack\"") == std::string_view::npos) {
        stop("not an ack: " + std::string(json));
    }
    number_at += kNumber.size();
    return take_number(json, number_at) - first_ + 1;
}

// `<transaction> rsp <size> <status> ...\n`: one for every alert, in their order.
std::optional<std::uint64_t> AckReader::next_response() {
    const std::string_view text = std::string_view(inbox_).substr(at_);
    const std::size_t command = text.find(" rsp ");
    if (command == std::string_view::npos) return std::nullopt;
    std::size_t at = command + 5;
    const std::size_t size_end = text.find(' ', at);
    if (size_end == std::string_view::npos) return std::nullopt;
    const std::uint64_t size = take_number(text, at);
    if (text.size() < at + size + 1) return std::nullopt;
    const std::string_view status = text.substr(at, size);
    std::size_t begin = 0;
    const std::uint64_t transaction = take_number(text, begin);
    if (!status.starts_with("200") || transaction != kFirstTransaction + responses_) {
        stop("not the ack that is due: " + std::string(text.substr(0, at + size)));
    }
    ++responses_;
    at_ += at + size + 1;
    return responses_;
}

}  // namespace anchorlog::bench
