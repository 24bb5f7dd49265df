"""What customers of the demo brand asked in the last thirteen weeks, and what was answered: the archive that topics are found in.

Refunds were asked for daily until an article came out, seven weeks ago; bicycles are what nobody has written about yet.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.utils import timezone

from helpdesk.models import Brand
from mentions import archive

# (who, days ago, what, our answer): what was said in the house's earlier system
EARLIER = [
    ("Ana Lindqvist", 410, "Does the annual pass pay off from three days a week?", "From two and a half, Ana. The sums are at the counter. ^Maya"),
    ("Leo Marsh", 388, "wifi on the 8:05 never works", "Sorry, Leo. New antennas come in autumn. ^Maya"),
    ("Ruth Feld", 352, "Is there a direct train to Lund on Tuesdays?", "Yes, at 7:40 and 16:10. ^Sven"),
]  # fmt: skip
GIVEN = ("Agda", "Bruno", "Carmen", "Dilan", "Elif", "Farid", "Gunnar", "Hana", "Ilse", "Jarek", "Kofi", "Lovisa", "Milo", "Nadia", "Oskar", "Petra", "Rasmus", "Selma", "Tove", "Ursula", "Viggo", "Wanda", "Ylva", "Zeno")  # fmt: skip
FAMILY = ("Ahlgren", "Bakker", "Castell", "Dorn", "Ekman", "Falk", "Granath", "Hollis", "Ivarsson")


@dataclass(frozen=True)
class Asked:
    """Questions that ask the same, with the answers that were given, and on which days ago."""

    questions: Sequence[str]
    answers: Sequence[str]
    days: Sequence[float]


BIKES = Asked(
    ("Can I take my bike on the train to Malmö?", "Is it allowed to bring a bicycle on the 16:10?", "How do I book a place for my bike?",
     "Do I need a ticket for my bicycle?", "What does it cost to take a bike on the train?", "Where do I put my bike on the train?",
     "Can two of us bring bikes on the same train?", "Are bikes allowed on the train in the rush hour?", "I want to take my bicycle on the train on Saturday, is there room?",
     "Can I bring a folding bike on the train without a ticket?", "Is there a bike carriage on the morning train?", "May I take my electric bike on the train?",
     "How many bikes fit on one train?", "Can I still book a bike place for the train tomorrow?"),
    ("Yes, bikes travel in the last carriage. A bike place costs 4 euros and is booked with your seat. ^Noor",
     "A bike place costs 4 euros; book it in the app under “Extras”. Folding bikes travel free. ^Sven",
     "Bikes travel in the last carriage. On weekdays there is no room for them between 7 and 9. ^Lena",
     "You book a bike place in the app under “Extras”. Folding bikes travel free. ^Noor",
     "Electric bikes are fine, too. On weekdays there is no room for bikes between 7 and 9. ^Sven"),
    (0.4, 1.2, 2.6, 3.9, 5.1, 6.3, 8.2, 10.4, 12.7, 15.2, 17.9, 20.3, 23.8, 26.5),
)  # fmt: skip
REFUNDS = Asked(
    ("How do I get a refund for my delayed train?", "My train was cancelled, how do I get my money back?", "I want a refund for the cancelled train yesterday",
     "Where do I ask for a refund when the train is late?", "The train was 70 minutes late. Do I get my money back?", "How long does a refund for a delayed train take?",
     "Can I get a refund if my train was cancelled?", "Train delayed for an hour again, where is the refund form?", "How much money do I get back for a delayed train?"),
    ("From 60 minutes on you get a quarter back, from 120 half. Open your booking and choose “Refund”. ^Noor",
     "Open your booking and choose “Refund”; the money is there within five days. ^Sven",
     "For a cancelled train you get all of it back. Open your booking and choose “Refund”. ^Lena"),
    (*(7 * week + day for week in range(8, 13) for day in (0.5, 1.4, 2.2, 3.1, 3.9, 4.8, 5.6)), 50.5, 45.2, 43.8, 38.1, 36.6, 31.3, 24.2, 22.9, 17.4, 10.1, 3.3),
)  # fmt: skip
LOST = Asked(
    ("I lost my umbrella on the train", "I left my bag on the train this morning, where do I find it?", "Where is the lost property office?", "I forgot my jacket on the train to Lund",
     "Has somebody found my phone on the train?", "I left my laptop on the train, who do I ask?", "Lost my keys on the 8:12 train, where do I ask?", "My daughter left her rucksack on the train"),
    ("What is found comes to the Harbour desk within two days and is kept for three weeks. ^Noor",
     "What is found comes to the Harbour desk; tell them the train and what it looks like. ^Sven"),
    (4, 11, 17, 26, 34, 47, 58, 71),
)  # fmt: skip
WIFI = Asked(
    ("The wifi on the train is down again", "Wifi does not work on the 8:05", "How do I log in to the wifi on the train?", "The wifi on the train is so slow today",
     "Why is there no wifi on the train to Malmö?", "I cannot connect to the wifi on the train", "No wifi on the train again, what is wrong with it?"),
    ("Choose “Northwind on board” and open any page; it asks for your booking number. ^Sven",
     "Between Lund and Elm Street there is no network; everywhere else the wifi should hold. ^Noor"),
    (2, 9, 15, 27, 41, 55, 68),
)  # fmt: skip


def bring_in(brand: Brand) -> None:
    """The earlier system's few words, and the season's questions: two archives."""
    _bring_in(brand, "Before 2025", EARLIER)
    _bring_in(brand, "Chat on the website", _season())


def _season() -> Iterator[tuple[str, float, str, str]]:
    number = 0
    for asked in (BIKES, REFUNDS, LOST, WIFI):
        for place, days in enumerate(asked.days):
            who = f"{GIVEN[number % len(GIVEN)]} {FAMILY[(number // len(GIVEN) + number) % len(FAMILY)]}"
            yield who, days, asked.questions[place % len(asked.questions)], asked.answers[place % len(asked.answers)]
            number += 1


def _bring_in(
    brand: Brand, channel: str, said: Sequence[tuple[str, float, str, str]] | Iterator[tuple[str, float, str, str]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "archive.jsonl"
        lines = []
        for number, (who, days, text, answer) in enumerate(said):
            at = timezone.now() - timedelta(days=days)
            name = f"old-{number}"
            lines.append({"id": name, "author": who, "text": text, "time": at.isoformat()})
            ours = {"id": f"{name}-a", "author": "Northwind", "text": answer, "parent": name, "inbound": "no"}
            lines.append({**ours, "time": (at + timedelta(minutes=50)).isoformat()})
        path.write_text("\n".join(map(json.dumps, lines)))
        table = {name: name for name in ("id", "author", "text", "time", "parent", "inbound")}
        archive.bring_in(archive.Wanted(path, brand, table, "jsonl", channel))
