"""One row for every figure; whether it was reached is computed, never written."""

from __future__ import annotations

from dataclasses import dataclass, field

from .tool import Json

COLUMNS = ("case", "reach", "anchorlogd", "bound of this machine", "ratio", "reached")


@dataclass
class Row:
    case: str
    reach: str
    daemon: str
    bound: str = ""
    ratio: float | None = None
    reached: bool | None = None  # none: there is nothing to reach
    details: Json = field(default_factory=dict)

    def cells(self) -> tuple[str, ...]:
        said = {None: "", True: "yes", False: "**no**"}[self.reached]
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        return (self.case, self.reach, self.daemon, self.bound, ratio, said)

    def json(self) -> Json:
        return {
            "case": self.case, "reach": self.reach, "daemon": self.daemon, "bound": self.bound,
            "ratio": self.ratio, "reached": self.reached, "details": self.details,
        }


def markdown(rows: list[Row]) -> str:
    lines = [" | ".join(COLUMNS), "|".join("---" for _ in COLUMNS)]
    lines += [" | ".join(row.cells()) for row in rows]
    return "\n".join(f"| {line} |" if " | " in line else f"|{line}|" for line in lines)


def per_s(rate: float) -> str:
    return f"{rate:,.0f}/s"


def ms(us: float) -> str:
    return f"{us / 1e3:.2f} ms"
