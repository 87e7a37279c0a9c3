"""Which system calls a sandboxed program may make: an allow-list as a seccomp filter, for x86-64 and aarch64.

All else fails with EPERM: processes, programs, sockets, mounts, tracing, keys, io_uring, and calls of later kernels.
Knows nothing of who installs the filter. Sources: seccomp(2), and the kernel's tables for each architecture.
"""

import errno
import json
import struct
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_LOAD, _AND, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
"""Instructions of classic BPF: load a word, bitwise and with a constant, compare, compare, return."""
ALLOW, KILL, EPERM, ENOSYS = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026
"""What a filter returns: the call is made, the process dies, or the call fails with that error number."""
_X32 = 0x40000000
"""Numbers from here on are the x32 calls, a second table under the same architecture."""
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_FULL = (1 << 64) - 1
_LOW = (1 << 32) - 1
_ANYBODY = 0x5AFE5AFE
"""A placeholder for the process's id. It is above all ids, and in no other constant."""


@dataclass(frozen=True, slots=True)
class Condition:
    """An argument of a call, masked, must equal a value."""

    argument: int
    mask: int
    value: int


NUMBERS: dict[str, list[int | None]] = json.loads(Path(__file__).with_name("calls.json").read_text(encoding="utf-8"))
"""The calls of the allow-list with their numbers on x86-64 and aarch64, None where an architecture lacks one."""
CLONE3 = 435
"""Fails as on an old kernel, so libc falls back to `clone`. Its flags are in memory, where no filter can read them."""

_CLONE_THREAD = 0x00000100 | 0x00000800 | 0x00010000
"""Shares memory, signal handlers and thread group: a thread of this process."""
_CLONE_FORBIDDEN = 0x00002000 | 0x00008000 | 0x7E020000
"""Tracing, another parent, new namespaces."""
_FCNTL = (0, 1, 2, 3, 4, 5, 6, 7, 1030, 1032)
"""Duplicates, flags, locks. Not pipe sizes, leases or the owner of a file's signals, who could signal others."""
_IOCTL = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
"""Whether it is a terminal, its size, bytes to read, (non-)blocking, closed on exec or not."""
_SOCK_CLOEXEC_NONBLOCK = 0o2004000


def rules(own_pid: int) -> dict[str, tuple[tuple[Condition, ...], ...]]:
    """Alternatives for the calls that depend on their arguments. In one of them, all conditions must hold."""
    own = Condition(0, _LOW, own_pid)
    current = Condition(0, _LOW, 0)
    plain_clock = Condition(0, _LOW & ~0xF, 0)  # others are clocks of processes, which reveal who is there
    return {
        "clone": ((Condition(0, _CLONE_THREAD | _CLONE_FORBIDDEN, _CLONE_THREAD),),),
        "kill": ((own,),),
        "tgkill": ((own,),),
        "getpgid": ((current,), (own,)),
        "getsid": ((current,), (own,)),
        "sched_getaffinity": ((current,), (own,)),
        "prlimit64": ((current, Condition(2, _FULL, 0)), (own, Condition(2, _FULL, 0))),
        "clock_gettime": ((plain_clock,),),
        "clock_getres": ((plain_clock,),),
        "clock_nanosleep": ((plain_clock,),),
        "prctl": ((Condition(0, _LOW, 15),), (Condition(0, _LOW, 16),)),  # the name of a thread
        "fcntl": tuple((Condition(1, _LOW, command),) for command in _FCNTL),
        "ioctl": tuple((Condition(1, _LOW, command),) for command in _IOCTL),
        # asyncio needs pairs of stream sockets, which reach nobody else. A datagram socket could send to an address.
        "socketpair": ((Condition(0, _LOW, 1), Condition(1, _LOW & ~_SOCK_CLOEXEC_NONBLOCK, 1)),),
        "sendto": ((Condition(4, _FULL, 0),),),
    }


def seccomp_filter(machine: str, own_pid: int) -> bytes:
    """The filter for a process with that id in its namespace. `OSError` except on x86_64 and aarch64."""
    # A job waits for this, so what does not depend on its process is made once.
    return _for_anybody(machine).replace(struct.pack("<I", _ANYBODY), struct.pack("<I", own_pid))


@cache
def _for_anybody(machine: str) -> bytes:
    if machine not in ARCHITECTURES:
        raise OSError(errno.ENOSYS, f"there is no seccomp filter for {machine}")
    column = list(ARCHITECTURES).index(machine)
    conditional = rules(_ANYBODY)
    program = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, ARCHITECTURES[machine]), (_RETURN, 0, 0, KILL)]
    program += [(_LOAD, 0, 0, 0), (_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, EPERM)]
    for name, numbers in NUMBERS.items():
        number = numbers[column]
        if number is not None:
            block = _block(conditional.get(name, ((),)))
            program += [(_EQUAL, 0, len(block), number), *block]
    program += [(_EQUAL, 0, 1, CLONE3), (_RETURN, 0, 0, ENOSYS), (_RETURN, 0, 0, EPERM)]
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in program)


def _block(alternatives: tuple[tuple[Condition, ...], ...]) -> list[tuple[int, int, int, int]]:
    """Instructions that allow the call if one alternative holds, and else refuse it."""
    block: list[tuple[int, int, int, int]] = []
    for conditions in alternatives:
        checks = [check for condition in conditions for check in _checks(condition)]
        left = 3 * len(checks) + 1
        for offset, mask, value in checks:
            left -= 3
            block += [(_LOAD, 0, 0, offset), (_AND, 0, 0, mask), (_EQUAL, 0, left, value)]
        block.append((_RETURN, 0, 0, ALLOW))
    return block if alternatives == ((),) else [*block, (_RETURN, 0, 0, EPERM)]


def _checks(condition: Condition) -> list[tuple[int, int, int]]:
    """A filter compares 32 bits at a time; both architectures are little-endian."""
    offset = 16 + 8 * condition.argument
    halves = [(offset, condition.mask & _LOW, condition.value & _LOW), (offset + 4, condition.mask >> 32, condition.value >> 32)]
    return [half for half in halves if half[1]]
