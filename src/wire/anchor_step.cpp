#include "anchorlog/wire/anchor_step.h"

#include <algorithm>
#include <charconv>

#include "anchorlog/wire/alert.h"
#include "wire/object_reader.h"
#include "wire/object_writer.h"

namespace anchorlog::wire {

namespace {

constexpr std::size_t kReasonSizeMax = 1'024;
constexpr std::size_t kReceiptPathMax = 64;
constexpr std::size_t kFeeDigitsMax = 20;

std::string format(const AnchorAttempt& step) {
    std::string out;
    ObjectWriter(out)
        .plain("at", format_server_time(step.at))
        .number("batch_id", step.batch_id.value)
        .number("gas", step.gas)
        .plain("hash", to_hex(step.hash))
        .plain("kind", "attempt")
        .plain("max_fee", std::to_string(step.max_fee))
        .number("nonce", step.nonce)
        .plain("priority_fee", std::to_string(step.priority_fee))
        .plain("raw", to_hex(step.raw))
        .string("target", step.target)
        .close();
    return out;
}

std::string format(const AnchorReceipt& step) {
    std::vector<std::string> path;
    path.reserve(step.receipt_path.size());
    for (const Bytes& node : step.receipt_path) path.push_back(to_hex(node));
    std::string out;
    ObjectWriter(out)
        .plain("at", format_server_time(step.at))
        .number("batch_id", step.batch_id.value)
        .plain("block_hash", to_hex(step.block_hash))
        .plain("block_header", to_hex(step.block_header))
        .number("block_number", step.block_number)
        .number("chain_id", step.chain_id)
        .plain("contract", to_hex(ByteView(step.contract)))
        .number("from_batch", step.from_batch.value)
        .plain("hash", to_hex(step.hash))
        .plain("kind", "receipt")
        .number("log_index", step.log_index)
        .raw("receipt_path", string_array(path))
        .string("target", step.target)
        .number("transaction_index", step.transaction_index)
        .close();
    return out;
}

std::string format(const AnchorSuperseded& step) {
    std::string out;
    ObjectWriter(out)
        .plain("at", format_server_time(step.at))
        .number("batch_id", step.batch_id.value)
        .plain("hash", to_hex(step.hash))
        .plain("kind", "superseded")
        .string("reason", step.reason)
        .string("target", step.target)
        .close();
    return out;
}

std::string format(const AnchorToken& step) {
    std::string out;
    ObjectWriter(out)
        .plain("at", format_server_time(step.at))
        .number("batch_id", step.batch_id.value)
        .plain("hash", to_hex(step.hash))
        .plain("kind", "token")
        .string("target", step.target)
        .plain("token", to_base64(step.token))
        .close();
    return out;
}

std::string format(const AnchorWritten& step) {
    std::string out;
    ObjectWriter(out)
        .plain("at", format_server_time(step.at))
        .number("batch_id", step.batch_id.value)
        .plain("hash", to_hex(step.hash))
        .plain("kind", "written")
        .string("target", step.target)
        .close();
    return out;
}

std::string read_target(ObjectReader& reader) {
    std::string target(reader.plain("target"));
    reader.require(is_name(target), "target", "must be 1 to 64 of A-Z a-z 0-9 . _ : -");
    return target;
}

std::uint64_t read_fee(ObjectReader& reader, std::string_view name) {
    const std::string_view text = reader.plain(name);
    std::uint64_t fee = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), fee);
    const bool is_decimal = text.size() <= kFeeDigitsMax && read.ec == std::errc() &&
                            read.ptr == text.data() + text.size() && text == std::to_string(fee);
    reader.require(is_decimal, name, "must be a decimal string of at most 64 bits");
    return fee;
}

AnchorAttempt read_attempt(ObjectReader& reader) {
    AnchorAttempt step;
    step.at = reader.time("at");
    step.batch_id = BatchId(reader.number("batch_id"));
    step.gas = reader.number("gas");
    step.hash = reader.hash("hash");
    step.max_fee = read_fee(reader, "max_fee");
    step.nonce = reader.number("nonce");
    step.priority_fee = read_fee(reader, "priority_fee");
    step.raw = reader.hex("raw");
    step.target = read_target(reader);
    return step;
}

AnchorReceipt read_receipt(ObjectReader& reader) {
    AnchorReceipt step;
    step.at = reader.time("at");
    step.batch_id = BatchId(reader.number("batch_id"));
    step.block_hash = reader.hash("block_hash");
    step.block_header = reader.hex("block_header");
    step.block_number = reader.number("block_number");
    step.chain_id = reader.number("chain_id");
    const Bytes contract = reader.hex("contract");
    reader.require(contract.size() == step.contract.size(), "contract", "must be 40 hex digits");
    if (contract.size() == step.contract.size()) {
        std::copy(contract.begin(), contract.end(), step.contract.begin());
    }
    step.from_batch = BatchId(reader.number("from_batch"));
    reader.require(step.from_batch <= step.batch_id, "from_batch", "must not be over `batch_id`");
    step.hash = reader.hash("hash");
    step.log_index = reader.number("log_index");
    for (const std::string_view element : reader.array("receipt_path", kReceiptPathMax)) {
        auto node = from_hex(plain_string(element).value_or("?"));
        reader.require(node.has_value(), "receipt_path", "must hold lower-case hex strings");
        if (node) step.receipt_path.push_back(std::move(*node));
    }
    step.target = read_target(reader);
    step.transaction_index = reader.number("transaction_index");
    return step;
}

AnchorSuperseded read_superseded(ObjectReader& reader) {
    AnchorSuperseded step;
    step.at = reader.time("at");
    step.batch_id = BatchId(reader.number("batch_id"));
    step.hash = reader.hash("hash");
    step.reason = reader.string("reason", kReasonSizeMax);
    step.target = read_target(reader);
    return step;
}

AnchorToken read_token(ObjectReader& reader) {
    AnchorToken step;
    step.at = reader.time("at");
    step.batch_id = BatchId(reader.number("batch_id"));
    step.hash = reader.hash("hash");
    step.target = read_target(reader);
    auto token = from_base64(reader.plain("token"));
    reader.require(token && !token->empty() && token->size() <= kTokenSizeMax, "token",
                   "must be base64 of 1 to 65,536 bytes");
    if (token) step.token = std::move(*token);
    return step;
}

AnchorWritten read_written(ObjectReader& reader) {
    AnchorWritten step;
    step.at = reader.time("at");
    step.batch_id = BatchId(reader.number("batch_id"));
    step.hash = reader.hash("hash");
    step.target = read_target(reader);
    return step;
}

}  // namespace

std::string format_anchor_step(const AnchorStep& step) {
    return std::visit([](const auto& one) { return format(one); }, step);
}

std::string format_checkpoint_line(BatchId batch, std::string_view note) {
    std::string out;
    ObjectWriter(out).number("batch_id", batch.value).string("checkpoint", note).close();
    return out;
}

Result<AnchorStep> parse_anchor_step(std::string_view line) {
    constexpr std::string_view kWhat = "anchor line";
    if (line.size() > kAnchorStepSizeMax) {
        return Error{Errc::invalid_input, std::string(kWhat) + ": longer than " +
                                              std::to_string(kAnchorStepSizeMax) + " bytes"};
    }
    ObjectReader reader(line, std::string(kWhat));
    const std::string_view kind = reader.plain("kind");
    AnchorStep step;
    if (kind == "attempt") {
        step = read_attempt(reader);
    } else if (kind == "receipt") {
        step = read_receipt(reader);
    } else if (kind == "superseded") {
        step = read_superseded(reader);
    } else if (kind == "token") {
        step = read_token(reader);
    } else if (kind == "written") {
        step = read_written(reader);
    } else {
        reader.refuse("kind", "must be attempt, receipt, superseded, token or written");
    }
    if (auto whole = reader.finish(); !whole) return std::move(whole).error();
    return step;
}

}  // namespace anchorlog::wire
