#include <algorithm>
#include <string>
#include <vector>

#include "anchorlog/wire/frame.h"
#include "fuzz/target.h"

namespace anchorlog::fuzz {

namespace {

struct Decoded {
    std::vector<std::string> frames;
    std::optional<wire::FrameError> error;
    bool at_border = false;

    friend bool operator==(const Decoded&, const Decoded&) = default;
};

void take_frames(wire::FrameDecoder& decoder, Decoded& out) {
    while (const auto json = decoder.next()) {
        require(!json->empty() && json->size() <= wire::kFrameSizeMax,
                "a frame has 1..65536 bytes");
        out.frames.emplace_back(*json);
    }
    require(decoder.frames() == out.frames.size(), "frames() counts what was handed out");
}

Decoded finish(const wire::FrameDecoder& decoder, Decoded out) {
    out.error = decoder.error();
    out.at_border = decoder.at_border();
    return out;
}

Decoded decode_whole(ByteView stream) {
    wire::FrameDecoder decoder;
    Decoded out;
    decoder.push(stream);
    take_frames(decoder, out);
    return finish(decoder, std::move(out));
}

// Chunk sizes come from the bytes of `sizes`, again and again.
Decoded decode_chunks(ByteView stream, ByteView sizes) {
    wire::FrameDecoder decoder;
    Decoded out;
    std::size_t turn = 0;
    while (!stream.empty()) {
        const std::size_t wanted = sizes.empty() ? 1 : std::size_t{sizes[turn++ % sizes.size()]};
        const ByteView chunk =
            stream.first(std::min(std::max<std::size_t>(wanted, 1), stream.size()));
        stream = stream.subspan(chunk.size());
        decoder.push(chunk);
        // Frames may pile up over several pushes.
        if (wanted % 4 != 3) take_frames(decoder, out);
    }
    take_frames(decoder, out);
    return finish(decoder, std::move(out));
}

}  // namespace

// First byte: how many chunk sizes follow; behind them the stream.
void frame(ByteView input) {
    InputReader reader(input);
    const ByteView sizes = reader.bytes(reader.byte() % 8);
    const ByteView stream = reader.rest();
    const Decoded whole = decode_whole(stream);
    require(whole == decode_chunks(stream, sizes), "chunks do not change what is decoded");

    std::string written;
    for (const std::string& json : whole.frames) wire::append_frame(written, json);
    require(as_text(stream).starts_with(written), "frames are written as they were read");
    require(!whole.at_border || written.size() == stream.size(), "at a border all bytes are used");
    require(!(whole.error && whole.at_border), "no border behind an error");
}

}  // namespace anchorlog::fuzz
