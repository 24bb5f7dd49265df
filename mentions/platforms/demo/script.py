"""The invented people of the demo brand, Northwind Rail, and what they say. Nobody here exists."""

from __future__ import annotations

import unicodedata
from typing import NamedTuple


class Person(NamedTuple):
    name: str
    handle: str
    followers: int
    language: str = "en"


CHANNELS = {
    "x": "X",
    "mastodon": "Mastodon",
    "bluesky": "Bluesky",
    "email": "Email",
    "blog": "Blog comment",
    "feed": "Feed",
}


PEOPLE = {
    "ana": Person("Ana Lindqvist", "ana.lindqvist", 1240),
    "tomas": Person("Tomás Ortega", "tomasviaja", 8412, "es"),
    "kirsi": Person("Kirsi Salo", "kirsisalo", 310),
    "jo": Person("Jo Whitfield", "jo.whitfield", 95),
    "priya": Person("Priya Nair", "priyanair", 640),
    "dario": Person("Dario Meli", "dariolegge", 51, "it"),
    "lotte": Person("Lotte Brandt", "lottebrandt", 2210, "de"),
    "claire": Person("Claire Aubry", "claireaubry", 17800, "fr"),
    "mika": Person("Mika Tanaka", "mikatrains", 430),
    "bo": Person("Bo Ekström", "boekstrom", 77, "sv"),
    "ines": Person("Inês Duarte", "inesduarte", 1530, "pt"),
    "sam": Person("Sam Okoro", "samokoro", 265),
    "ruth": Person("Ruth Feld", "ruthfeld", 120, "de"),
    "leo": Person("Leo Marsh", "leomarsh", 33),
    "deals": Person("Best Deals 4U", "bestdeals4u", 2),
}


# People who write once and are new to us: made up from these, the same for a number each time.
FIRST = {
    "en": ("Noah", "Maeve", "Amara", "Theo", "Ivy", "Callum", "Zadie", "Owen"), "de": ("Jonas", "Mila", "Anton", "Frieda"),
    "fr": ("Lucie", "Bastien", "Noémie", "Rémi"), "es": ("Lucía", "Mateo", "Carmen", "Iker"), "sv": ("Elsa", "Nils", "Saga", "Arvid"),
}  # fmt: skip
LAST = {
    "en": ("Hartley", "Osei", "Brannigan", "Quill", "Marlowe", "Penrose", "Adeyemi", "Thorne"), "de": ("Wolff", "Kessler", "Brandt", "Voss"),
    "fr": ("Delmas", "Roussel", "Perrin", "Garnier"), "es": ("Navarro", "Ibáñez", "Serrano", "Vidal"), "sv": ("Lindgren", "Ekman", "Sjöberg", "Norell"),
}  # fmt: skip
TRAINS = ("6:40", "7:10", "7:55", "8:12", "9:05", "12:20", "16:48", "17:42", "18:30", "21:15")
PLACES = ("Elm Street", "Harbour", "Valdemar", "Lund", "Malmö", "Northgate", "Mill Bridge", "Castle Hill")

# (language, what); {train} and {place} differ from time to time, so that nobody says the same twice.
LINES = (
    ("en", "the {train} from {place} was cancelled again and the app still says on time. Does anybody answer here?"),
    ("en", "Does the weekend pass cover bikes from {place}?"),
    ("en", "I left a green umbrella on the {train}, near {place}. Where do I ask?"),
    ("en", "Would be great if the app showed which carriage of the {train} has free seats."),
    ("en", "wifi on the {train} is down again. Two hours of work lost. Great."),
    ("en", "The crew of the {train} came round with tea while we waited at {place}. Lovely people, thank you!"),
    ("en", "the lift at {place} has been out of order for a week. How do I get to platform 2 with a wheelchair?"),
    ("en", "charged twice for one ticket from {place}, and the refund form just spins."),
    ("en", "the seat map overlaps the pay button on my phone, I can't buy anything for the {train}."),
    ("en", "Is the {train} still going via {place} on Sundays?"),
    ("de", "der {train} ab {place} ist schon wieder ausgefallen. Wie komme ich heute noch nach Hause?"),
    ("de", "Gibt es im neuen Fahrplan noch den direkten Zug um {train} nach {place}?"),
    ("fr", "55 minutes de retard pour le {train} à {place}, aucune annonce. C’est inadmissible."),
    ("fr", "Merci à l’équipe de {place}, ma valise oubliée dans le {train} est retrouvée !"),
    ("es", "¿cuándo llega el reembolso del tren de las {train}? Sigo esperando en {place}."),
    ("es", "¿se puede llevar la bicicleta en el tren de las {train}?"),
    ("sv", "Kan jag ta med hunden på tåget {train} från {place}?"),
)  # fmt: skip

# What somebody says once we have answered them.
REACTIONS = {
    "en": ("Thank you, that was quick!", "Perfect, thanks a lot 👍", "OK, done. Let's see whether it works this time.", "That doesn't help, I tried it already. What else can I do?"),
    "de": ("Danke für die schnelle Antwort!", "Das hilft, danke!", "Das habe ich schon versucht, es geht nicht."),
    "fr": ("Merci pour la réponse rapide !", "Parfait, merci.", "Cela ne m’aide pas, j’ai déjà essayé."),
    "es": ("¡Gracias por la respuesta!", "Perfecto, muchas gracias.", "Eso ya lo probé y no funciona."),
    "sv": ("Tack för snabbt svar!", "Toppen, tack!"),
    "pt": ("Obrigada pela resposta!",),
    "it": ("Grazie mille!",),
}  # fmt: skip


def line(channel: str, number: int) -> tuple[str, str]:
    """(who, what) somebody new says as the `number`-th of a channel's stream."""
    shift = sorted(CHANNELS).index(channel) if channel in CHANNELS else 0
    language, words = LINES[(number * 5 + shift * 3) % len(LINES)]
    train, place = TRAINS[(number * 3 + shift) % len(TRAINS)], PLACES[(number + shift * 2) % len(PLACES)]
    text = words.format(train=train, place=place)
    text = text[0].upper() + text[1:] if channel in ("email", "blog", "feed") else f"@northwindrail {text}"
    return f"{language}-{shift}-{number}", text


def person(key: str) -> Person | None:
    """Somebody of PEOPLE, or who a stream's line came from ("de-2-17"); None for ourselves."""
    if key in PEOPLE:
        return PEOPLE[key]
    language, _, rest = key.partition("-")
    if language not in FIRST:
        return None
    shift, _, number = rest.partition("-")
    count = int(number) * len(CHANNELS) + int(shift)
    firsts, lasts = FIRST[language], LAST[language]
    first, last = firsts[count % len(firsts)], lasts[(count // len(firsts) + count) % len(lasts)]
    plain = unicodedata.normalize("NFKD", f"{first}_{last}").encode("ascii", "ignore").decode().lower()
    return Person(f"{first} {last}", f"{plain}{count % 90 + 10}", (count * 397) % 2600 + 12, language)


def reaction(key: str, number: int) -> str:
    known = person(key)
    said = REACTIONS[known.language if known else "en"]
    return said[number % len(said)]
