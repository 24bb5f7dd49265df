"""The words triage knows, by what they show.

Written by hand for support talk, in the languages our agents read. A trailing * lets a word go on. Signs of a
complaint ("it crashes") stand apart from unhappy words, since they need none to be one.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

TOKEN = re.compile(r"[^\W_]+(?:['’][^\W_]+)*|[^\w\s]", re.UNICODE)


class Hit(NamedTuple):
    """A known word or phrase: its group, its words, and the position of its first token."""

    group: str
    words: str
    at: int


class Lexicon:
    """Groups of words and phrases, found in one pass over a text's tokens (linear in their number)."""

    def __init__(self, groups: dict[str, tuple[str, ...]]) -> None:
        self.exact: dict[str, set[str]] = defaultdict(set)
        self.prefixes: dict[str, set[str]] = defaultdict(set)
        self.phrases: dict[str, list[tuple[str, tuple[str, ...]]]] = defaultdict(list)
        for name, entries in groups.items():
            for entry in entries:
                self._add(name, tokens_of(entry.rstrip("*")), entry.endswith("*"))
        self.longest = max(map(len, self.prefixes), default=0)
        self.shortest = min(map(len, self.prefixes), default=1)

    def _add(self, name: str, tokens: Sequence[str], goes_on: bool) -> None:
        if len(tokens) > 1:
            self.phrases[tokens[0]].append((name, tuple(tokens)))
        elif goes_on:
            self.prefixes[tokens[0]].add(name)
        else:
            self.exact[tokens[0]].add(name)

    def find(self, tokens: Sequence[str]) -> list[Hit]:
        hits: list[Hit] = []
        for at, token in enumerate(tokens):
            names = set(self.exact.get(token, ()))
            for end in range(self.shortest, min(len(token), self.longest) + 1):
                names.update(self.prefixes.get(token[:end], ()))
            hits += [Hit(name, token, at) for name in sorted(names)]
            hits += self._phrases_at(tokens, at)
        return hits

    def _phrases_at(self, tokens: Sequence[str], at: int) -> Iterable[Hit]:
        for name, phrase in self.phrases.get(tokens[at], ()):
            if tuple(tokens[at : at + len(phrase)]) == phrase:
                yield Hit(name, " ".join(phrase), at)


def tokens_of(text: str) -> list[str]:
    """Lower-case words, with typographic apostrophes made plain, and single signs."""
    return TOKEN.findall(text.lower().replace("’", "'"))


NEGATIVE = (
    # English
    "bad*", "worst", "worse", "terrible", "horrible", "awful", "hate*", "angry", "annoy*", "disappoint*", "frustrat*", "disgust*", "useless",
    "ridiculous*", "unacceptable", "pathetic", "joke", "sucks", "suck", "sucked", "poor*", "rude", "shame*", "ashamed", "disgrace*", "nightmare", "fail*", "epic fail",
    "unhelpful", "unprofessional", "incompetent", "lie", "lied", "lying", "liars", "scam*", "stole*", "rip off", "ripoff", "ripped off", "crap*", "wtf", "ffs", "smh", "ugh*", "fuming", "furious",
    "upset", "sick of", "fed up", "tired of", "sad", "unhappy", "dissatisf*", "mess", "messed", "screwed", "waste*", "stupid", "dumb", "insane", "appalling", "dreadful", "lame", "garbage", "trash", "unfair", "inconvenien*",
    "never again", "last time i", "lost a customer", "lost me", "losing", "switching to", "cancelling my", "no excuse", "not happy", "not impressed", "not good", "not acceptable", "not cool", "no longer", "what the hell", "damn", "freaking", "hell", "sorry excuse", "boo", "gross", "idiots",
    # Deutsch
    "schlecht*", "furchtbar*", "schrecklich*", "katastrophe*", "unverschämt*", "ärger*", "enttäusch*", "frech*", "unfähig*", "nervt", "nie wieder", "frechheit", "peinlich", "unmöglich", "skandal*", "mist", "wütend",
    # français
    "nul", "nulle", "horrible*", "déçu*", "inadmissible", "honteux", "honte", "scandaleux", "insupportable", "catastrophe", "arnaque", "marre", "colère", "inacceptable", "lamentable", "pire",
    # español
    "malo", "mala", "pésim*", "terrible*", "fatal", "vergüenza", "decepcion*", "enfadad*", "inaceptable", "estafa", "harto", "harta", "asco", "peor",
    # italiano, português, Nederlands, svenska
    "pessim*", "schifo", "vergogna", "delus*", "truffa", "inaccettabile", "péssim*", "vergonha", "decepcionad*", "inaceitável", "golpe", "slecht*", "vreselijk*", "belachelijk*", "teleurgesteld", "schandalig*", "dålig*", "hemsk*", "besviken", "oacceptabel*", "skandal", "usel*",
)  # fmt: skip

TROUBLE = (
    # English: what goes wrong
    "stopped", "dirty", "impossible", "repair*", "lacks", "cut off", "switched off", "logging me out", "logs me out", "no longer works", "nothing works", "not connecting", "buffer*", "should have received", "where is my", "where's my", "what's up with", "what's going on", "been in", "hole", "double my", "take action", "unreachable", "isn't", "aren't", "wasn't", "weren't", "doesn't", "didn't", "won't", "can't", "couldn't", "cannot", "haven't", "why", "no one", "nobody", "not", "never",
    "broke*", "crash*", "bug*", "glitch*", "error*", "doesn't work", "does not work", "don't work", "didn't work", "not working", "isn't working", "stopped working", "won't work", "wont work", "won't load", "won't let", "wont let", "won't open", "can't log", "cannot log", "can't login", "can't get", "cannot get", "can't access", "can't use", "can't open", "can't even",
    "delay*", "late", "cancel*", "missed", "missing", "lost", "stuck", "stranded", "overcharged", "charged twice", "double charged", "charged me", "refund*", "money back", "damaged", "delayed", "faulty", "wrong*", "never arrived", "never received", "not received", "haven't received", "not arrived", "didn't receive", "hasn't arrived", "still waiting", "still no", "been waiting", "no response", "no reply", "no answer", "nobody answers", "no one answers", "ignored", "ignoring", "on hold", "hung up", "hang up", "keeps", "keep getting", "problem*", "issue*", "complain*", "down again", "is down", "outage", "no service", "no signal", "no internet", "slow*", "freez*", "frozen", "third time", "second time", "hours", "for weeks", "for days", "days now", "weeks now", "again and again", "out of service", "disconnected", "hidden fee*", "spinning", "no help", "not help*", "expired", "leak*", "hasn't", "unable to", "refuse*", "held up", "sitting on", "lost my", "lost luggage", "delayed again", "terrible service", "customer service", "poor service",
    # Deutsch
    "kaputt", "defekt*", "funktioniert nicht", "geht nicht", "verspät*", "zu spät", "ausgefallen", "fällt aus", "ausfall", "storniert", "fehler*", "abgestürzt", "stürzt*", "warte seit", "immer noch nicht", "immer noch kein*", "nicht angekommen", "doppelt abgebucht", "abgebucht", "erstattung", "geld zurück", "keine antwort", "problem*", "reklam*", "beschwer*", "schon wieder",
    # français
    "en panne", "ne marche pas", "ne fonctionne pas", "ne fonctionne plus", "retard*", "annulé*", "erreur*", "bug", "remboursement", "remboursé*", "toujours pas", "pas reçu", "pas de réponse", "aucune réponse", "problème*", "réclamation", "perdu*", "cassé*", "débité*", "encore une fois",
    # español
    "no funciona", "roto", "rota", "averiad*", "retras*", "cancelad*", "error*", "reembolso", "sigo esperando", "no ha llegado", "no llega", "sin respuesta", "nadie responde", "problema*", "queja*", "perdid*", "cobrado", "otra vez",
    # italiano, português, Nederlands, svenska
    "non funziona", "rotto", "guasto", "ritardo", "cancellat*", "errore", "rimborso", "nessuna risposta", "não funciona", "quebrad*", "atras*", "reembolso", "sem resposta", "werkt niet", "kapot", "vertraging", "vertraagd", "geannuleerd", "terugbetaling", "geen antwoord", "fungerar inte", "trasig*", "försen*", "sen igen", "inställ*", "inget svar", "återbetal*",
)  # fmt: skip

POSITIVE = (
    "thank*", "thx", "ty", "love*", "loving", "great*", "awesome", "amazing*", "excellent", "fantastic", "wonderful", "best", "perfect*", "brilliant*", "good", "nice*", "cool", "happy", "glad", "helpful", "impress*", "kudos", "well done", "appreciat*", "enjoy*", "fun", "cute", "beautiful*", "super", "superb", "outstanding", "recommend*", "like it", "works well", "works great", "easy", "useful", "pleased", "friendly", "smooth", "kind", "congrat*", "yay", "woohoo", "shout out", "shoutout", "made my day", "cheers", "props", "😍", "❤*", "👍", "😊", "🙌", "💕",
    "danke*", "toll*", "großartig*", "wunderbar*", "klasse", "spitze", "perfekt*", "zufrieden", "freundlich*", "hervorragend*", "lob", "gut gemacht", "liebe es",
    "merci", "génial*", "super", "excellent*", "parfait*", "bravo", "ravi*", "adore", "content*", "magnifique",
    "gracias", "genial*", "excelente*", "perfecto", "encanta", "maravill*", "estupend*", "contento",
    "grazie", "ottimo", "fantastic*", "perfetto", "obrigad*", "ótimo", "excelente", "adoro", "bedankt", "geweldig*", "prachtig*", "fijn", "top", "tack", "fantastisk*", "underbar*", "bra jobbat", "toppen", "älskar",
)  # fmt: skip

QUESTION = (
    "how do i", "how do you", "how can i", "how to", "how long", "how much", "how many", "what is", "what are", "what time", "when will", "when is", "when does", "when do", "where can", "where is", "where do", "which", "can i", "can you", "could you", "could i", "do you", "does the", "does it", "is there", "is it possible", "are there", "are you", "will you", "will there", "would you", "any idea", "anyone know", "who do i", "who can", "may i", "should i", "why is", "why does", "why are", "i need to know", "i was wondering", "i'd like to know", "please tell me", "please advise", "looking for",
    "wie kann", "wie lange", "wie viel", "wann", "wo kann", "wo ist", "gibt es", "kann ich", "könnt ihr", "können sie", "habt ihr", "welche*", "darf ich",
    "comment", "quand", "où", "combien", "est-ce que", "puis-je", "pouvez-vous", "pourriez-vous", "y a-t-il", "quel*", "peut-on",
    "cómo", "cuándo", "dónde", "cuánto", "puedo", "pueden", "podrían", "hay alguna", "cuál*", "se puede",
    "come posso", "quando", "dove", "quanto", "posso", "c'è", "como", "onde", "hoe kan", "wanneer", "waar", "hoeveel", "kan ik", "is er", "hur", "när", "var kan", "kan jag", "finns det", "får jag",
)  # fmt: skip

IDEA = (
    "please add", "pls add", "plz add", "should add", "could add", "would be nice if", "would be nice", "would be great if", "would be great", "would be cool", "would be better", "would love to see", "would love if", "would love a", "i'd love", "i wish", "wish there", "wish it", "wish you", "suggest*", "feature request", "idea", "how about", "why not add", "you should", "it should", "there should be", "needs a", "need more", "needs more", "needs to have", "could use", "option to", "ability to", "add more", "add a", "add an", "make it possible", "consider", "bring back", "hope you add", "would like to see", "if only", "only thing missing", "please make", "please bring", "more levels", "want more",
    "wäre schön", "wäre toll", "wünsche mir", "vorschlag", "könnte man", "ihr solltet", "bitte fügt",
    "ce serait bien", "ce serait super", "je suggère", "suggestion", "pourquoi ne pas", "vous devriez",
    "sería genial", "sería bueno", "sugerencia", "sugiero", "deberían", "ojalá",
    "sarebbe bello", "suggerimento", "seria ótimo", "sugestão", "zou fijn zijn", "suggestie", "vore bra", "vore kul", "förslag", "önskar",
)  # fmt: skip

SPAM = (
    "click here", "free followers", "gain followers", "make money", "earn money", "crypto giveaway", "giveaway", "work from home", "dm to buy", "buy followers", "casino", "forex", "investment plan", "whatsapp me", "cheap viagra", "viagra", "weight loss", "onlyfans", "hot singles", "double your", "100% guaranteed", "limited offer", "promo code inside", "check my bio", "link in bio", "seo service*",
)  # fmt: skip

CRITICAL = (
    "injur*", "hurt", "bleeding", "hospital", "ambulance", "fire", "smoke", "burn*", "unsafe", "danger*", "emergency", "police", "allergic", "poison*", "lawyer", "sue", "suing", "legal action", "lawsuit", "court", "harass*", "assault*", "discriminat*", "data breach", "hacked", "identity theft", "fraud*", "suicid*", "disabled child",
    "verletzt", "krankenhaus", "notfall", "gefährlich", "es brennt", "feuer", "anwalt", "polizei", "rechtliche schritte", "blessé*", "hôpital", "urgence", "danger", "avocat", "herid*", "emergencia", "peligro*", "abogado", "denuncia*", "ferit*", "emergenza", "avvocato", "gewond", "gevaarlijk", "advocaat", "skadad*", "farlig*", "advokat", "polis",
)  # fmt: skip

URGENT = (
    "urgent*", "asap", "immediately", "right now", "right away", "today", "tonight", "tomorrow", "stranded", "stuck", "deadline", "as soon as possible", "need help now", "help me", "please help", "in an hour", "hours", "wheelchair", "still waiting", "third time", "second time", "again", "sofort", "dringend", "heute", "morgen", "hilfe", "urgent", "tout de suite", "aujourd'hui", "aidez", "urgente", "ahora mismo", "hoy", "ayuda", "subito", "oggi", "aiuto", "agora", "hoje", "ajuda", "nu", "dringend", "vandaag", "help", "akut", "genast", "idag", "hjälp",
)  # fmt: skip

NEGATION = (
    "not",
    "no",
    "never",
    "n't",
    "don't",
    "didn't",
    "isn't",
    "wasn't",
    "won't",
    "can't",
    "without",
    "hardly",
    "nicht",
    "kein*",
    "pas",
    "jamais",
    "sin",
    "nunca",
    "non",
    "mai",
    "não",
    "niet",
    "geen",
    "inte",
    "aldrig",
    "ingen",
)

LEXICON = Lexicon(
    {
        "negative": NEGATIVE,
        "trouble": TROUBLE,
        "positive": POSITIVE,
        "question": QUESTION,
        "idea": IDEA,
        "spam": SPAM,
        "critical": CRITICAL,
        "urgent": URGENT,
        "negation": NEGATION,
    }
)
