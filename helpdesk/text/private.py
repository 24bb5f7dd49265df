"""Private data in running text: card numbers, IBANs, emails, phones, and the numbers of orders and accounts.

Pure. What a checksum can tell (cards, IBANs) is told by it; phone numbers by the numbering plans of their countries;
numbers of orders and accounts by the words before them, in the languages of `LABELS`, or by a shape that nothing else has.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

import phonenumbers
from stdnum import iban, luhn

LONGEST = 20_000  # characters that are looked at: no text here is longer
CARD, IBAN, EMAIL, PHONE, ORDER, ACCOUNT = "card", "iban", "email", "phone", "order", "account"
KINDS = (CARD, IBAN, EMAIL, PHONE, ORDER, ACCOUNT)  # where two overlap the earlier holds
DOT = "•"


class Found(NamedTuple):
    """Private data at text[start:end]."""

    kind: str
    start: int
    end: int


def find(text: str, countries: Sequence[str] = (), ours: Collection[str] = ()) -> list[Found]:
    """What is private in the text, in its order and without overlaps.

    `countries`: two letters each, for phone numbers without a plus sign. `ours`: addresses and numbers that are the
    brand's own, as it shows them to everybody.
    """
    plain = _ascii_digits(text[:LONGEST])
    known = {_bare(one) for one in ours}
    found: list[Found] = []
    for looks in (_cards, _ibans, _emails, lambda words: _phones(words, countries), _numbers):
        for one in looks(plain):
            if _bare(plain[one.start : one.end]) not in known and not any(
                one.start < other.end and other.start < one.end for other in found
            ):
                found.append(one)
    return sorted(found, key=lambda one: one.start)


def masked(text: str, found: Sequence[Found]) -> str:
    """The text with what was found behind dots, but for the end by which its owner knows it again."""
    parts: list[str] = []
    at = 0
    for one in found:
        parts += [text[at : one.start], mask(one.kind, text[one.start : one.end])]
        at = one.end
    return "".join([*parts, text[at:]])


def mask(kind: str, value: str) -> str:
    """One value behind dots: an address keeps its domain, a number its last digits (two of a phone, four of a card)."""
    if kind == EMAIL:
        name, at, domain = value.rpartition("@")
        return f"{name[:1]}{DOT * 3}{at}{domain}" if at else DOT * 5
    kept = {CARD: 4, IBAN: 4, PHONE: 2}.get(kind, 3)
    signs = [sign for sign in value if sign.isalnum()]
    return DOT * 4 + "".join(signs[-min(kept, len(signs) // 2) :])


def without_cards(text: str) -> str:
    """The text with every card number masked: whole, they are stored nowhere."""
    return masked(text, list(_cards(_ascii_digits(text)))) if _LONG_DIGITS.search(text) else text


# where a string of digits alone is something said, and no id
SAID = frozenset(
    [
        "text",
        "body",
        "content",
        "summary",
        "title",
        "subject",
        "message",
        "note",
        "caption",
        "description",
        "html",
        "spoiler_text",
        "full_text",
    ]
)


def scrubbed(value: Any, key: str = "") -> Any:
    """A JSON value in which no string holds a whole card number; ids, which are digits alone, stay as they are."""
    if isinstance(value, str):
        return value if value.isdecimal() and key not in SAID else without_cards(value)
    if isinstance(value, dict):
        return {name: scrubbed(item, str(name)) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [scrubbed(item, key) for item in value]
    return value


def _bare(value: str) -> str:
    return "".join(sign for sign in value.casefold() if sign.isalnum())


def _ascii_digits(text: str) -> str:
    """The same text, sign for sign, with the digits of every script as 0 to 9 and every space as a plain one."""
    if text.isascii():
        return text
    return "".join(_plain(sign) for sign in text)


def _plain(sign: str) -> str:
    if sign.isascii():
        return sign
    if sign.isdecimal():
        return str(unicodedata.decimal(sign))
    if sign in "‐‑‒–—−－":
        return "-"
    if sign.isspace():
        return " "
    wide = unicodedata.normalize("NFKC", sign) if "\uff00" <= sign <= "\uffef" else sign
    return wide if len(wide) == 1 else sign


# --- what a checksum tells -------------------------------------------------------------------------------------

# letters of scripts that part words by spaces: where one touches a number it is a piece of a longer name
_W = "A-Za-z0-9_À-ɏͰ-ӿ"
_LONG_DIGITS = re.compile(r"\d(?:[ .\-]?\d){12}")
_CARD = re.compile(rf"(?<![{_W}@#/.=\-])\d{{1,6}}+(?:[ .\-]?\d{{1,6}}+){{1,9}}+(?![{_W}])")
# who issues cards, by how their numbers begin (ISO/IEC 7812), with the lengths they use
_ISSUERS = (
    (re.compile(r"4"), (13, 16, 19)),
    (re.compile(r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), (16,)),
    (re.compile(r"3[47]"), (15,)),
    (re.compile(r"6011|64[4-9]|65|62|81"), (16, 17, 18, 19)),
    (re.compile(r"35(?:2[89]|[3-8])"), (16, 17, 18, 19)),
    (re.compile(r"3(?:0[0-59]|6|[89])"), (14, 16)),
    (re.compile(r"50|5[6-9]|6[37]"), (13, 15, 16, 18, 19)),
    (re.compile(r"220[0-4]"), (16,)),
    (re.compile(r"9792"), (16,)),
)


def _cards(text: str) -> Iterator[Found]:
    for hit in _CARD.finditer(text):
        digits = re.sub(r"\D", "", hit[0])
        if 13 <= len(digits) <= 19 and len(set(digits)) > 1 and _is_issued(digits) and luhn.is_valid(digits):
            yield Found(CARD, hit.start(), hit.end())


def _is_issued(digits: str) -> bool:
    return any(prefix.match(digits) and len(digits) in lengths for prefix, lengths in _ISSUERS)


_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ \-]?[A-Za-z0-9]){11,30}")


def _ibans(text: str) -> Iterator[Found]:
    for hit in _IBAN.finditer(text):
        # the words after it may look like more of it: the longest that adds up is meant
        for end in range(hit.end(), hit.start() + 14, -1):
            value = re.sub(r"[ \-]", "", text[hit.start() : end])
            is_end = end == len(text) or not text[end].isalnum()
            if (
                is_end
                and text[end - 1].isalnum()
                and 15 <= len(value) <= 34
                and iban.is_valid(value, check_country=False)
            ):
                yield Found(IBAN, hit.start(), end)
                break


# --- addresses and phones --------------------------------------------------------------------------------------

_AT = r"(?:@|[ ]?[\(\[\{][ ]?(?:at|@|arroba)[ ]?[\)\]\}][ ]?)"
_POINT = r"(?:\.|[ ]?[\(\[\{][ ]?(?:dot|punkt|punto|point)[ ]?[\)\]\}][ ]?)"
_EMAIL = re.compile(
    rf"(?<![{_W}.+\-@/])[{_W}][{_W}.+\-']{{0,63}}{_AT}(?:[{_W}\-]{{1,63}}{_POINT}){{1,4}}[A-Za-zÀ-ɏͰ-ӿ]{{2,24}}(?![{_W}@])",
    re.IGNORECASE,
)


def _emails(text: str) -> Iterator[Found]:
    if "@" in text or "at" in text.lower() or "arroba" in text:
        for hit in _EMAIL.finditer(text):
            yield Found(EMAIL, hit.start(), hit.end())


_PHONE_LIKE = re.compile(r"\d(?:[ ().\-/]{0,3}\d){5}")
PUBLIC_LINES = {
    phonenumbers.PhoneNumberType.TOLL_FREE,
    phonenumbers.PhoneNumberType.PREMIUM_RATE,
    phonenumbers.PhoneNumberType.SHARED_COST,
    phonenumbers.PhoneNumberType.UAN,
}


def _phones(text: str, countries: Sequence[str]) -> Iterator[Found]:
    """Numbers that can be dialled; not those of service lines, which are everybody's."""
    if not _PHONE_LIKE.search(text):
        return
    seen: set[tuple[int, int]] = set()
    for country in [*countries, None]:
        for hit in phonenumbers.PhoneNumberMatcher(text, country, phonenumbers.Leniency.VALID, max_tries=200):
            if (hit.start, hit.end) in seen or phonenumbers.number_type(hit.number) in PUBLIC_LINES:
                continue
            if not _is_part_of_more(text, hit.start, hit.end):
                seen.add((hit.start, hit.end))
                yield Found(PHONE, hit.start, hit.end)


def _is_part_of_more(text: str, start: int, end: int) -> bool:
    """A piece of a link, a handle, an amount or a longer name is no phone number."""
    before, after = text[max(0, start - 1) : start], text[end : end + 1]
    word = re.split(r"\s", text[:start])[-1]
    return before in ("@", "#", "/", "=", "_", "$", "€", "£") or after in ("/", "_", "@", "%") or "://" in word


# --- numbers with a name ---------------------------------------------------------------------------------------

# stems of the words that stand before such a number; "#" stands for the ending a language may put to it
LABELS: dict[str, tuple[str, ...]] = {
    ORDER: (
        "order", "orders", "booking", "bookings", "reservation", "ref", "reference", "confirmation", "tracking", "shipment",
        "parcel", "package", "consignment", "invoice", "receipt", "pnr", "case", "claim", "complaint", "ticket", "incident", "rma",
        "bestellung", "bestell", "bestellnummer", "bestellnr", "buchung", "buchungsnummer", "buchungsnr", "buchungscode", "auftrag",
        "auftragsnummer", "auftragsnr", "rechnung", "rechnungsnummer", "rechnungsnr", "sendung", "sendungsnummer", "paketnummer",
        "reservierung", "reservierungsnummer", "vorgangsnummer", "vorgang", "aktenzeichen",
        "commande", "réservation", "reservation", "facture", "dossier", "colis", "suivi", "billet",
        "pedido", "reserva", "factura", "localizador", "envío", "envio", "seguimiento", "expediente", "orden", "boleta",
        "encomenda", "fatura", "protocolo", "rastreio", "ordine", "prenotazione", "fattura", "spedizione", "pratica",
        "bestelling", "bestelnummer", "boeking", "boekingsnummer", "reservering", "reserveringsnummer", "factuur", "factuurnummer",
        "ordernummer", "ordernr", "bokning", "bokningsnummer", "bokningsnr", "bokningskod", "faktura", "fakturanummer", "ärende",
        "ärendenummer", "kolli", "ordre", "ordrenummer", "ordrenr", "bestilling", "bestillingsnummer", "bookingnummer", "sag",
        "sagsnummer", "saksnummer", "tilaus", "tilausnumero", "tilausnro", "varaus", "varausnumero", "lasku", "laskunumero",
        "zamówienie", "zamówienia", "rezerwacja", "rezerwacji", "faktury", "przesyłki", "objednávka", "objednávky", "rezervace",
        "sipariş", "rezervasyon", "fatura", "kargo", "заказ", "заказа", "бронь", "бронирования", "трек", "номер заказа",
        "注文番号", "予約番号", "追跡番号", "お問い合わせ番号", "订单号", "订单编号", "訂單編號", "預訂編號", "预订号", "快递单号", "주문번호",
        "예약번호", "운송장번호", "رقم الطلب", "رقم الحجز",
    ),
    ACCOUNT: (
        "account", "acct", "a/c", "customer", "client", "member", "membership", "loyalty", "policy", "contract", "passport", "ssn",
        "licence", "license", "sort code", "routing", "frequent flyer", "user id", "meter",
        "konto", "kontonummer", "kontonr", "kunde", "kunden", "kundennummer", "kundennr", "kundenkonto", "mitglied",
        "mitgliedsnummer", "vertrag", "vertragsnummer", "vertragskonto", "versicherungsnummer", "ausweisnummer", "zählernummer",
        "compte", "client", "adhérent", "contrat", "abonné", "passeport", "cuenta", "cliente", "contrato", "socio", "dni", "nie",
        "pasaporte", "póliza", "conta", "cpf", "nif", "apólice", "conto", "contratto", "socio", "tessera", "polizza",
        "rekening", "rekeningnummer", "klant", "klantnummer", "klantnr", "lidnummer", "polis", "polisnummer", "bsn",
        "kund", "kundnummer", "kundnr", "medlem", "medlemsnummer", "personnummer", "avtal", "avtalsnummer", "kundenummer",
        "medlemsnr", "aftalenummer", "cpr", "fødselsnummer", "tili", "tilinumero", "asiakas", "asiakasnumero", "henkilötunnus",
        "jäsennumero", "klient", "klienta", "konta", "umowa", "umowy", "pesel", "zákaznické", "účet", "účtu", "müşteri", "hesap",
        "счет", "счёт", "счета", "договор", "договора", "клиента", "паспорт", "お客様番号", "会員番号", "口座番号", "账号", "帳號", "账户",
        "客户号", "会员号", "會員編號", "고객번호", "회원번호", "계좌번호", "رقم الحساب", "رقم العميل",
    ),
}  # fmt: skip
# what may stand between the word and the number
_BETWEEN = (
    r"(?:[ ]?(?:number|numbers|numer|numero|número|numéro|nummer|nomor|num|nro|nr|no|n°|nº|n\.|no\.|nr\.|id|code|kod|koodi|código|"
    r"codice|номер|№|is|was|ist|war|lautet|est|es|era|é|è|is:|är|var|er|on|jest|to|的是|は|是|de|du|de la|number:|ref|reference|"
    r"ends in|ending in|mit der nummer|con número|[:#=\-.])){0,4}[ ]?#?"
)
_NUMBER = (
    r"(?P<number>(?=[A-Z0-9]*(?:[\-/.][A-Z0-9]+)*(?![A-Z0-9_À-ÿ]))(?=[^\s]{0,24}\d)"
    r"[A-Z0-9]{1,20}(?:[\-/.][A-Z0-9]{1,20}){0,4})"
)


def _pattern(kind: str) -> re.Pattern[str]:
    words = sorted(set(LABELS[kind]), key=len, reverse=True)
    spaced = [re.escape(word) for word in words if not _is_unspaced(word)]
    joined = [re.escape(word) for word in words if _is_unspaced(word)]
    label = rf"(?:(?<!\w)(?:{'|'.join(spaced)})(?![^\W\d_])|{'|'.join(joined)})"
    return re.compile(rf"{label}{_BETWEEN}{_NUMBER}", re.IGNORECASE)


def _is_unspaced(word: str) -> bool:
    return bool(re.match(r"[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7a3]", word))


_LABELLED = {kind: _pattern(kind) for kind in (ORDER, ACCOUNT)}
# a flight, booking or record locator: six capitals after the word, without a digit
_LOCATOR = re.compile(
    r"(?<!\w)(?i:booking|reservation|confirmation|pnr|locator|buchungscode|buchung|réservation|reserva|localizador|bokning|prenotazione)"
    r"(?:[ ]?(?i:reference|ref|code|number|no|is|:|#|es|ist|est|är|codice)){0,3}[ ]?(?P<number>[A-Z]{6})(?!\w)"
)
# shapes that nothing else has: parcels of a carrier, orders of a large shop, a hash with many digits, letters with six digits
_SHAPES = (
    re.compile(r"(?<!\w)(?P<number>1Z[0-9A-Z]{16})(?!\w)"),
    re.compile(r"(?<![\w\-])(?P<number>\d{3}-\d{7}-\d{7})(?![\w\-])"),
    re.compile(r"(?<![\w&])#(?P<number>\d{5,14})(?!\w)"),
    re.compile(r"(?<![\w@/.\-])(?P<number>[A-Z]{1,4}-?\d{6,14}[A-Z]{0,2})(?![\w\-])"),
)
FEWEST_SIGNS, FEWEST_DIGITS = 4, 2
_DAY, _MONTH, _YEAR = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])", r"(?:(?:19|20)\d\d)"
_DATE = re.compile(
    rf"{_YEAR}|{_YEAR}-{_MONTH}-{_DAY}|(?:{_DAY}[./\-]{_MONTH}|{_MONTH}[./\-]{_DAY})(?:[./\-](?:{_YEAR}|\d\d))?"
)


def _numbers(text: str) -> Iterator[Found]:
    if not any(sign.isdigit() for sign in text) and not _LOCATOR.search(text):
        return
    for kind in (ORDER, ACCOUNT):
        for hit in _LABELLED[kind].finditer(text):
            number = hit["number"]
            if _is_number(number) and "://" not in re.split(r"\s", text[: hit.start("number")])[-1]:
                yield Found(kind, hit.start("number"), hit.end("number"))
    for pattern in (_LOCATOR, *_SHAPES):
        for hit in pattern.finditer(text):
            if not _is_part_of_more(text, hit.start("number") - (text[hit.start()] == "#"), hit.end("number")):
                yield Found(ORDER, hit.start("number"), hit.end("number"))


def _is_number(number: str) -> bool:
    """Long enough to name something, and no date."""
    signs = [sign for sign in number if sign.isalnum()]
    digits = [sign for sign in signs if sign.isdigit()]
    return len(signs) >= FEWEST_SIGNS and len(digits) >= FEWEST_DIGITS and not _DATE.fullmatch(number)
