"""One step in a process of its own: `python -m tests.bench.step NAME ARGUMENTS OUT` (started by `Place.step`)."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import django

STEPS = (
    "prepare",
    "ingest",
    "demo",
    "plans",
    "brand",
    "hooked",
    "stands",
    "ladder",
    "centre",
    "assign",
    "asked",
    "night",
)


def main() -> None:
    name, arguments, out = sys.argv[1:]
    if name not in STEPS:
        raise SystemExit(f"No such step: {name}. Steps: {', '.join(STEPS)}")
    django.setup()
    run = importlib.import_module(f"tests.bench.{name}").run
    Path(out).write_text(json.dumps(run(**json.loads(arguments))))


if __name__ == "__main__":
    main()
