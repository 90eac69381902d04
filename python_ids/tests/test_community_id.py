from __future__ import annotations

import ipaddress
import json
from typing import Any

import pytest

from anchorlog_ids.community_id import community_id
from ids_support import CAPTURES


@pytest.mark.parametrize(("name", "seed"), [("baseline_deflt.json", 0), ("baseline_seed1.json", 1)])
def test_official_vectors(name: str, seed: int) -> None:
    vectors: list[dict[str, Any]] = json.loads((CAPTURES / "community-id" / name).read_text())
    assert vectors
    for vector in vectors:
        src = ipaddress.ip_address(vector["saddr"]).packed
        dst = ipaddress.ip_address(vector["daddr"]).packed
        ports = (vector.get("sport") or 0, vector.get("dport") or 0)
        assert community_id(vector["proto"], src, dst, *ports, seed=seed) == vector["communityid"]
