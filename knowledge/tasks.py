"""Thin entries for Celery: what is due in the help centre and in what it learns. The rows are the queue."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from helpdesk.models import Brand
from knowledge import digest, ideas, links, publishing
from knowledge.centre.place import address_of
from knowledge.mining import learn, nightly
from knowledge.models import HelpCentre, Idea

SOFT, HARD = 240, 300  # seconds
NIGHT_SOFT, NIGHT_HARD = 1500, 1560
LINKS_TURN = 1200.0  # as the night: a message that takes longer than 30 minutes comes twice
TURN = 20.0  # seconds after which a worker lets another message have its turn


@shared_task(queue="wake", soft_time_limit=SOFT, time_limit=HARD)
def look() -> None:
    """What is to be published by now; what was asked since the last look; voters and editors who want to know."""
    while publishing.publish_due(timezone.now()):
        pass
    learn.catch_up(TURN)
    ideas.tell(_page_of)
    digest.tell(timezone.now())


@shared_task(queue="wake", soft_time_limit=SOFT, time_limit=HARD)
def look_for_topics() -> None:
    """Call a worker for each brand and language whose night has come. It counts a year of inquiries: not every tick."""
    for brand, language in nightly.due(timezone.now()):
        group.delay(brand, language)


@shared_task(queue="wake", soft_time_limit=NIGHT_SOFT, time_limit=NIGHT_HARD)
def group(brand_id: int, language: str) -> None:
    """Group one brand's inquiries in one language, unless somebody did meanwhile."""
    if (brand_id, language) in nightly.due(timezone.now()):
        nightly.run(Brand.objects.get(pk=brand_id), language)


@shared_task(queue="wake", soft_time_limit=NIGHT_SOFT, time_limit=NIGHT_HARD)
def check_links(after: str = "") -> None:
    """Look where the links of all articles lead; where they are too many for one turn, another message goes on from there."""
    found = links.check(after=after, turn=LINKS_TURN)
    if found.next:
        check_links.delay(found.next)


def _page_of(idea: Idea) -> str:
    return address_of(idea.brand, HelpCentre.of(idea.brand), idea.language, "idea", idea.pk)
