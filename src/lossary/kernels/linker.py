"""Link object files into images: concatenate code and constants, apply relative relocations.

The linker reads ELF for x86-64 and 64-bit ARM. Object files with anything else have no image.
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
#: ELF, 64 bits, little-endian, version 1.
_IDENTITY = b"\x7fELF\x02\x01\x01"
_CONTENT, _SYMBOLS, _RELOCATIONS, _RELOCATIONS_IN_PLACE = 1, 2, 4, 9
_WRITTEN, _LOADED, _OF_THREAD = 1, 2, 0x400

#: Maps the bits at a position, the target address and the position's own to the new bits.
Relocate = Callable[[int, int, int], int]


def _distance(_: int, target: int, position: int) -> int:
    if not -(2**31) <= target - position < 2**31:
        raise ValueError
    return (target - position) % 2**32


def _page(bits: int, target: int, position: int) -> int:
    pages = target // PAGE - position // PAGE
    return bits & 0x9F00001F | (pages & 3) << 29 | (pages >> 2 & 0x7FFFF) << 5


def _within_page(shift: int) -> Relocate:
    return lambda bits, target, _: bits & 0xFFC003FF | (target % PAGE >> shift) << 10


#: By machine and relocation number, from the format's supplement for each processor.
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
    except (ValueError, LookupError, struct.error):  # content that images do not support
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
        #: Offsets of sections in the code, by section number.
        self._offsets: dict[int, int] = {}

    def image(self, name: str) -> bytes:
        """Return the image."""
        for number, section in enumerate(self._sections):
            # Skip unwinding tables: kernels throw nothing.
            if section.flags & _LOADED and self._text(self._names, section.name) != ".eh_frame":
                self._append(number, section)
        for section in self._sections:
            if section.kind == _RELOCATIONS and section.info in self._offsets:
                self._fill_in(section)
            elif section.kind == _RELOCATIONS_IN_PLACE:
                raise ValueError
        return image_of(bytes(self._code), self._start(name))

    def _append(self, number: int, section: _Section) -> None:
        plain = section.kind == _CONTENT and not section.flags & (_WRITTEN | _OF_THREAD)
        if (section.size and not plain) or section.alignment > PAGE:
            raise ValueError
        self._code += bytes(-len(self._code) % max(section.alignment, 1))
        self._offsets[number] = len(self._code)
        self._code += self._bytes(section)

    def _fill_in(self, section: _Section) -> None:
        """Apply the relocations of a section."""
        symbols = list(self._symbols(self._sections[section.link]))
        for offset, kind, symbol, addend in _RELOCATION.iter_unpack(self._bytes(section)):
            _, number, value = symbols[symbol]
            target = self._offsets[number] + value + addend
            position = self._offsets[section.info] + offset
            bits = int.from_bytes(self._code[position : position + 4], "little")
            new = self._relocate[kind](bits, target, position)
            self._code[position : position + 4] = new.to_bytes(4, "little")

    def _start(self, name: str) -> int:
        (table,) = (section for section in self._sections if section.kind == _SYMBOLS)
        symbols = {title: (number, value) for title, number, value in self._symbols(table)}
        number, value = symbols[name]
        return self._offsets[number] + value

    def _symbols(self, section: _Section) -> Iterator[tuple[str, int, int]]:
        """Yield the name, the section number and the offset in it of each symbol of a table."""
        names = self._sections[section.link]
        for name, _, _, number, value, _ in _SYMBOL.iter_unpack(self._bytes(section)):
            yield self._text(names, name), number, value

    def _bytes(self, section: _Section) -> bytes:
        return self._content[section.offset : section.offset + section.size]

    def _text(self, section: _Section, offset: int) -> str:
        start = section.offset + offset
        return self._content[start : self._content.index(b"\0", start)].decode()
