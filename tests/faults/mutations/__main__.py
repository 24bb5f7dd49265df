"""`make defences`: apply each patch to a copy of the tree and run its test, which must fail.

A patch names what it removes and the test that watches over it in its first lines. `[WORD …]` on the command line
keeps the patches whose names hold one of the words.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[2]
TESTS_FAILED, ALL_SKIPPED = 1, 0


def patches(words: list[str]) -> list[Path]:
    """Fault patches and, beside the attacks, theirs."""
    found = sorted([*FOLDER.glob("*.patch"), *(ROOT / "tests" / "attacks" / "mutations").glob("*.patch")])
    return [path for path in found if not words or any(word in path.name for word in words)]


def headed(patch: Path, name: str) -> str:
    prefix = f"{name}: "
    return next(line.removeprefix(prefix) for line in patch.read_text().splitlines() if line.startswith(prefix))


def copy_of_tree(target: Path) -> None:
    """What git knows of the tree, as it is now."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def verdict(patch: Path) -> tuple[str, float]:
    """(red, GREEN, skipped or why it could not be said; seconds)."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="defence-") as folder:
        copy_of_tree(Path(folder))
        applied = subprocess.run(
            ["patch", "-p1", "--forward", "-i", str(patch)], cwd=folder, capture_output=True, text=True, check=False
        )
        if applied.returncode:
            return f"does not apply: {applied.stdout.strip()[-200:]}", time.monotonic() - begun
        shared = os.environ.get("HELPDESK_SHARED") or str(ROOT.parent / "shared")
        env = {**os.environ, "HELPDESK_DATA": str(Path(folder) / "var"), "HELPDESK_SHARED": shared}
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-x",
            "--create-db",
            "-p",
            "no:cacheprovider",
            headed(patch, "Test"),
        ]
        ran = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=900)
    said = ran.stdout.splitlines()[-1] if ran.stdout.splitlines() else ""
    if ran.returncode == TESTS_FAILED:
        return "red", time.monotonic() - begun
    if ran.returncode == ALL_SKIPPED:
        return ("skipped" if "passed" not in said else "GREEN"), time.monotonic() - begun
    return f"pytest ended with {ran.returncode}: {said}", time.monotonic() - begun


def main() -> int:
    failures = 0
    for patch in patches(sys.argv[1:]):
        result, seconds = verdict(patch)
        failures += result not in ("red", "skipped")
        print(f"{result:8} {seconds:5.0f} s  {patch.stem:34} {headed(patch, 'Removes')}", flush=True)
    return min(failures, 1)


if __name__ == "__main__":
    sys.exit(main())
