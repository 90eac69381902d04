"""Alternating trials of the daemon and the bound: only what ran next to each other compares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .table import Row, ms, per_s
from .tool import Json, median, options_of, run_tool, spread

# Bounds by name: lines as long as an alert alone, or as the daemon makes of it.
FAST_BOUNDS = {"400 B": ["--line-bytes", "400"], "507 B": ["--line-bytes", "507"]}
LINE_BOUND = {"507 B": FAST_BOUNDS["507 B"]}
# As a server without any trick would do: shown beside, the ratio is not against it.
PLAIN = "plain"
PLAIN_BOUND = {PLAIN: ["--plain", "--line-bytes", "400"]}


@dataclass(frozen=True)
class Case:
    name: str
    load: Json
    reach: str


COALESCED = Case(
    "one connection, 16 frames a TLS record",
    {"connections": 1, "coalesce": 16, "window": 32_000, "seconds": 2},
    "≥ 0.60, ≥ 450,000/s",
)
SEPARATE = Case(
    "8 connections, 1 frame a TLS record, window 1,000",
    {"connections": 8, "coalesce": 1, "window": 1_000, "seconds": 2},
    "≥ 0.70, ≥ 200,000/s",
)
CLOSED_LOOP = Case(
    "64 clients, one alert each under way",
    {"connections": 64, "window": 1, "seconds": 2},
    "≥ 45,000/s, p99 ≤ 4 ms",
)
OPEN_LOOP = Case(
    "open loop, 100,000/s over 8 connections",
    {"connections": 8, "window": 100_000, "rate": 100_000, "seconds": 2},
    "p50 ≤ 1, p99 ≤ 5, p99.9 ≤ 15 ms",
)
SINGLE = Case(
    "one alert at a time", {"connections": 1, "window": 1, "seconds": 1.5}, "p50 ≤ 0.25 ms"
)


@dataclass
class Paired:
    """The trials of one case, in their order."""

    daemon: list[Json]
    bounds: dict[str, list[Json]]

    def rate(self) -> float:
        return median([trial["alerts_per_s"] for trial in self.daemon])

    def bound_rate(self) -> float:
        """Of the faster bound."""
        return max(self.rate_of(name) for name in self.bounds if name != PLAIN)

    def rate_of(self, bound: str) -> float:
        return median([trial["alerts_per_s"] for trial in self.bounds[bound]])

    def pair_ratios(self) -> list[float]:
        """Of every pair by itself, against its faster bound."""
        rates = [
            [trial["alerts_per_s"] for trial in trials]
            for name, trials in self.bounds.items()
            if name != PLAIN
        ]
        return [
            trial["alerts_per_s"] / max(bounds)
            for trial, *bounds in zip(self.daemon, *rates, strict=True)
        ]

    def latency(self, which: str) -> float:
        return median([trial["latency_us"][which] for trial in self.daemon])

    def bound_latency(self, which: str) -> float:
        return min(
            median([trial["latency_us"][which] for trial in trials])
            for trials in self.bounds.values()
        )

    def json(self) -> Json:
        return {
            "daemon": self.daemon, "bounds": self.bounds,
            "ratios_of_pairs": [round(ratio, 3) for ratio in self.pair_ratios()],
            "spread_of_ratios": round(spread(self.pair_ratios()), 3),
        }


def run_pairs(
    case: Case, pairs: int, bounds: dict[str, list[str]], *daemon_options: str
) -> Paired:
    """Every second pair runs backwards, so that no one always comes first."""
    options = options_of(case.load)
    commands = {name: ["bound", *more] for name, more in bounds.items()}
    commands = {"daemon": ["run", *daemon_options], **commands}
    trials: dict[str, list[Json]] = {name: [] for name in commands}
    for pair in range(pairs):
        for name in commands if pair % 2 == 0 else reversed(commands):
            trials[name].append(run_tool(*commands[name], *options))
    return Paired(trials.pop("daemon"), trials)


def throughput(case: Case, pairs: int, ratio_min: float, rate_min: float) -> Row:
    found = run_pairs(case, pairs, FAST_BOUNDS | PLAIN_BOUND)
    ratio = median(found.pair_ratios())
    return Row(
        case.name, case.reach, per_s(found.rate()),
        f"{per_s(found.bound_rate())}; plain {per_s(found.rate_of(PLAIN))}", ratio,
        ratio >= ratio_min and found.rate() >= rate_min, found.json(),
    )


def closed_loop(pairs: int) -> Row:
    found = run_pairs(CLOSED_LOOP, pairs, LINE_BOUND)
    return Row(
        CLOSED_LOOP.name, CLOSED_LOOP.reach,
        f"{per_s(found.rate())}, p99 {ms(found.latency('p99'))}",
        f"{per_s(found.bound_rate())}, p99 {ms(found.bound_latency('p99'))}",
        median(found.pair_ratios()),
        found.rate() >= 45_000 and found.latency("p99") <= 4_000, found.json(),
    )


def latencies(case: Case, pairs: int, limits_us: dict[str, float]) -> Row:
    """Percentiles from the intended send time, each the median of its trials."""
    found = run_pairs(case, pairs, LINE_BOUND)

    def shown(of: Callable[[str], float]) -> str:
        return ", ".join(f"{name.replace('_', '.')} {ms(of(name))}" for name in limits_us)

    return Row(
        case.name, case.reach, shown(found.latency), shown(found.bound_latency), None,
        all(found.latency(name) <= limit for name, limit in limits_us.items()), found.json(),
    )
