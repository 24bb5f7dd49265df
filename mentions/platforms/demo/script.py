"""The invented people of the demo brand, Northwind Rail, and what they say. Nobody here exists."""

from __future__ import annotations

from typing import NamedTuple


class Person(NamedTuple):
    """`homes`: the channels on which they write by themselves."""

    name: str
    handle: str
    followers: int
    homes: tuple[str, ...]


PEOPLE = {
    "ana": Person("Ana Lindqvist", "ana.lindqvist", 1240, ("bluesky", "email")),
    "tomas": Person("Tomás Ortega", "tomasviaja", 8412, ("x",)),
    "kirsi": Person("Kirsi Salo", "kirsisalo", 310, ("mastodon",)),
    "jo": Person("Jo Whitfield", "jo.whitfield", 95, ("email",)),
    "priya": Person("Priya Nair", "priyanair", 640, ("mastodon",)),
    "dario": Person("Dario Meli", "dariolegge", 51, ("blog",)),
    "lotte": Person("Lotte Brandt", "lottebrandt", 2210, ("blog",)),
    "claire": Person("Claire Aubry", "claireaubry", 17800, ("x",)),
    "mika": Person("Mika Tanaka", "mikatrains", 430, ("mastodon",)),
    "bo": Person("Bo Ekström", "boekstrom", 77, ("bluesky",)),
    "ines": Person("Inês Duarte", "inesduarte", 1530, ("bluesky",)),
    "sam": Person("Sam Okoro", "samokoro", 265, ("x",)),
    "ruth": Person("Ruth Feld", "ruthfeld", 120, ("email",)),
    "leo": Person("Leo Marsh", "leomarsh", 33, ("x",)),
    "deals": Person("Best Deals 4U", "bestdeals4u", 2, ("x",)),
}

# (who, what); each channel's stream goes round and round its people's lines, so that it never dries up.
LINES: list[tuple[str, str]] = [
    (
        "tomas",
        "@northwindrail tercer tren cancelado esta semana y la app sigue diciendo “a tiempo”. ¿Alguien responde?",
    ),
    ("kirsi", "Does the weekend pass cover bikes on the coastal line, @northwindrail?"),
    ("lotte", "@northwindrail der 17:42 ist schon wieder ausgefallen. Wie komme ich heute noch nach Hause?"),
    ("jo", "@northwindrail I left a green umbrella with a wooden handle on platform 4 this morning. Where do I ask?"),
    ("dario", "La nuova carrozza silenziosa è fantastica, ho finito un libro andando al lavoro. Grazie @northwindrail"),
    (
        "claire",
        "@northwindrail 55 minutes de retard, aucune annonce, et le contrôleur ne savait rien. C’est inadmissible.",
    ),
    ("mika", "Would be great if the app showed which carriage has free seats, @northwindrail"),
    (
        "ana",
        "@northwindrail I was charged twice for the Malmö ticket and the refund form just spins. Third time writing about this.",
    ),
    ("bo", "Kan jag ta med hunden på nattåget? @northwindrail"),
    (
        "ines",
        "@northwindrail obrigada à funcionária da estação de Elm Street, ajudou a minha mãe com as malas. Excelente!",
    ),
    (
        "sam",
        "@northwindrail a door closed on my daughter's arm at Harbour station, she is hurt. Who can we talk to today?",
    ),
    ("ruth", "Gibt es im neuen Fahrplan noch den direkten Zug nach Lund? @northwindrail"),
    ("leo", "@northwindrail wifi on the 8:05 is down again. Two hours of work lost. Great."),
    ("deals", "Make money from home!! Click here for the giveaway → example.com/win @northwindrail"),
    ("priya", "@northwindrail how do I book the wheelchair ramp at Elm Street for Friday?"),
    ("kirsi", "Night train was late but the crew came round with tea. Lovely people, @northwindrail"),
    ("tomas", "@northwindrail ¿cuándo llega el reembolso del viaje del día 3? Sigo esperando."),
    (
        "mika",
        "@northwindrail the seat map on the booking page overlaps the pay button on my phone, can't buy anything.",
    ),
]

# What somebody says once we have answered them.
REACTIONS = [
    "Thank you, that was quick!",
    "OK, done. Let's see whether it works this time.",
    "That doesn't help, I tried it already. What else can I do?",
    "Danke für die schnelle Antwort!",
    "Perfect, thanks a lot 👍",
    "I still have no answer to my first question.",
]


def lines_on(channel: str) -> list[tuple[str, str]]:
    """What people say by themselves on a channel (`x`, `email`, …); on an unknown one, everything."""
    return [line for line in LINES if channel in PEOPLE[line[0]].homes] or LINES
