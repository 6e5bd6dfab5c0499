"""Object files to images: code and constants behind one another, distances between them filled in.

It reads ELF for x86-64 and 64-bit ARM. An object file with anything else in it has no image.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from lossary.kernels.image import PAGE, image_of

# The format: System V Application Binary Interface, chapter 4.
_FILE = struct.Struct("<16s2HI3QI6H")
_SECTION = struct.Struct("<2I4Q2I2Q")
_SYMBOL = struct.Struct("<I2BH2Q")
_RELOCATION = struct.Struct("<Q2Iq")
#: 64 bits, the lowest byte first, version 1.
_IDENTITY = b"\x7fELF\x02\x01\x01"
_CONTENT, _SYMBOLS, _RELOCATIONS, _RELOCATIONS_IN_PLACE = 1, 2, 4, 9
_WRITTEN, _LOADED, _OF_THREAD = 1, 2, 0x400

#: From the bits at a place, the address that they are to lead to, and the place's, to new bits.
Relocate = Callable[[int, int, int], int]


def _distance(_: int, target: int, place: int) -> int:
    if not -(2**31) <= target - place < 2**31:
        raise ValueError
    return (target - place) % 2**32


def _page(bits: int, target: int, place: int) -> int:
    pages = target // PAGE - place // PAGE
    return bits & 0x9F00001F | (pages & 3) << 29 | (pages >> 2 & 0x7FFFF) << 5


def _within_page(shift: int) -> Relocate:
    return lambda bits, target, _: bits & 0xFFC003FF | (target % PAGE >> shift) << 10


#: By machine and number, from the supplements of the format for each processor.
_KNOWN: Mapping[int, Mapping[int, Relocate]] = {
    62: {2: _distance, 4: _distance},  # x86-64: PC32, PLT32
    183: {  # 64-bit ARM: PREL32, ADR_PREL_PG_HI21, ADD_ABS_LO12_NC, LDST8 to LDST128_ABS_LO12_NC
        261: _distance,
        275: _page,
        277: _within_page(0),
        **{kind: _within_page(shift) for shift, kind in enumerate((278, 284, 285, 286, 299))},
    },
}


class _Section(NamedTuple):
    name: int
    kind: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int
    entry: int


def link(content: bytes, name: str) -> bytes | None:
    """Return the image of an object file that starts at a function; None if it has none."""
    if not content.startswith(_IDENTITY):
        return None
    try:
        return _Linker(content).image(name)
    except (ValueError, LookupError, struct.error):  # what images cannot have, or know nothing of
        return None


class _Linker:
    """Lays out an object file's code and constants; raises if it has anything else."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        _, _, machine, *rest = _FILE.unpack_from(content)
        self._relocate = _KNOWN[machine]
        start, count, names = rest[3], *rest[-2:]
        self._sections = [
            _Section(*_SECTION.unpack_from(content, start + number * _SECTION.size))
            for number in range(count)
        ]
        self._names = self._sections[names]
        self._code = bytearray()
        #: Where sections begin in the code, by their numbers.
        self._places: dict[int, int] = {}

    def image(self, name: str) -> bytes:
        """Return the image."""
        for number, section in enumerate(self._sections):
            # Unwinding tables: nothing is thrown.
            if section.flags & _LOADED and self._text(self._names, section.name) != ".eh_frame":
                self._place(number, section)
        for section in self._sections:
            if section.kind == _RELOCATIONS and section.info in self._places:
                self._fill_in(section)
            elif section.kind == _RELOCATIONS_IN_PLACE:
                raise ValueError
        return image_of(bytes(self._code), self._start(name))

    def _place(self, number: int, section: _Section) -> None:
        plain = section.kind == _CONTENT and not section.flags & (_WRITTEN | _OF_THREAD)
        if (section.size and not plain) or section.alignment > PAGE:
            raise ValueError
        self._code += bytes(-len(self._code) % max(section.alignment, 1))
        self._places[number] = len(self._code)
        self._code += self._bytes(section)

    def _fill_in(self, section: _Section) -> None:
        """Apply the relocations of a section."""
        symbols = list(self._symbols(self._sections[section.link]))
        for offset, kind, symbol, addend in _RELOCATION.iter_unpack(self._bytes(section)):
            _, home, value = symbols[symbol]
            target = self._places[home] + value + addend
            place = self._places[section.info] + offset
            bits = int.from_bytes(self._code[place : place + 4], "little")
            new = self._relocate[kind](bits, target, place)
            self._code[place : place + 4] = new.to_bytes(4, "little")

    def _start(self, name: str) -> int:
        (table,) = (section for section in self._sections if section.kind == _SYMBOLS)
        places = {title: (home, value) for title, home, value in self._symbols(table)}
        home, value = places[name]
        return self._places[home] + value

    def _symbols(self, section: _Section) -> Iterator[tuple[str, int, int]]:
        """Yield the name, the section and the place in it of each symbol of a table."""
        names = self._sections[section.link]
        for name, _, _, home, value, _ in _SYMBOL.iter_unpack(self._bytes(section)):
            yield self._text(names, name), home, value

    def _bytes(self, section: _Section) -> bytes:
        return self._content[section.offset : section.offset + section.size]

    def _text(self, section: _Section, offset: int) -> str:
        start = section.offset + offset
        return self._content[start : self._content.index(b"\0", start)].decode()
