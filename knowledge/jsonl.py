"""Files with a JSON object a line, as the batch commands take them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError


def rows(path: Path) -> list[dict[str, Any]]:
    """Its rows. CommandError names file, line and what is wrong."""
    found: list[dict[str, Any]] = []
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    row = json.loads(line)
                except ValueError as error:
                    raise CommandError(f"{path}, line {number}: this is no JSON ({error})") from error
                if not isinstance(row, dict):
                    raise CommandError(f"{path}, line {number}: this is no JSON object")
                found.append(row)
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path}: cannot be read ({error})") from error
    return found
