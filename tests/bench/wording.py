"""Invented articles, searches and questions with a structure of topics: seeded, so that every run says the same.

Words come from the vocabulary of the model that compares them, which is in every house, and from syllables where nobody knows
them (a product's names). Each subject has words of its own; its articles and what is asked about it draw from them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

from helpdesk.text import similar
from tests.bench.posts import SYLLABLES

SEED = 20_261_128
EVERYDAY = ["the", "a", "to", "of", "and", "is", "in", "for", "you", "it", "on", "your", "with", "this", "that", "can", "not", "if", "we", "or", "be", "as", "are", "will", "from", "when", "at", "have", "how", "by", "after", "do", "all", "then", "again", "before", "only", "still", "now", "there", "what", "which", "our", "they", "has", "one", "first", "also", "more", "most", "next", "here", "where", "while"]  # fmt: skip
SHELVES, SHELF_WORDS, SUBJECT_WORDS, OWN_WORDS, COMMON, NAMES = 40, 120, 24, 10, 400, 9000
ARTICLES_A_SUBJECT = 25
TITLES = (
    "How to {0} the {1} of your {2}", "{0} {1} and {2}", "Why is my {1} {0}?", "What to do when the {0} shows {1}",
    "{0}: {1} {2} {3}", "Change {0} or {1} for a {2}", "The {0} of {1}", "Getting started with {0} and {1} {2}",
)  # fmt: skip
ASKS = (
    "How do I {0} my {1} when the {2} is {3}?", "My {0} {1} does not {2} any more, what can I do about {3}?",
    "Can you {0} the {1}? I need it for my {2}", "Since yesterday the {0} says {1} and I cannot {2} it",
    "Where do I find {0} and {1} of my {2}?", "I tried to {0} {1} twice, the {2} was {3}",
    "Is it possible to {0} a {1} without {2}", "{0} {1} not working with {2}, please help me with the {3}",
)  # fmt: skip
EVERYDAY_SEARCHES = ("how do i", "what is it", "help", "can you do this for me", "where is it", "i have one of these", "why not",
                     "when will it be there", "this is not what we have", "do it again")  # fmt: skip


class Article(NamedTuple):
    shelf: int
    title: str
    summary: str
    body: str


@dataclass
class Library:
    """`size` articles about `size / 25` subjects on forty shelves."""

    size: int
    dice: random.Random = field(default_factory=lambda: random.Random(SEED))

    def __post_init__(self) -> None:
        known: list[str] = [word[1:] for word in similar._model().tokenizer.get_vocab() if word[0] == "▁"]
        plain = sorted(word for word in known if len(word) > 3 and word.isascii() and word.isalpha() and word.islower())
        names = sorted({"".join(self.dice.choices(SYLLABLES, k=self.dice.choice((2, 3, 3, 4)))) for _ in range(NAMES)})
        self.dice.shuffle(plain)
        self.common, rest = plain[:COMMON], plain[COMMON:]
        self.unused, self.words = rest[:200], [*rest[200:], *names]  # the former are in no article
        self.weights = list(accumulate(1 / (rank + 3) for rank in range(COMMON)))  # Zipf's
        self.shelves = [self._some(SHELF_WORDS) for _ in range(SHELVES)]
        self.subjects = [self._some(SUBJECT_WORDS) for _ in range(max(SHELVES, self.size // ARTICLES_A_SUBJECT))]

    def _some(self, count: int) -> list[str]:
        return self.dice.sample(self.words, count)

    def shelf_of(self, subject: int) -> int:
        return subject % SHELVES

    # --- articles ----------------------------------------------------------------------------------------------

    def articles(self) -> Iterator[Article]:
        for number in range(self.size):
            subject = number % len(self.subjects)
            own = [*self.dice.sample(self.subjects[subject], 6), *self._some(OWN_WORDS)]
            title = self._title(own)
            yield Article(self.shelf_of(subject), title, self._sentence(subject, own), self._body(subject, own))

    def _title(self, own: list[str]) -> str:
        made = self.dice.choice(TITLES).format(*self.dice.sample(own, 4))
        return made[0].upper() + made[1:]

    def _body(self, subject: int, own: list[str]) -> str:
        """Markdown of 150 to 400 words: some paragraphs, headings, a list, a word in bold, a link."""
        parts: list[str] = []
        left = self.dice.randint(120, 330)
        while left > 0:
            if parts and self.dice.random() < 0.35:
                parts.append(f"## {self._title(own)}")
            lines = [self._sentence(subject, own) for _ in range(self.dice.randint(2, 5))]
            left -= sum(line.count(" ") + 1 for line in lines)
            parts.append("\n".join(f"1. {line}" for line in lines) if self.dice.random() < 0.25 else " ".join(lines))
        parts.insert(1, f"Choose **{own[0]}** or look at [{own[1]}](https://lantern.example/{own[1]}).")
        return "\n\n".join(parts)

    def _sentence(self, subject: int, own: list[str]) -> str:
        words = [self._word(subject, own) for _ in range(self.dice.randint(7, 18))]
        return f"{words[0].capitalize()} {' '.join(words[1:])}."

    def _word(self, subject: int, own: list[str]) -> str:
        of = self.dice.random()
        if of < 0.45:
            return self.dice.choice(EVERYDAY)
        if of < 0.62:
            return self.dice.choices(self.common, cum_weights=self.weights)[0]
        if of < 0.75:
            return self.dice.choice(self.shelves[self.shelf_of(subject)])
        return self.dice.choice(self.subjects[subject] if of < 0.92 else own)

    # --- searches ----------------------------------------------------------------------------------------------

    def searches(self, titles: list[str], each: int) -> list[tuple[str, str]]:
        """(kind, words), the kinds by turns: `each` of a kind, all different."""
        kinds: dict[str, Callable[[], str]] = {
            "title": lambda: self._of_title(titles),
            "misspelt": lambda: self._misspelt(self._of_title(titles)),
            "question": self.question,
            "unknown": lambda: " ".join(self.dice.sample(self.unused, 2)) + " " + self._name(),
            "everyday": lambda: f"{self.dice.choice(EVERYDAY_SEARCHES)} {self.dice.choice(self.common)}",
        }
        found = {kind: self._different(make, each) for kind, make in kinds.items()}
        return [(kind, found[kind][number]) for number in range(each) for kind in kinds]

    def _different(self, make: Callable[[], str], count: int) -> list[str]:
        found: dict[str, None] = {}
        while len(found) < count:
            found[make()] = None
        return list(found)

    def _of_title(self, titles: list[str]) -> str:
        words = [word.strip(":?").lower() for word in self.dice.choice(titles).split()]
        telling = [word for word in words if len(word) > 3 and word not in EVERYDAY]
        return " ".join(self.dice.sample(telling, min(len(telling), self.dice.choice((1, 2, 3)))))

    def _misspelt(self, words: str) -> str:
        """Two letters changed places in one of the words."""
        parts = words.split()
        longest = max(range(len(parts)), key=lambda place: len(parts[place]))
        word = parts[longest]
        at = self.dice.randint(1, len(word) - 2)
        parts[longest] = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        return " ".join(parts)

    def question(self, subject: int | None = None, most: int = SUBJECT_WORDS) -> str:
        """Of eight to fifteen words, about a subject; `most`: of its words that are used."""
        about = self.subjects[self.dice.randrange(len(self.subjects)) if subject is None else subject]
        words = self.dice.choice(ASKS).format(*self.dice.sample(about[:most], 4))
        return f"{words} {self.dice.choice(self.common)}" if self.dice.random() < 0.3 else words

    def _name(self) -> str:
        return "".join(self.dice.choices(SYLLABLES, k=5))

    # --- what is asked -----------------------------------------------------------------------------------------

    def asked(self, count: int, intents: int) -> Iterator[tuple[int, str]]:
        """(intent, question), by turns; each intent is put in six words of its subject."""
        for number in range(count):
            yield number % intents, self.question(number % intents, 6)

    def said_otherwise(self, text: str) -> str:
        """The same question with a word or two more, or one less."""
        words = text.split()
        if len(words) > 5 and self.dice.random() < 0.4:
            del words[self.dice.randrange(len(words))]
        for _ in range(self.dice.choice((1, 1, 2))):
            words.insert(self.dice.randint(0, len(words)), self.dice.choice((*EVERYDAY, *self.common[:60])))
        return " ".join(words)
