"""From a file's bytes to the text of each of its documents: size, encoding, markers, directives, characters.

YAML forbids `---` and `...` at the start of a line everywhere inside a document, so a file can be cut there
before anything is parsed: whatever is wrong with one document stays in it. What the text says is read in
`yaml` and `compose`.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice

from reconciler.core.fault import Code, Fault

MAX_BYTES = 256 * 1024
"""The largest file that is read."""

MAX_DOCUMENTS = 1_000
"""The most documents of one file that are read: each costs its parser, and its explanations."""

_MOST_SHOWN = 20
"""Bad characters, and bad directives, of one document that are told one by one."""

_MARKER = re.compile(rb"(?m)^(?:---(?=[ \t\r\n]|\Z)|\.\.\.(?:[ \t]+#[^\n]*|[ \t]*)\r?(?:\n|\Z))")
_PROLOG = r"(?:[ \t]*(?:#[^\n]*)?\r?\n|%[^\n]*(?:\n|\Z))*+"
_PROLOG_BYTES = re.compile(_PROLOG.encode())
_PROLOG_TEXT = re.compile(_PROLOG)
_NOTHING = re.compile(rb"(?:---(?=\s|\Z))?+(?:[ \t\r]*+(?:#[^\n]*+)?+(?:\n|\Z))*+")
_VERSION = re.compile(r"%YAML[ \t]+1\.[12][ \t]*(?:[ \t]#.*)?\r?")

# C0 and C1 controls but tab and newlines, a carriage return alone, bidirectional marks, overrides and
# isolates (Bidi_Control in UAX #9), the three line breaks that only YAML 1.1 has, byte order marks, and what
# no Unicode text may carry.
_BAD = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\u061b\u061d-\u200d\u2010-\u2027\u202f-\u2065\u206a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
    "|\r(?!\n)"
)
_PLAIN = b"\t\n" + bytes(range(0x20, 0x7F))
_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class Text:
    """One document as text that the parser may see. Each bad character was replaced, so places still hold.

    `line` is where the text begins in its file, from 1.
    """

    line: int
    text: str
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class Unread:
    """One document that is not parsed, and why; its text is there to find its name."""

    line: int
    text: str
    fault: Fault


@dataclass(frozen=True, slots=True)
class _Piece:
    line: int
    data: bytes


def texts(data: bytes) -> Iterator[Text | Unread]:
    """The documents of a file, in order. Documents without content are left out."""
    if _is_plain(data):
        yield Text(1, _ended(data.decode("ascii")))
    else:
        yield from any_texts(data)


def _is_plain(data: bytes) -> bool:
    """Whether the whole file is surely one document, and there is nothing to find here: nearly each is so."""
    return (
        len(data) <= MAX_BYTES
        and not data.translate(None, _PLAIN)
        and b"---" not in data
        and b"..." not in data
        and b"%" not in data
        and not _NOTHING.fullmatch(data)
    )


def any_texts(data: bytes) -> Iterator[Text | Unread]:
    """The same for any file; `texts` is three times as fast for most."""
    utf8, encoding = _as_utf8(data[: 2 * MAX_BYTES])
    if len(data) > MAX_BYTES:
        yield from _too_large(len(data), utf8)
        return
    pieces = _pieces(utf8)
    for piece in islice(pieces, MAX_DOCUMENTS):
        yield _text(piece, encoding)
    message = f"the file has more than {MAX_DOCUMENTS:,} documents. Split it into several files"
    yield from _unread(pieces, Code.TOO_MANY_DOCUMENTS, message)


def _as_utf8(data: bytes) -> tuple[bytes, str | None]:
    """The bytes without a byte order mark, and the name of an encoding that is not accepted.

    Such a file is still cut into documents and searched for names, so that none is taken for deleted.
    """
    if data.startswith(codecs.BOM_UTF8):
        return data.removeprefix(codecs.BOM_UTF8), None
    encoding = _foreign(data[:4])
    if encoding is None:
        return data, None
    text = data.decode(encoding, "replace").removeprefix("\ufeff")
    return text.encode("utf-8", "replace"), encoding.upper()


def _foreign(head: bytes) -> str | None:
    """UTF-16 or UTF-32, told by the first bytes as YAML 1.2 tells them (chapter 5.2)."""
    zeros = tuple(byte == 0 for byte in head)
    match zeros:
        case (False, False, True, True) | (False, True, True, True):
            return "utf-32-le"
        case (True, True, False, False) | (True, True, True, False):
            return "utf-32-be"
        case (True, False, *_) if len(head) > 1:
            return "utf-16-be"
        case (False, True, *_):
            return "utf-16-le"
        case _:
            pass
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16-le" if head.startswith(codecs.BOM_UTF16_LE) else "utf-16-be"
    return None


def _pieces(data: bytes) -> Iterator[_Piece]:
    """The bytes of each document that says something, with the line that they begin on."""
    line = 1
    for piece in _cut(data):
        if not _NOTHING.fullmatch(piece):
            yield _Piece(line, piece)
        line += piece.count(b"\n")


def _cut(data: bytes) -> Iterator[bytes]:
    """The bytes between markers, all of them. `---` begins a piece, `...` is a piece's last line."""
    start, is_open = 0, False
    for marker in _MARKER.finditer(data):
        if marker[0].startswith(b"..."):
            yield data[start : marker.start()]
            # The marker's own line says nothing: as a comment it keeps the count of lines.
            yield b"#" + marker[0]
            start, is_open = marker.end(), False
        elif is_open or not _PROLOG_BYTES.fullmatch(data, start, marker.start()):
            yield data[start : marker.start()]
            start, is_open = marker.start(), True
        else:
            is_open = True
    yield data[start:]


def _text(piece: _Piece, encoding: str | None) -> Text:
    faults = [_wrong_encoding(piece.line, encoding)] if encoding else []
    text, undecodable = _decoded(piece)
    text, directives = _without_directives(text, piece.line)
    text, characters = _without_bad_characters(text, piece.line)
    return Text(piece.line, _ended(text), (*faults, *undecodable, *directives, *characters))


def _ended(text: str) -> str:
    """Without a last newline a block of text at the end has none either, until an editor adds it."""
    return text if text.endswith("\n") else text + "\n"


def _wrong_encoding(line: int, encoding: str) -> Fault:
    message = f"the file is {encoding}; a manifest is UTF-8. Save it as UTF-8"
    return Fault(line, 1, (), Code.ENCODING, message)


def _decoded(piece: _Piece) -> tuple[str, tuple[Fault, ...]]:
    try:
        return piece.data.decode(), ()
    except UnicodeDecodeError as error:
        before = piece.data[: error.start].decode()
        line, column = _place(before, len(before), piece.line)
        message = f"the byte 0x{piece.data[error.start]:02X} is not UTF-8 here. Save the file as UTF-8"
        return piece.data.decode(errors="replace"), (Fault(line, column, (), Code.ENCODING, message),)


def _without_directives(text: str, first_line: int) -> tuple[str, tuple[Fault, ...]]:
    """The text with its directives made comments, and a fault for each that is not a plain version."""
    prolog = _PROLOG_TEXT.match(text) if "%" in text else None
    lines = prolog[0].split("\n") if prolog else []
    found = [(number, line) for number, line in enumerate(lines, start=first_line) if line.startswith("%")]
    if prolog is None or not found:
        return text, ()
    faults = [
        Fault(number, 1, (), Code.DIRECTIVE, "only %YAML 1.1 or %YAML 1.2 may stand here. Take the line out")
        for number, line in found[:_MOST_SHOWN]
        if not _VERSION.fullmatch(line)
    ]
    faults += [
        Fault(number, 1, (), Code.DIRECTIVE, "a second directive stands here. Take the line out")
        for number, _ in found[1:2]
    ]
    if not text.startswith("---", prolog.end()):
        message = "a directive stands before a line of three dashes. Write --- below it"
        faults.append(Fault(found[-1][0], 1, (), Code.DIRECTIVE, message))
    return re.sub("(?m)^%", "#", prolog[0]) + text[prolog.end() :], tuple(faults)


def _without_bad_characters(text: str, first_line: int) -> tuple[str, tuple[Fault, ...]]:
    if not _BAD.search(text):
        return text, ()
    found = list(_BAD.finditer(text))
    faults = [
        Fault(*_place(text, bad.start(), first_line), (), Code.CHARACTER, _why_bad(bad[0]))
        for bad in found[:_MOST_SHOWN]
    ]
    if len(found) > _MOST_SHOWN:
        last = faults[-1]
        more = f"{len(found) - _MOST_SHOWN:,} more such characters follow in this document"
        faults.append(Fault(last.line, last.column, (), Code.CHARACTER, more))
    return _BAD.sub("\ufffd", text), tuple(faults)


def _why_bad(character: str) -> str:
    number = ord(character)
    name = f"U+{number:04X}"
    match number:
        case 0xFEFF:
            return f"a byte order mark ({name}) stands inside the file. Take it out"
        case 0x0D:
            return f"a carriage return ({name}) stands alone. End lines with a newline"
        case 0x85:
            return f"{name} ends a line in YAML 1.1 and not in 1.2. Take it out"
        case 0x2028 | 0x2029:
            cure = f'write "\\u{number:04x}" in double quotes'
            return f"{name} ends a line in YAML 1.1 and not in 1.2. Take it out, or {cure}"
        case _ if _BIDI.match(character):
            return f"{name} changes the order in which text is shown. Take it out"
        case _ if number < 0xA0:
            return f"{name} is a control character; only tab and newline may stand in a manifest. Take it out"
    return f"{name} is no character. Take it out"


def _place(text: str, index: int, first_line: int) -> tuple[int, int]:
    """Line and column, from 1, of a character."""
    return first_line + text.count("\n", 0, index), index - text.rfind("\n", 0, index)


def _too_large(size: int, utf8: bytes) -> Iterator[Unread]:
    message = f"the file has {size:,} bytes; at most {MAX_BYTES:,} are read. Split it into several files"
    pieces = _pieces(utf8)
    yield from _unread(chain([next(pieces, _Piece(1, b""))], pieces), Code.TOO_LARGE, message)


def _unread(pieces: Iterable[_Piece], code: Code, message: str) -> Iterator[Unread]:
    """The first of these documents, and each of the others that may have a name."""
    for number, piece in enumerate(pieces):
        if number == 0 or b"metadata" in piece.data:
            text = piece.data.decode(errors="replace")
            yield Unread(piece.line, text, Fault(piece.line, 1, (), code, message))
