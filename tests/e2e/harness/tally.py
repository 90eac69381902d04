"""How many faults of each class were tried, and how many broke a promise."""

from __future__ import annotations

from collections import Counter


class Tally:
    def __init__(self) -> None:
        self._tried: Counter[str] = Counter()
        self._violations: Counter[str] = Counter()

    def add(self, fault_class: str, tried: int, violations: int = 0) -> None:
        self._tried[fault_class] += tried
        self._violations[fault_class] += violations

    def lines(self) -> list[str]:
        return [
            f"faults: {name}: {tried} tried, {self._violations[name]} violations"
            for name, tried in sorted(self._tried.items())
        ]
