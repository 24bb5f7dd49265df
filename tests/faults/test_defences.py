"""`make defences` takes twenty minutes; that its patches still fit the code is told at once."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.faults.mutations.__main__ import ROOT, headed, patches


@pytest.mark.parametrize("patch", patches([]), ids=lambda patch: patch.stem)
def test_a_patch_applies_and_names_a_test_that_is_there(patch: Path) -> None:
    command = ["patch", "-p1", "--forward", "--dry-run", "--silent", "-i", str(patch)]
    applied = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert applied.returncode == 0, applied.stdout
    path, *_names = headed(patch, "Test").split("::")
    assert (ROOT / path).is_file()
