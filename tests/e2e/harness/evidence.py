"""Evidence files, read and altered without the project's code (docs/evidence_format.md)."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .alerts import canonical
from .merkle import Checkpoint, inclusion_root, leaf_hash

Json = dict[str, Any]


@dataclass(frozen=True)
class EvidenceFile:
    """A C2SP tlog-proof, line by line, and the JSON of its extra line."""

    extra: Json
    index: int
    path: list[bytes]
    checkpoint: str

    @classmethod
    def read(cls, file: Path) -> EvidenceFile:
        head, checkpoint = file.read_text().split("\n\n", 1)
        lines = head.split("\n")
        assert lines[0] == "c2sp.org/tlog-proof@v1"
        extra, index = lines[1].removeprefix("extra "), lines[2].removeprefix("index ")
        assert (f"extra {extra}", f"index {index}") == (lines[1], lines[2])
        text = base64.b64decode(extra, validate=True)
        made = json.loads(text)
        assert canonical(made) == text, "the extra line is canonical JSON"
        return cls(made, int(index), [base64.b64decode(line) for line in lines[3:]], checkpoint)

    def text(self) -> str:
        lines = [
            "c2sp.org/tlog-proof@v1",
            "extra " + base64.b64encode(canonical(self.extra)).decode(),
            f"index {self.index}",
            *(base64.b64encode(step).decode() for step in self.path),
        ]
        return "\n".join(lines) + "\n\n" + self.checkpoint

    def with_extra(self, **members: Any) -> EvidenceFile:
        return replace(self, extra={**self.extra, **members})

    def prove(self, vkey: str) -> Json:
        """The entry, once it is shown to be in the batch and the batch's header in the history
        that the log's key signed: what a stock tlog-proof verifier and 20 lines more do."""
        checkpoint = Checkpoint.read(self.checkpoint, vkey)
        header_text = self.extra["header"].encode()
        leaf = leaf_hash(header_text)
        assert inclusion_root(leaf, self.index, checkpoint.size, self.path) == checkpoint.root
        header = json.loads(header_text)
        entry: Json = json.loads(self.extra["entry"])
        place = entry["index"] - header["first_index"]
        path = [bytes.fromhex(step) for step in self.extra["batch_path"]]
        root = inclusion_root(leaf_hash(self.extra["entry"].encode()), place, header["count"], path)
        assert root.hex() == header["merkle_root"]
        return entry
