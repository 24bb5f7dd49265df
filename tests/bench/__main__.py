"""`python -m tests.bench`: measures both lanes, writes bench.json, prints a table."""

from __future__ import annotations

import argparse
import contextlib
import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench import burst, calls, climb, many, memory, pages, past, readers
from tests.bench.client import ROUNDS, Visitor
from tests.bench.figures import Figure, Figures, table, versus, write
from tests.bench.place import LANES, ROOT, Place, free_port, missing

MENTIONS, SMALL, LARGE = 5000, 10_000, 1_000_000
ARTICLES, INQUIRIES, TALKED, NIGHT = 10_000, 1_000_000, 100_000, 100_000
PUSHES, ARCHIVED, SOURCES = 10_000, 1_000_000, 200
INGEST, NIGHT_MINUTES, NIGHT_MEMORY, ASSIGN = ">= 0.4", "<= 10", "<= 2", "<= 5"
PARTS = ("ingest", "pages", "worker", "ladder", "sources", "hooks", "archive", "help")
ELSEWHERE = "# For scale, django-helpdesk 2.6.1: ticket list 250 ms / 2.0 s / 14 s at 10k / 100k / 1M tickets; 19 tickets/s by API; 37 mails/s."
Sizes = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """One lane's measurements, in places of their own below `folder`."""

    lane: str
    scale: float
    folder: Path
    plans: bool

    def ingest(self) -> tuple[Figures, Sizes]:
        with self._place("ingest") as place:
            found = place.step("ingest", mentions=max(300, int(MENTIONS * self.scale)))
        product, bulk = found["mentions"] / found["product"], found["mentions"] / found["bulk"]
        share = product / bulk
        figures = {
            "ingest.share_of_bulk_create": Figure(share, "share", bulk, share, INGEST),
            "ingest.rate": versus(product, bulk, "mentions/s"),
            "ingest.share_of_raw_insert": Figure(
                product / found["raw_rate"], "share", found["raw_rate"], product / found["raw_rate"]
            ),
        }
        return figures, {"ingest": {"mentions": found["mentions"], "page": 100, "rows": found["counts"]}}

    def pages(self) -> tuple[Figures, Sizes]:
        """The small and the large database, each behind a server of its own; then memory after all of it."""
        with contextlib.ExitStack() as stack:
            visitors, processes, sizes = [], [], {}
            for name, tickets in (
                ("small", max(2000, int(SMALL * self.scale))),
                ("large", max(20_000, int(LARGE * self.scale))),
            ):
                port = free_port()
                place = stack.enter_context(self._place(name))
                keys = place.step("prepare", tickets=tickets, port=port)
                sizes[name] = {
                    **keys["sizes"],
                    "deep_page_of_inbox": keys["inbox"]["one"]["page"],
                    "deep_page_of_api": keys["api"]["created"]["page"],
                }
                processes.append(stack.enter_context(place.running(keys["commands"]["web"], port)))
                visitors.append(Visitor(port, keys))
            small, large = visitors
            large.desk("/desk/inbox/next/")
            at_rest = memory.resident(processes[1].pid)
            figures = {**pages.measure(small, large), **calls.measure(small)}
            figures["memory.web.at_rest"] = memory.figure(at_rest, memory.WEB)
            figures["memory.web.after"] = memory.figure(memory.resident(processes[1].pid), memory.WEB)
            if self.plans:
                _print_plans(place.step("plans", keys=large.keys))
        return figures, {"pages": {**sizes, "requests": ROUNDS}}

    def worker(self) -> tuple[Figures, Sizes]:
        with self._place("worker") as place:
            figures, heard = memory.worker(place, free_port())
        return figures, {"worker": {"mentions_heard": heard, "seconds": memory.AT_WORK}}

    def ladder(self) -> tuple[Figures, Sizes]:
        figures, sizes = climb.measure(self._place, self.scale)
        return figures, {"ladder": sizes}

    def sources(self) -> tuple[Figures, Sizes]:
        count, rhythm = max(10, int(SOURCES * self.scale)), max(5, int(many.RHYTHM * min(1, self.scale)))
        with self._place("sources") as place:
            found = many.measure(place, free_port(), count, rhythm)
        return found, {"sources": {"sources": count, "rhythm_seconds": rhythm, "rounds": many.ROUNDS}}

    def hooks(self) -> tuple[Figures, Sizes]:
        posts = max(500, int(PUSHES * self.scale))
        with self._place("hooks") as place:
            return burst.measure(place, free_port(), posts), {"hooks": {"pushes": posts, "hands": burst.HANDS}}

    def archive(self) -> tuple[Figures, Sizes]:
        messages = max(5000, int(ARCHIVED * self.scale))
        with self._place("archive") as place:
            return past.measure(place, messages), {"archive": {"messages": messages}}

    def help(self) -> tuple[Figures, Sizes]:
        """Readers and agents; what is asked and grouped only where there are millions of rows."""
        articles, is_large = max(300, int(ARTICLES * self.scale)), self.lane == "postgres"
        inquiries = max(20_000, int(INQUIRIES * self.scale)) * is_large
        port = free_port()
        with self._place("help") as place:
            tickets = max(2000, int(TALKED * self.scale)) * is_large
            keys = place.step("centre", articles=articles, inquiries=inquiries, tickets=tickets, port=port)
            with place.running(keys["commands"]["web"], port) as process:
                figures = readers.measure(port, keys)
                figures["help.memory.web"] = Figure(memory.resident(process.pid), "MB")
                if is_large:
                    figures |= readers.at_the_desk(Visitor(port, keys))
            if is_large:
                told = place.step("assign", brand=keys["brand"], articles=articles, inquiries=inquiries)
                figures["help.assign"] = versus(told["one"][0], told["one"][1], "ms", ASSIGN)
                figures["help.assign.of_many"] = versus(told["many"][0], told["many"][1], "ms", ASSIGN)
                keys["sizes"]["assigned"] = {"kept": told["kept"], "found_a_topic": told["found_a_topic"]}
            if self.plans:
                _print_plans(place.step("plans", keys=keys))
        if is_large:
            figures |= self._night(keys["sizes"])
        return figures, {"help": keys["sizes"]}

    def _night(self, sizes: Sizes) -> Figures:
        with self._place("night") as place:
            asked = place.step("asked", inquiries=max(3000, int(NIGHT * self.scale)))
            night = place.step("night")
        sizes["night"] = {**asked, **{name: night[name] for name in ("topics", "moved", "in_a_topic")}}
        return {
            "help.nightly.minutes": Figure(night["seconds"] / 60, "min", goal=NIGHT_MINUTES, of_value=True),
            "help.nightly.memory": Figure(night["peak"], "GB", goal=NIGHT_MEMORY, of_value=True),
        }

    def _place(self, name: str) -> contextlib.AbstractContextManager[Place]:
        return LANES[self.lane](self.folder, name)


def _print_plans(found: dict[str, list[str]]) -> None:
    for path, plans in found.items():
        print(f"\n== {path}")
        print("\n".join(plans))


def _measure(lane: str, options: argparse.Namespace) -> tuple[Figures, Sizes]:
    figures: Figures = {}
    sizes: Sizes = {}
    with tempfile.TemporaryDirectory(prefix="helpdesk-bench-") as folder:
        run = Run(lane, options.scale, Path(folder), options.plans)
        parts: dict[str, Callable[[], tuple[Figures, Sizes]]] = {
            "ingest": run.ingest,
            "pages": run.pages,
            "worker": run.worker,
            "ladder": run.ladder,
            "sources": run.sources,
            "hooks": run.hooks,
            "archive": run.archive,
            "help": run.help,
        }
        for part in options.only or PARTS:
            begun = time.monotonic()
            found, measured = parts[part]()
            print(f"{lane}: {part} took {time.monotonic() - begun:.0f} s", flush=True)
            figures |= {f"{lane}.{name}": figure for name, figure in found.items()}
            sizes |= measured
    return figures, sizes


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "--scale", type=float, default=1.0, help="a part of the full size, for development; meets no goal"
    )
    parser.add_argument("--lane", choices=list(LANES), action="append", help="only this database (twice for both)")
    parser.add_argument("--only", choices=PARTS, action="append", help="only this part")
    parser.add_argument(
        "--plans", action="store_true", help="print the plans of the hot pages' queries at the large size"
    )
    parser.add_argument("--output", type=Path, default=ROOT / "bench.json")
    return parser.parse_args()


def _ended(number: int, frame: object) -> None:
    raise SystemExit(128 + number)  # so that servers are stopped and databases dropped on the way out


def main() -> None:
    options = _options()
    signal.signal(signal.SIGTERM, _ended)
    full_size = options.scale >= 1
    figures: Figures = {}
    sizes: Sizes = {"scale": options.scale}
    for lane in options.lane or LANES:
        reason = missing(lane)
        if reason:
            print(f"{lane} is left out: {reason}")
            sizes[lane] = {"left_out": reason}
            continue
        found, sizes[lane] = _measure(lane, options)
        figures |= found
    write(options.output, figures, sizes, full_size=full_size)
    print(table(figures, full_size=full_size))
    print(ELSEWHERE)
    if not full_size:
        print(f"# At {options.scale:g} of the full size nothing counts as met.")


if __name__ == "__main__":
    main()
