"""Step: one night over all that was asked, in a process that does nothing else; how long it took, and how much memory at most."""

from __future__ import annotations

import resource
import time
from typing import Any

from helpdesk.models import Brand
from knowledge.mining import nightly
from knowledge.models import Inquiry


def run() -> dict[str, Any]:
    before = dict(Inquiry.objects.values_list("pk", "topic"))
    begun = time.perf_counter()
    night = nightly.run(Brand.objects.get(), "en")
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2  # Linux counts kilobytes
    after = dict(Inquiry.objects.values_list("pk", "topic"))
    return {
        "seconds": seconds,
        "peak": peak,  # GB
        "inquiries": night.inquiries,
        "topics": night.topics,
        "moved": sum(after[key] != topic for key, topic in before.items()),
        "in_a_topic": sum(topic is not None for topic in after.values()),
    }
