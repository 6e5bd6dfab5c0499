"""The code with which threads take a kernel's chunks, and offer and accept them.

    int64 take(job)                          take chunks; 1 if some may be left, else 0
    int64 offer(job, slots, helpers, wanted) offer a job to helpers that wait; returns to how many
    int64 lead(job, slots, helpers, take)    take chunks, then withdraw offers, wait for helpers
    void attend(slot, take, pauses)          wait for offers for some pauses, and accept them
    void whole(words)                        run all chunks of a kernel, and add up their totals

A *job* consists of words: the next chunk, the number of chunks, how many helpers accepted it or
are offered it, the kernel, the number of its words without the first two, and these. A *slot* is a
word: 0 for a helper that does not look at it, WAITING, RUNNING, or the address of a job on offer.
A helper accepts an offer, and the leader withdraws it, by replacing that address: one of them
succeeds. The leader returns 0 when no helper has the job any more, MORE if chunks are left, and
HELPED if a helper is still at work on one.

The words of ``whole`` are those of :class:`Whole` and those of the kernel. Where fewer helpers wait
than it is to use, it does nothing and stores 1 in its first word.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

from lossary.kernels.code import Code
from lossary.kernels.lanes import Lanes
from lossary.kernels.object_memory import PARTIALS, SHARED_WORDS, Whole
from lossary.kernels.threads import SLOT_WORDS

#: Words of a job.
_NEXT, _COUNT, _HELPERS, _KERNEL, _LENGTH, _WORDS = range(6)
#: Words of a slot that are no addresses.
_ASLEEP, _WAITING, _RUNNING = range(3)
#: Chunks that a call of ``take`` takes at most, some milliseconds, and pauses that a leader waits.
_TAKEN, _PAUSES = 256, 4000


def text(name: str, is_x86: bool) -> str:
    """Return one of the functions as LLVM IR."""
    functions = {"take": take, "offer": offer, "lead": lead, "attend": attend, "whole": whole}
    return functions[name](is_x86)


class _Memory:
    """Words that the function or its threads read and write."""

    def __init__(self, code: Code, is_x86: bool) -> None:
        self.code = code
        self.is_x86 = is_x86

    def number(self, value: int) -> Lanes:
        return self.code.constant(value, "i64", 1)

    def at(self, address: Lanes, index: Lanes | int) -> Lanes:
        return self.code.at(address, index, "i64")

    def word(self, address: Lanes, index: Lanes | int, type_: str = "i64") -> Lanes:
        return self.code.load(self.at(address, index), type_, 1)

    def variable(self) -> Lanes:
        """Return the address of a word of the function's own, which is 0."""
        address = self.code.stack("i64", 1)
        self.code.store(self.number(0), address)
        return address

    def counted(self, address: Lanes) -> Lanes:
        """Add 1 to a word of the function's own; return the sum."""
        found = self.word(address, 0) + 1
        self.code.store(found, address)
        return found

    def add(self, value: int, job: Lanes, index: int) -> Lanes:
        return self.code.add_shared(self.number(value), self.at(job, index))

    def each(self, count: Lanes, body: Callable[[Lanes], object]) -> None:
        def repeated(index: Lanes, _: list[Lanes]) -> list[Lanes]:
            body(index)
            return []

        self.code.loop(count, 1, [], repeated)

    def pause(self) -> None:
        if self.is_x86:
            self.code.pause()


def take(is_x86: bool) -> str:
    """Return the function that takes chunks."""
    code = Code("take", {"job": "ptr"})
    memory, job = _Memory(code, is_x86), code.given["job"]
    words, taken = code.stack("i64", SHARED_WORDS), memory.variable()
    count, kernel = memory.word(job, _COUNT), memory.word(job, _KERNEL, "ptr")
    memory.each(
        memory.word(job, _LENGTH),
        lambda i: code.store(memory.word(job, i + _WORDS), memory.at(words, i + 2)),
    )

    def one() -> Lanes:
        first = memory.add(1, job, _NEXT)
        is_left = first < count

        def run() -> None:
            code.store(first, words)
            code.store(first + 1, memory.at(words, 1))
            code.call(kernel, "void", words)

        code.branch(is_left, run)
        return is_left & (memory.counted(taken) < _TAKEN)

    code.repeat(one)
    code.result = (code.load_shared(memory.at(job, _NEXT)) < count).to("i64")
    return code.text()


def offer(is_x86: bool) -> str:
    """Return the function that offers a job."""
    code = Code("offer", {"job": "ptr", "own": "i64", "slots": "ptr", "helpers": "i64",
                          "wanted": "i64"})  # fmt: skip
    memory, job = _Memory(code, is_x86), code.given["job"]
    offered, waiting = memory.variable(), memory.number(_WAITING)

    def one(index: Lanes) -> None:
        slot = memory.at(code.given["slots"], index * SLOT_WORDS)
        is_wanted = memory.word(offered, 0) < code.given["wanted"]
        code.branch(is_wanted & (code.load_shared(slot) == waiting), lambda: to(slot))

    def to(slot: Lanes) -> None:
        memory.add(1, job, _HELPERS)
        done = code.exchange_shared(waiting, code.given["own"], slot)
        code.branch(done, lambda: memory.counted(offered))
        code.branch(~done, lambda: memory.add(-1, job, _HELPERS))

    memory.each(code.given["helpers"], one)
    code.result = memory.word(offered, 0)
    return code.text()


def lead(is_x86: bool) -> str:
    """Return the function that the caller of a kernel runs."""
    code = Code("lead", {"job": "ptr", "own": "i64", "slots": "ptr", "helpers": "i64",
                         "take": "ptr"})  # fmt: skip
    memory, job = _Memory(code, is_x86), code.given["job"]
    result, pauses, asleep = memory.variable(), memory.variable(), memory.number(_ASLEEP)

    def withdraw(index: Lanes) -> None:
        slot = memory.at(code.given["slots"], index * SLOT_WORDS)
        # Whoever missed an offer shares a processor: once asleep it may be woken on another.
        done = code.exchange_shared(code.given["own"], asleep, slot)
        code.branch(done, lambda: memory.add(-1, job, _HELPERS))

    def wait() -> Lanes:
        memory.pause()
        is_helped = code.load_shared(memory.at(job, _HELPERS)) != 0
        code.store(is_helped.to("i64") << 1, result)
        return is_helped & (memory.counted(pauses) < _PAUSES)

    def finish() -> None:
        memory.each(code.given["helpers"], withdraw)
        code.repeat(wait)

    more = code.call(code.given["take"], "i64", job)
    code.store(more, result)
    code.branch(more == 0, finish)
    code.result = memory.word(result, 0)
    return code.text()


def attend(is_x86: bool) -> str:
    """Return the function in which a helper waits."""
    code = Code("attend", {"slot": "ptr", "take": "ptr", "pauses": "i64"})
    memory, slot = _Memory(code, is_x86), code.given["slot"]
    waited = memory.variable()
    waiting, running, asleep = map(memory.number, (_WAITING, _RUNNING, _ASLEEP))

    def work(address: Lanes) -> None:
        job = code.as_pointer(address)
        code.repeat(lambda: code.call(code.given["take"], "i64", job) != 0)
        code.store(memory.number(0), waited)
        code.store_shared(waiting, slot)
        memory.add(-1, job, _HELPERS)  # the last access: the caller may free the job now

    def accept() -> None:
        address = code.load_shared(slot)

        def accepted() -> None:
            code.branch(code.exchange_shared(address, running, slot), lambda: work(address))

        code.branch(address > _RUNNING, accepted)

    def one() -> Lanes:
        accept()
        memory.pause()
        is_over = memory.counted(waited) >= code.given["pauses"]
        code.branch(is_over, lambda: code.exchange_shared(waiting, asleep, slot))
        return code.load_shared(slot) != _ASLEEP

    code.store_shared(waiting, slot)
    code.repeat(one)
    return code.text()


def whole(is_x86: bool) -> str:
    """Return the function that runs all chunks of a kernel."""
    code = Code("whole", {"words": "ptr"})
    memory, words = _Memory(code, is_x86), code.given["words"]

    def field(name: str, type_: str = "i64") -> Lanes:
        return memory.word(words, getattr(Whole, name).offset // 8, type_)

    given = memory.at(words, ctypes.sizeof(Whole) // 8)
    crew = field("crew", "ptr")
    wanted, slots, helpers = memory.word(crew, 0), memory.word(crew, 1, "ptr"), memory.word(crew, 2)
    waits = memory.variable()

    def count(index: Lanes) -> None:
        slot = memory.at(slots, index * SLOT_WORDS)
        code.branch(code.load_shared(slot) == _WAITING, lambda: memory.counted(waits))

    memory.each(helpers, count)
    is_refused = memory.word(waits, 0) < wanted
    code.store(is_refused.to("i64"), words)

    def run() -> None:
        partials = code.stack("f64", PARTIALS)
        job, own = _job(memory, field, given, partials)
        code.call(field("offer", "ptr"), "i64", job, own, slots, helpers, wanted)

        def lead() -> Lanes:
            lead, take = field("lead", "ptr"), field("take", "ptr")
            state = code.call(lead, "i64", job, own, slots, helpers, take)
            code.branch(state > 1, lambda: code.call(field("give_way", "ptr"), "i32"))
            return state != 0

        code.repeat(lead)
        _add_up(memory, field, partials, memory.word(given, field("length") - 1, "ptr"))

    code.branch(~is_refused, run)
    return code.text()


def _job(
    memory: _Memory, field: Callable[..., Lanes], given: Lanes, partials: Lanes
) -> tuple[Lanes, Lanes]:
    """Write a job on the stack; return its address, as a pointer and as a number."""
    code, job = memory.code, memory.code.stack("i64", _WORDS + SHARED_WORDS)
    zero, length = memory.number(0), field("length")
    head = (zero, field("chunks"), zero, field("kernel"), length)
    for index, value in enumerate(head):
        code.store(value, memory.at(job, index))

    def copy(index: Lanes) -> None:
        code.store(memory.word(given, index), memory.at(job, index + _WORDS))

    memory.each(length - 1, copy)
    code.store(partials, memory.at(job, length + (_WORDS - 1)))
    address = memory.variable()
    code.store(job, address)
    return job, memory.word(address, 0)


def _add_up(memory: _Memory, field: Callable[..., Lanes], partials: Lanes, totals: Lanes) -> None:
    """Add up the totals of all chunks in their order, as ``memory.combined`` does."""
    code, count = memory.code, field("totals")

    def one(index: Lanes) -> None:
        def add(chunk: Lanes, carried: list[Lanes]) -> list[Lanes]:
            return [carried[0] + memory.word(partials, chunk * count + index, "f64")]

        first = memory.word(partials, index, "f64")
        (total,) = code.loop(field("chunks"), 1, [first], add, start=1)
        code.store(total, memory.at(totals, index))

    memory.each(count, one)
