"""A client of C2SP tlog-tiles: reads a whole log and checks it as a stock client's fsck does.
Written from the specification, apart from the code it checks."""

from __future__ import annotations

from collections.abc import Callable

from .merkle import Checkpoint, leaf_hash, merkle_root

WIDTH = 256
HASH = 32

# Gives the file below the log's prefix.
Fetch = Callable[[str], bytes]


def tile_path(level: str, number: int, width: int) -> str:
    groups = [f"{number % 1000:03}"]
    while number := number // 1000:
        groups.insert(0, f"x{number % 1000:03}")
    partial = f".p/{width}" if width < WIDTH else ""
    return f"tile/{level}/{'/'.join(groups)}{partial}"


def widths(count: int) -> list[int]:
    """Of the tiles that hold so many hashes."""
    return [WIDTH] * (count // WIDTH) + ([count % WIDTH] if count % WIDTH else [])


def paths_of(size: int) -> list[str]:
    """Every file that a client of a tree of that size may ask for."""
    paths = [tile_path("entries", n, width) for n, width in enumerate(widths(size))]
    level, count = 0, size
    while count:
        paths += [tile_path(str(level), n, width) for n, width in enumerate(widths(count))]
        level, count = level + 1, count // WIDTH
    return paths


def read_level(fetch: Fetch, level: int, count: int) -> list[bytes]:
    hashes = []
    for number, width in enumerate(widths(count)):
        data = fetch(tile_path(str(level), number, width))
        assert len(data) == width * HASH, f"tile {level}/{number} has {len(data)} bytes"
        hashes += [data[at : at + HASH] for at in range(0, len(data), HASH)]
    return hashes


def read_entries(fetch: Fetch, size: int) -> list[bytes]:
    entries = []
    for number, width in enumerate(widths(size)):
        data = fetch(tile_path("entries", number, width))
        bundle = []
        while data:
            length = int.from_bytes(data[:2], "big")
            assert len(data) >= 2 + length, f"bundle {number} is cut short"
            bundle.append(data[2 : 2 + length])
            data = data[2 + length :]
        assert len(bundle) == width
        entries += bundle
    return entries


def fsck(fetch: Fetch, vkey: str) -> tuple[Checkpoint, list[bytes]]:
    """The signed head and the entries under it; an AssertionError says what does not fit."""
    checkpoint = Checkpoint.read(fetch("checkpoint").decode(), vkey)
    entries = read_entries(fetch, checkpoint.size)
    below = read_level(fetch, 0, checkpoint.size)
    assert below == [leaf_hash(entry) for entry in entries], "bundles and tiles differ"
    # The root from the tiles alone: what no tile of the level above holds yet is its right edge.
    leaves, level = below, 0
    while len(below) >= WIDTH:
        level += 1
        above = read_level(fetch, level, len(below) // WIDTH)
        roots = [merkle_root(below[n * WIDTH : (n + 1) * WIDTH]) for n in range(len(above))]
        assert above == roots, f"level {level} is not over the one below"
        below = above
    assert merkle_root(leaves) == checkpoint.root, "the tiles are not the signed tree"
    return checkpoint, entries
