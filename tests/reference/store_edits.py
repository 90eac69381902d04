"""What a hand, a disk or a crash may do to a store, drawn from a seed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

Edit = Callable[[Path, Random], str]
SECTOR = 512


def journal_files(store: Path) -> list[Path]:
    return sorted(store.glob("*/*.ndjson"))


def pick(store: Path, draw: Random) -> tuple[Path, bytes]:
    """A file, the larger the likelier, and what is in it."""
    files = journal_files(store)
    path = draw.choices(files, [1 + file.stat().st_size for file in files])[0]
    return path, path.read_bytes()


def lines_of(data: bytes) -> list[bytes]:
    return data.split(b"\n")


def change_byte(store: Path, draw: Random) -> str:
    path, data = pick(store, draw)
    if not data:
        return "nothing"
    at = draw.randrange(len(data))
    value = draw.choice([data[at] ^ 1, 10, 0, ord("5"), ord('"'), draw.randrange(256)])
    path.write_bytes(data[:at] + bytes([value]) + data[at + 1:])
    return f"{path.name}[{at}] = {value}"


def insert_byte(store: Path, draw: Random) -> str:
    path, data = pick(store, draw)
    at = draw.randrange(len(data) + 1)
    path.write_bytes(data[:at] + draw.choice([b"\n", b"0", b" ", b"\0", b"{"]) + data[at:])
    return f"a byte into {path.name} at {at}"


def delete_bytes(store: Path, draw: Random) -> str:
    path, data = pick(store, draw)
    at = draw.randrange(len(data) + 1)
    path.write_bytes(data[:at] + data[at + draw.choice([1, 1, 2, 40]):])
    return f"bytes out of {path.name} at {at}"


def truncate(store: Path, draw: Random) -> str:
    path, data = pick(store, draw)
    at = draw.randrange(len(data) + 1)
    path.write_bytes(data[:at] + bytes(draw.choice([0, 0, 700])))
    return f"{path.name} cut to {at}"


def lose_sectors(store: Path, draw: Random) -> str:
    """As a crash does, in the middle of the last write or elsewhere."""
    path, data = pick(store, draw)
    whole = len(data) // SECTOR
    first = draw.randrange(whole + 1)
    begin, end = first * SECTOR, min(len(data), (first + draw.randrange(1, 4)) * SECTOR)
    path.write_bytes(data[:begin] + bytes(end - begin) + data[end:])
    return f"sectors {begin}-{end} of {path.name}"


def move_lines(store: Path, draw: Random) -> str:
    path, data = pick(store, draw)
    lines = lines_of(data)
    a, b = draw.randrange(len(lines)), draw.randrange(len(lines))
    what = draw.choice(["delete", "swap", "repeat", "move"])
    if what == "delete":
        del lines[a]
    elif what == "swap":
        lines[a], lines[b] = lines[b], lines[a]
    elif what == "repeat":
        lines.insert(b, lines[a])
    else:
        lines.insert(b, lines.pop(a))
    path.write_bytes(b"\n".join(lines))
    return f"{what} lines {a} and {b} of {path.name}"


def swap_files(store: Path, draw: Random) -> str:
    files = journal_files(store)
    a, b = draw.choice(files), draw.choice(files)
    first, second = a.read_bytes(), b.read_bytes()
    a.write_bytes(second)
    b.write_bytes(first)
    return f"{a.name} and {b.name} swapped"


def rename_file(store: Path, draw: Random) -> str:
    path = draw.choice(journal_files(store))
    number = int(path.name[:20]) + draw.choice([-1, 1, 1000])
    path.rename(path.with_name(f"{max(number, 0):020}{path.name[20:]}"))
    return f"{path.name} renamed to {number}"


def delete_file(store: Path, draw: Random) -> str:
    path = draw.choice(journal_files(store))
    path.unlink()
    return f"{path.name} deleted"


def change_leaves(store: Path, draw: Random) -> str:
    """A hint of most segments, and all that is left of a pruned one."""
    files = sorted(store.glob("log/*.leaves"))
    if not files:
        return "nothing"
    path = draw.choice(files)
    data = bytearray(path.read_bytes() or b"\0")
    data[draw.randrange(len(data))] ^= 1
    path.write_bytes(data[:draw.choice([len(data), len(data) // 2])] + draw.choice([b"", b"x"]))
    return f"{path.name} changed"


def add_file(store: Path, draw: Random) -> str:
    folder = store / draw.choice(["log", "batches", "anchors"])
    folder.mkdir(exist_ok=True)
    path = folder / draw.choice(["notes.txt", f"{10**6:020}.ndjson", "0.ndjson"])
    path.write_bytes(draw.choice([b"", b"\0" * 100, b"{}\n"]))
    return f"{path.name} added"


def change_word(store: Path, draw: Random) -> str:
    """One number or name for another, as somebody would who knows the format."""
    path, data = pick(store, draw)
    words = [(b'"count":', b'"count":1'), (b"cam", b"can"), (b'"seq_no":', b'"seq_no":1'),
             (b"count", b"age"), (b'"v":1', b'"v":2'), (b"start", b"stopp"), (b"true", b"false"),
             (b'"gas":9', b'"gas":8'), (b'"batch_id":', b'"batch_id":1'),
             (b'"target":"e', b'"target":"f')]
    old, new = draw.choice(words)
    path.write_bytes(data.replace(old, new, draw.choice([1, -1])))
    return f"{old!r} in {path.name}"


def nothing(store: Path, draw: Random) -> str:
    return "nothing"


EDITS: list[Edit] = [
    change_byte, change_byte, change_byte, insert_byte, delete_bytes, truncate, truncate,
    lose_sectors, move_lines, move_lines, swap_files, rename_file, delete_file, change_leaves,
    add_file, change_word, nothing,
]
