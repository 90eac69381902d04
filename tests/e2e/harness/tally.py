"""How many faults of each class were tried, and how many broke a promise."""

from __future__ import annotations

from collections import Counter
from typing import Any


class Tally:
    def __init__(self) -> None:
        self._tried: Counter[str] = Counter()
        self._violations: Counter[str] = Counter()
        self._figures: list[str] = []

    def add(self, fault_class: str, tried: int, violations: int = 0) -> None:
        self._tried[fault_class] += tried
        self._violations[fault_class] += violations

    def measured(self, figure: str) -> None:
        """A figure worth a line beside the counts."""
        self._figures.append(f"faults: {figure}")

    def told(self) -> dict[str, Any]:
        """What one of several test processes tells the one that prints."""
        return {"tried": dict(self._tried), "violations": dict(self._violations),
                "figures": self._figures}

    def take(self, told: dict[str, Any]) -> None:
        self._tried.update(told["tried"])
        self._violations.update(told["violations"])
        self._figures += told["figures"]

    def lines(self) -> list[str]:
        counts = [
            f"faults: {name}: {tried} tried, {self._violations[name]} violations"
            for name, tried in sorted(self._tried.items())
        ]
        return counts + self._figures
