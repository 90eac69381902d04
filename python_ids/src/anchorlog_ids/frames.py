"""Frames: u32be length, then that many bytes of JSON."""

from __future__ import annotations

import json
import struct

from .alert import FRAME_BYTES_MAX, Json

_LENGTH = struct.Struct("!I")


class FrameError(ValueError):
    """The peer broke the framing or sent something that is not a JSON object."""


def encode_frame(payload: bytes) -> bytes:
    if not 1 <= len(payload) <= FRAME_BYTES_MAX:
        raise FrameError(f"frame of {len(payload)} bytes: 1 to {FRAME_BYTES_MAX} allowed")
    return _LENGTH.pack(len(payload)) + payload


class FrameDecoder:
    """Bytes in as they come, whole messages out; holds at most one unfinished frame."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Json]:
        self._buffer += data
        messages: list[Json] = []
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            if not 1 <= length <= FRAME_BYTES_MAX:
                raise FrameError(f"frame of {length} bytes: 1 to {FRAME_BYTES_MAX} allowed")
            if len(self._buffer) < _LENGTH.size + length:
                break
            payload = bytes(self._buffer[_LENGTH.size : _LENGTH.size + length])
            del self._buffer[: _LENGTH.size + length]
            messages.append(_parse(payload))
        return messages


def _parse(payload: bytes) -> Json:
    try:
        message = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise FrameError(f"frame is not JSON: {error}") from error
    if not isinstance(message, dict):
        raise FrameError("frame is not a JSON object")
    return message
