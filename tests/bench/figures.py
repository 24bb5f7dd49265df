"""A figure, its baseline and its goal; written to bench.json and printed as a table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Figure:
    """`value` against `baseline`; the goal ("<= 1.3", ">= 0.4") judges the ratio, else the value where `of_value`."""

    value: float
    unit: str
    baseline: float | None = None
    ratio: float | None = None
    goal: str | None = None
    of_value: bool = False

    def met(self, *, full_size: bool) -> bool | None:
        """None where there is no goal; at a reduced size nothing is met."""
        if self.goal is None:
            return None
        sign, limit = self.goal.split()
        judged = self.value if self.of_value or self.ratio is None else self.ratio
        return full_size and (judged <= float(limit) if sign == "<=" else judged >= float(limit))

    def as_json(self, *, full_size: bool) -> dict[str, Any]:
        return {
            "value": _short(self.value),
            "unit": self.unit,
            "baseline": _short(self.baseline),
            "ratio": _short(self.ratio),
            "goal": self.goal,
            "met": self.met(full_size=full_size),
        }


Figures = dict[str, Figure]


def versus(value: float, baseline: float, unit: str, goal: str | None = None) -> Figure:
    return Figure(value, unit, baseline, value / baseline if baseline else None, goal)


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def write(path: Path, figures: Figures, sizes: Mapping[str, Any], *, full_size: bool) -> None:
    report: dict[str, Any] = {name: figure.as_json(full_size=full_size) for name, figure in figures.items()}
    path.write_text(json.dumps({**report, "sizes": sizes}, indent=1) + "\n")


def table(figures: Figures, *, full_size: bool) -> str:
    rows: list[tuple[str, ...]] = [("", "value", "", "baseline", "ratio", "goal", "")]
    for name, figure in figures.items():
        shown = figure.as_json(full_size=full_size)
        verdict = {None: "", True: "met", False: "NOT MET"}[shown["met"]]
        numbers = ("" if shown[key] is None else f"{shown[key]:g}" for key in ("baseline", "ratio"))
        rows.append((name, f"{shown['value']:g}", figure.unit, *numbers, figure.goal or "", verdict))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if at in (0, 2) else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
