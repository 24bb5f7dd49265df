"""Phone numbers: one number, however it is written, has one name."""

from __future__ import annotations

import phonenumbers


def phone_name(raw: str, country: str = "") -> tuple[str, str]:
    """("tel:+46701234567", "+46 70 123 45 67"): the E.164 name and how to show it.

    `country`: two letters, for numbers written without a plus sign. What is no possible number is named by its digits
    and shown as written.
    """
    text = raw.strip()
    try:
        number = phonenumbers.parse("+" + text[2:] if text.startswith("00") else text, country or None)
        if phonenumbers.is_possible_number(number):
            extension = f";ext={number.extension}" if number.extension else ""  # somebody else's desk
            name = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
            return f"tel:{name}{extension}", phonenumbers.format_number(
                number, phonenumbers.PhoneNumberFormat.INTERNATIONAL
            )
    except phonenumbers.NumberParseException:
        pass
    return "tel:" + "".join(sign for sign in text if sign.isdigit()), text
