"""Bodies from outside: JSON of a sane depth."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser


class SaneJSONParser(JSONParser):
    """JSON; a body nested deeper than Python reads is a 400 like any other broken one."""

    def parse(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().parse(*args, **kwargs)
        except RecursionError as error:
            raise ParseError("This JSON is nested too deeply.") from error
