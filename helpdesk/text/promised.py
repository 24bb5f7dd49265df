"""What a draft promises: a day by which something will be done, or an amount. Pure.

Only days to come count, said in a sentence of ours that promises (we will, you get, by); a past date is history.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import NamedTuple

DAY, AMOUNT = "day", "amount"
WEEKDAYS = {
    0: ("monday", "montag", "lundi", "lunes", "måndag", "mandag", "maandag", "lunedì", "segunda-feira", "maanantai", "poniedziałek"),
    1: ("tuesday", "dienstag", "mardi", "martes", "tisdag", "tirsdag", "dinsdag", "martedì", "terça-feira", "tiistai", "wtorek"),
    2: ("wednesday", "mittwoch", "mercredi", "miércoles", "onsdag", "woensdag", "mercoledì", "quarta-feira", "keskiviikko", "środę"),
    3: ("thursday", "donnerstag", "jeudi", "jueves", "torsdag", "donderdag", "giovedì", "quinta-feira", "torstai", "czwartek"),
    4: ("friday", "freitag", "vendredi", "viernes", "fredag", "vrijdag", "venerdì", "sexta-feira", "perjantai", "piątek"),
    5: ("saturday", "samstag", "sonnabend", "samedi", "sábado", "lördag", "lørdag", "zaterdag", "sabato", "lauantai", "sobotę"),
    6: ("sunday", "sonntag", "dimanche", "domingo", "söndag", "søndag", "zondag", "domenica", "sunnuntai", "niedzielę"),
}  # fmt: skip
RELATIVE = {
    0: ("today", "tonight", "heute", "aujourd'hui", "hoy", "idag", "i dag", "vandaag", "oggi", "hoje", "tänään"),
    1: ("tomorrow", "morgen", "demain", "mañana", "imorgon", "i morgon", "i morgen", "domani", "amanhã", "huomenna"),
}
# the sentence speaks of what will be
WILL = (
    r"will|'ll|shall|going to|by|before|no later than|until|within|expect|should (?:be|have|get|see)|wird|werden|bis|spätestens|erhalten|"
    r"(?:d')?ici|avant|sera|serez|recevrez|allons|antes|para el|recibir[áa]|ser[áa]|vamos a|senast|kommer|ska|får|blir|før|inden|vil|"
    r"voor|uiterlijk|zal|zullen|entro|sarà|riceverà|até|receberá|será|mennessä"
)
_WILL = re.compile(rf"(?<!\w)(?:{WILL})(?!\w)|'ll(?!\w)", re.IGNORECASE)
_PAST = re.compile(
    r"(?<!\w)(?:was|were|last|yesterday|ago|gestern|hier|ayer|igår|i går|war|letzten?|förra|sidste)(?!\w)",
    re.IGNORECASE,
)
_NAMES = {name: number for number, names in WEEKDAYS.items() for name in names}
_DAYS = {name: number for number, names in RELATIVE.items() for name in names}
_WORD_DAY = re.compile(
    rf"(?<![\w\-])(?:{'|'.join(re.escape(name) for name in sorted([*_NAMES, *_DAYS], key=len, reverse=True))})(?![\w\-])",
    re.IGNORECASE,
)
_DATE = re.compile(r"(?<![\w./\-])(?:(\d{4})-(\d\d)-(\d\d)|(\d{1,2})([./])(\d{1,2})(?:\5(\d{4}|\d\d))?\.?)(?![\w/\-])")
_WITHIN = re.compile(
    r"(?<!\w)(?:within|in|binnen|innerhalb von|sous|dans|en|dentro de|inom|innen|indenfor|entro|tra|em)\s+(?:the next\s+)?(\d{1,3}|24|48)\s*[-–]?\s*"
    r"(?:(\d{1,3})\s*)?(hours?|hrs?|stunden|heures?|horas?|timmar|timer|uren|ore|days?|business days|working days|tagen?|jours?|días?|dagar?|dage|dagen|giorni|dias)(?!\w)",
    re.IGNORECASE,
)
# what the customer is asked to do, or has waited for, is no promise of ours
_THEIRS = re.compile(
    r"(?<!\w)(?:you (?:must|need|have to|should|can)|if you|have ?n[o']t|has ?n[o']t|did you|have you|sie müssen|wenn sie|si vous|vous devez|si (?:usted|no)|"
    r"debe|om du|du måste|als u|u moet|se (?:non|lei))(?!\w)",
    re.IGNORECASE,
)
# "1/2" at the beginning or the end counts the parts of a thread; "24/7" is around the clock
_COUNTERS = re.compile(
    r"^(?:\s*@\w+)*\s*\(?[1-9]/[2-9]\)?(?=\s)"
    r"|(?<!by )(?<!on )(?<!before )(?<!until )(?<!bis )(?<!am )(?<!avant )(?<!senast )\(?[1-9]/[2-9]\)?\.?(?=\s*(?:[\^*~\-]\s?\w+)?\s*$)"
    r"|(?<!\w)24/7(?!\w)",
    re.IGNORECASE,
)
_AMOUNT = re.compile(
    r"(?<![\w.,])(?:(?:[$€£¥₹]|USD|EUR|GBP|SEK|NOK|DKK|CHF)\s?\d[\d .,']{0,12}\d|(?:[$€£¥₹])\s?\d|\d[\d .,']{0,12}\s?(?:[€£¥₹$]|USD|EUR|GBP|SEK|NOK|DKK|CHF|kr|zł|euros?|dollars?|pounds?)(?!\w))"
)
_GIVES = re.compile(
    r"(?<!\w)(?:refund\w*|credit\w*|compensat\w*|reimburs\w*|voucher|discount|pay(?:ing)? you|back to your|send you|offer you|erstatt\w*|gutschr\w*|"
    r"gutschein|rembours\w*|avoir|bon|reembols\w*|devolv\w*|vale|återbetal\w*|ersätt\w*|kompens\w*|presentkort|refund|terugbetal\w*|vergoed\w*|rimbors\w*|buono)(?!\w)",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?](?=\d)[^.!?\n]*)*[.!?]*")


class Promised(NamedTuple):
    """A promise at text[start:end]; `on` is the day it names, where it names one."""

    kind: str
    start: int
    end: int
    on: dt.date | None = None


def promised(text: str, today: dt.date) -> list[Promised]:
    """What the draft promises, in order. Times within hours are due today or on the day they reach."""
    plain = _COUNTERS.sub(lambda hit: " " * len(hit[0]), text[:20_000].replace("\u2019", "'"))
    found: list[Promised] = []
    for sentence in _SENTENCE.finditer(plain):
        words, at = sentence[0], sentence.start()
        will = bool(_WILL.search(words))
        if will and not _PAST.search(words):
            found += [one._replace(start=one.start + at, end=one.end + at) for one in _days(words, today)]
        if _GIVES.search(words):
            found += [Promised(AMOUNT, at + hit.start(), at + hit.end()) for hit in _AMOUNT.finditer(words)]
    return sorted(found, key=lambda one: one.start)


def _days(words: str, today: dt.date) -> list[Promised]:
    found = []
    for hit in _WORD_DAY.finditer(words):
        name = hit[0].lower()
        if name in _DAYS:
            on = today + dt.timedelta(days=_DAYS[name])
        else:
            on = today + dt.timedelta(days=(_NAMES[name] - today.weekday()) % 7 or 7)
        found.append(Promised(DAY, hit.start(), hit.end(), on))
    for hit in _DATE.finditer(words):
        named = _named_day(hit, today)
        if named is not None and named >= today:
            found.append(Promised(DAY, hit.start(), hit.end(), named))
    for hit in _WITHIN.finditer(words) if not _THEIRS.search(words) else ():
        most = int(hit[2] or hit[1])
        is_hours = hit[3].lower()[0] in "hstuo" and not hit[3].lower().startswith("tag")
        on = today + (dt.timedelta(hours=most) if is_hours else dt.timedelta(days=most))
        found.append(
            Promised(DAY, hit.start(), hit.end(), on if not is_hours else today + dt.timedelta(days=most // 24))
        )
    return found


def _named_day(hit: re.Match[str], today: dt.date) -> dt.date | None:
    """A date as written: ISO, or day and month (the month first where the day cannot be one, or stands there in slashes of
    a language that writes so: taken as day first unless that is no date)."""
    if hit[1]:
        return _date(int(hit[1]), int(hit[2]), int(hit[3]))
    first, second = int(hit[4]), int(hit[6])
    year = int(hit[7]) if hit[7] else today.year
    year += 2000 if year < 100 else 0
    found = _date(year, second, first) or _date(year, first, second)
    if found is not None and not hit[7] and found < today:
        return _date(year + 1, found.month, found.day)
    return found


def _date(year: int, month: int, day: int) -> dt.date | None:
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None
