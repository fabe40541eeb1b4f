"""Characters that an ERP's encoding cannot hold."""

from sqlalchemy.exc import DBAPIError

BASIC = "basic"
"""The characters that take three bytes of UTF-8 at most: MySQL's utf8mb3, and UCS-2."""

ENCODINGS = (BASIC, "gbk", "gb2312", "big5", "latin-1", "ascii")
"""What an ERP may hold, tried in turn once it has refused a character."""

REPLACEMENT = "?"

# 22P05 untranslatable character, 22021 not in repertoire.
SQLSTATES = frozenset({"22P05", "22021"})
# 1366 incorrect string value, 1267 illegal mix of collations, 1300 invalid character string,
# 3988 impossible conversion.
MYSQL_ERRORS = frozenset({1366, 1267, 1300, 3988})


def is_unstorable(error: DBAPIError | UnicodeEncodeError) -> bool:
    """Whether a driver or a server refused a text because of a character in it."""
    if isinstance(error, UnicodeEncodeError):
        return True
    if getattr(error.orig, "sqlstate", None) in SQLSTATES:
        return True
    arguments = error.orig.args if error.orig else ()
    return bool(arguments) and arguments[0] in MYSQL_ERRORS


def storable_text(text: str, encoding: str) -> str:
    """The text with each character replaced that an encoding lacks."""
    if encoding == BASIC:
        return "".join(char if ord(char) <= 0xFFFF else REPLACEMENT for char in text)
    return text.encode(encoding, "replace").decode(encoding)
