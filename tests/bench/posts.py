"""Invented posts: new people, changing words in several languages, 60 to 200 characters, never the same twice."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass, field

from mentions.platforms.base import Author, Page, Post

# (openings, things, happenings, endings) by language; sentences are drawn from them
SPEECH = {
    "en": (
        ("Hello", "Good morning", "Honestly", "Just so you know", "Third time today", "Dear team", "Quick one", "Thank you all"),
        ("the ferry", "my booking", "the ticket gate", "your lantern app", "the night bus", "the luggage desk", "my season card", "the tram to Elder Hill"),
        ("was late again", "did not open", "charged me twice", "is wonderfully quiet now", "lost my reservation", "stopped in the rain", "worked on the first try", "shows yesterday's times"),
        ("and nobody answers", "can you look into it", "what should I do", "please help before noon", "keep it up", "my children were waiting", "when will it be repaired", "it made my day"),
    ),
    "de": (
        ("Guten Tag", "Ehrlich gesagt", "Schon wieder", "Liebes Team", "Kurze Frage", "Vielen Dank", "Heute früh", "Nur als Hinweis"),
        ("die Fähre", "meine Buchung", "das Drehkreuz", "eure Laternen-App", "der Nachtbus", "die Gepäckausgabe", "meine Monatskarte", "die Bahn nach Holderberg"),
        ("kam zu spät", "ging nicht auf", "hat doppelt abgebucht", "ist jetzt herrlich ruhig", "war plötzlich weg", "blieb im Regen stehen", "klappte sofort", "zeigt alte Zeiten"),
        ("und niemand antwortet", "könnt ihr nachsehen", "was soll ich tun", "bitte helft mir vor Mittag", "weiter so", "meine Kinder haben gewartet", "wann wird das repariert", "das hat mich gefreut"),
    ),
    "fr": (
        ("Bonjour", "Franchement", "Encore une fois", "Chère équipe", "Petite question", "Merci beaucoup", "Ce matin", "Pour information"),
        ("le bac", "ma réservation", "le portillon", "votre appli Lanterne", "le bus de nuit", "la consigne", "mon abonnement", "le tram pour Mont-Sureau"),
        ("était en retard", "ne s'ouvrait pas", "m'a débité deux fois", "est si calme maintenant", "a disparu", "s'est arrêté sous la pluie", "a marché du premier coup", "affiche les horaires d'hier"),
        ("et personne ne répond", "pouvez-vous vérifier", "que dois-je faire", "aidez-moi avant midi", "continuez ainsi", "mes enfants attendaient", "quand sera-t-il réparé", "cela m'a fait plaisir"),
    ),
    "es": (
        ("Hola", "La verdad", "Otra vez", "Estimado equipo", "Una pregunta", "Muchas gracias", "Esta mañana", "Para que lo sepan"),
        ("el transbordador", "mi reserva", "el torniquete", "vuestra app Linterna", "el autobús nocturno", "la consigna", "mi abono", "el tranvía a Monte Saúco"),
        ("llegó tarde", "no se abría", "me cobró dos veces", "ahora es muy tranquilo", "desapareció", "se paró bajo la lluvia", "funcionó a la primera", "muestra horarios viejos"),
        ("y nadie responde", "podéis mirarlo", "qué debo hacer", "ayuda antes del mediodía", "seguid así", "mis hijos esperaban", "cuándo lo arreglan", "me alegró el día"),
    ),
    "sv": (
        ("Hej", "Ärligt talat", "Igen", "Kära ni", "En snabb fråga", "Stort tack", "I morse", "Bara så ni vet"),
        ("färjan", "min bokning", "spärren", "er lyktapp", "nattbussen", "bagagedisken", "mitt månadskort", "spårvagnen till Fläderbacken"),
        ("var sen igen", "öppnades inte", "drog pengar två gånger", "är underbart tyst nu", "försvann", "stannade i regnet", "fungerade direkt", "visar gårdagens tider"),
        ("och ingen svarar", "kan ni titta på det", "vad ska jag göra", "hjälp mig före lunch", "fortsätt så", "mina barn väntade", "när lagas det", "det gladde mig"),
    ),
}  # fmt: skip
SYLLABLES = ("ba", "ri", "to", "mel", "an", "ku", "sif", "lor", "de", "vin", "os", "ha", "pel", "ir", "zu", "nam")


@dataclass
class Crowd:
    """People who post; seeded, so that every run says the same."""

    newcomers: float = 0.7
    dice: random.Random = field(default_factory=lambda: random.Random(20_260_101))
    people: list[Author] = field(default_factory=list)
    latest: dict[str, Post] = field(default_factory=dict)
    said: int = 0

    def page(self, size: int, now: dt.datetime) -> Page:
        posts = tuple(self._post(now - dt.timedelta(seconds=size - number)) for number in range(size))
        return Page(posts, cursor={"after": self.said})

    def _post(self, at: dt.datetime) -> Post:
        self.said += 1
        if not self.people or self.dice.random() < self.newcomers:
            return self._say(self._newcomer(), at, None)
        author = self.dice.choice(self.people)
        return self._say(author, at, self.latest[author.external_id] if self.dice.random() < 0.5 else None)

    def _newcomer(self) -> Author:
        number = len(self.people) + 1
        first, last = (self._name() for _ in range(2))
        handle = f"{first}.{last}.{number}.bench.example".lower()
        author = Author(
            f"did:bench:{number:012d}",
            handle,
            f"{first} {last}",
            f"https://bench.example/{handle}",
            self.dice.randrange(20_000),
        )
        self.people.append(author)
        return author

    def _say(self, author: Author, at: dt.datetime, before: Post | None) -> Post:
        uri = f"at://{author.external_id}/post/{self.said:012d}"
        text = self._text()
        post = Post(
            kind="post",
            external_id=uri,
            author=author,
            text=text,
            said_at=at,
            thread_key=before.thread_key if before else uri,
            local_id=f"{self.said:012d}",
            version=f"v{self.said:x}",
            parent_id=before.external_id if before else "",
            root_author_id=author.external_id,
            url=f"https://bench.example/{author.handle}/post/{self.said}",
            reference={"cid": f"cid{self.said:x}", "root": {"uri": uri, "cid": f"cid{self.said:x}"}},
            raw=self._raw(uri, author, text, at),
        )
        self.latest[author.external_id] = post
        return post

    def _raw(self, uri: str, author: Author, text: str, at: dt.datetime) -> dict[str, object]:
        person = {
            "did": author.external_id,
            "handle": author.handle,
            "displayName": author.name,
            "labels": [],
            "viewer": {"muted": False, "blockedBy": False},
        }
        record = {"$type": "post", "createdAt": at.isoformat(), "langs": ["en"], "text": text, "facets": []}
        return {
            "uri": uri,
            "cid": f"cid{self.said:x}",
            "author": person,
            "reason": "mention",
            "record": record,
            "isRead": False,
            "indexedAt": at.isoformat(),
            "labels": [],
        }

    def _text(self) -> str:
        """One or two sentences, with a number no other post has."""
        kinds = SPEECH[self.dice.choice(list(SPEECH))]
        parts = []
        for _ in range(self.dice.choice((1, 1, 2))):
            opening, thing, happening, ending = (self.dice.choice(words) for words in kinds)
            parts.append(f"{opening}, {thing} {happening}, {ending}.")
        return f"{' '.join(parts)} @lantern {self._name()} {self.said}"[:200].ljust(60, ".")

    def _name(self) -> str:
        return "".join(self.dice.choices(SYLLABLES, k=self.dice.choice((2, 3)))).title()
