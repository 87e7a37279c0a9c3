"""Which system calls a sandboxed program may make: an allow-list as a seccomp filter, for x86-64 and aarch64.

All else fails with EPERM: processes, programs, sockets, mounts, tracing, keys, io_uring, and calls of later kernels.
Knows nothing of who installs the filter. Sources: seccomp(2), and the kernel's tables for each architecture.
"""

import errno
import struct
from dataclasses import dataclass
from functools import cache

_LOAD, _AND, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
"""Instructions of classic BPF: load a word, bitwise and with a constant, compare, compare, return."""
ALLOW, KILL, EPERM, ENOSYS = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026
"""What a filter returns: the call is made, the process dies, or the call fails with that error number."""
_X32 = 0x40000000
"""Numbers from here on are the x32 calls, a second table under the same architecture."""
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_FULL = (1 << 64) - 1
_LOW = (1 << 32) - 1
_ABSENT = None
_ANYBODY = 0x5AFE5AFE
"""A placeholder for the process's id. It is above all ids, and in no other constant."""


@dataclass(frozen=True, slots=True)
class Condition:
    """An argument of a call, masked, must equal a value."""

    argument: int
    mask: int
    value: int


NUMBERS: dict[str, tuple[int | None, int | None]] = {
    "read": (0, 63), "write": (1, 64), "readv": (19, 65), "writev": (20, 66), "pread64": (17, 67), "pwrite64": (18, 68),
    "preadv": (295, 69), "pwritev": (296, 70), "open": (2, _ABSENT), "openat": (257, 56), "close": (3, 57), "close_range": (436, 436),
    "stat": (4, _ABSENT), "fstat": (5, 80), "lstat": (6, _ABSENT), "newfstatat": (262, 79), "statx": (332, 291), "access": (21, _ABSENT),
    "faccessat": (269, 48), "faccessat2": (439, 439), "lseek": (8, 62), "mmap": (9, 222), "mprotect": (10, 226), "munmap": (11, 215),
    "mremap": (25, 216), "madvise": (28, 233), "brk": (12, 214), "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139), "rt_sigpending": (127, 136), "rt_sigsuspend": (130, 133), "rt_sigtimedwait": (128, 137),
    "sigaltstack": (131, 132), "ioctl": (16, 29), "dup": (32, 23), "dup2": (33, _ABSENT), "dup3": (292, 24), "pipe": (22, _ABSENT),
    "pipe2": (293, 59), "select": (23, _ABSENT), "pselect6": (270, 72), "poll": (7, _ABSENT), "ppoll": (271, 73),
    "epoll_create": (213, _ABSENT), "epoll_create1": (291, 20), "epoll_ctl": (233, 21), "epoll_wait": (232, _ABSENT),
    "epoll_pwait": (281, 22), "socketpair": (53, 199), "sendto": (44, 206), "recvfrom": (45, 207), "shutdown": (48, 210),
    "nanosleep": (35, 101), "clock_nanosleep": (230, 115), "clock_gettime": (228, 113), "clock_getres": (229, 114),
    "gettimeofday": (96, 169), "time": (201, _ABSENT), "getpid": (39, 172), "gettid": (186, 178), "getppid": (110, 173),
    "getuid": (102, 174), "geteuid": (107, 175), "getgid": (104, 176), "getegid": (108, 177), "getresuid": (118, 148),
    "getresgid": (120, 150), "getgroups": (115, 158), "getpgrp": (111, _ABSENT), "getpgid": (121, 155), "getsid": (124, 156),
    "uname": (63, 160), "getcwd": (79, 17), "chdir": (80, 49), "getdents": (78, _ABSENT), "getdents64": (217, 61),
    "readlink": (89, _ABSENT), "readlinkat": (267, 78), "mkdir": (83, _ABSENT), "mkdirat": (258, 34), "rmdir": (84, _ABSENT),
    "unlink": (87, _ABSENT), "unlinkat": (263, 35), "rename": (82, _ABSENT), "renameat": (264, 38), "renameat2": (316, 276),
    "ftruncate": (77, 46), "fsync": (74, 82), "fdatasync": (75, 83), "fcntl": (72, 25), "flock": (73, 32), "umask": (95, 166),
    "getrandom": (318, 278), "futex": (202, 98), "set_robust_list": (273, 99), "rseq": (334, 293), "set_tid_address": (218, 96),
    "sched_yield": (24, 124), "sched_getaffinity": (204, 123), "getrusage": (98, 165), "times": (100, 153), "sysinfo": (99, 179),
    "prlimit64": (302, 261), "getrlimit": (97, 163), "exit": (60, 93), "exit_group": (231, 94), "kill": (62, 129), "tgkill": (234, 131),
    "restart_syscall": (219, 128), "alarm": (37, _ABSENT), "setitimer": (38, 103), "getitimer": (36, 102), "pause": (34, _ABSENT),
    "clone": (56, 220), "prctl": (157, 167), "sendfile": (40, 71), "getcpu": (309, 168),
}  # fmt: skip
"""The calls of the allow-list with their numbers on x86-64 and aarch64."""
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
