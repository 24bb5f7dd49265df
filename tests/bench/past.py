"""The past, brought in by `import_archive`: rows a second and memory at a size, against a tenth of it."""

from __future__ import annotations

import csv
import datetime as dt
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.bench.figures import Figure, Figures, versus
from tests.bench.memory import resident
from tests.bench.place import ROOT, Place

RATE_GOAL, MEMORY_GOAL = ">= 0.6", "<= 1.5"
TURNS = 4  # of a conversation: asked, answered, thanked, answered
BEGUN = dt.datetime(2019, 1, 1, tzinfo=dt.UTC)
WORDS = (
    "The {n} ferry left without us, and nobody at the pier could tell why.",
    "We are sorry. Which pier was it, and when? We look into number {n}.",
    "Pier {n}, just before noon. Thank you for asking.",
    "The gate was stuck. Your fare comes back by Friday, number {n}.",
)


@dataclass(frozen=True)
class Import:
    rows: int
    seconds: float
    peak: float  # MB

    @property
    def rate(self) -> float:
        return self.rows / self.seconds


def measure(place: Place, messages: int) -> Figures:
    """Import a tenth and then the whole, each from a process of its own into a channel of its own."""
    place.step("brand")
    tenth, whole = (_bring_in(place, name, size) for name, size in (("Tenth", messages // 10), ("Whole", messages)))
    return {
        "archive.rate": versus(whole.rate, tenth.rate, "messages/s", RATE_GOAL),
        "archive.memory": Figure(whole.peak, "MB", tenth.peak, whole.peak / tenth.peak, MEMORY_GOAL),
    }


def _bring_in(place: Place, name: str, size: int) -> Import:
    path = place.folder / f"{name.lower()}.csv"
    _write(path, size, name)
    command = [sys.executable, "manage.py", "import_archive", str(path), "--brand", "lantern-lines", "--channel", name,
               "--map", "id=id,author=author,text=text,time=at,parent=parent,inbound=inbound"]  # fmt: skip
    begun, peak = time.monotonic(), 0.0
    with subprocess.Popen(command, cwd=ROOT, env=place.env, stdout=subprocess.PIPE) as process:
        while process.poll() is None:
            peak = max(peak, resident(process.pid))
            time.sleep(0.2)
        seconds = time.monotonic() - begun
        said = process.stdout.read() if process.stdout else b""
    path.unlink()
    if process.returncode or json.loads(said)["messages"] != size:
        raise RuntimeError(f"import of {size} messages: exit {process.returncode}, {said!r}")
    return Import(size, seconds, peak)


def _write(path: Path, size: int, name: str) -> None:
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["id", "author", "text", "at", "parent", "inbound"])
        for number in range(size):
            talk, turn = divmod(number, TURNS)
            out.writerow(
                [
                    f"{name}-{number}",
                    "lantern" if turn % 2 else f"{name}-person-{talk % 50_000}",
                    WORDS[turn].format(n=talk),
                    (BEGUN + dt.timedelta(minutes=talk, seconds=20 * turn)).isoformat(),
                    f"{name}-{number - 1}" if turn else "",
                    "no" if turn % 2 else "yes",
                ]
            )
