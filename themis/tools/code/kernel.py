"""The walls of the sandbox as the kernel gives them: namespaces, Landlock, seccomp, limits, dropped rights.

Each function puts up one wall around the calling process, or raises `OSError` if the kernel refuses.
Runs inside the sandbox's worker, so of ours it imports the filters alone.
Source: namespaces(7), landlock(7), seccomp(2), pivot_root(2), mount_setattr(2).
"""

import contextlib
import ctypes
import os
import platform
import resource
import stat
import struct
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from themis.tools.code.filters import seccomp_filter

NEW_MOUNTS, NEW_HOSTNAME, NEW_IPC, NEW_USERS, NEW_PIDS, NEW_NETWORK = 0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
_CAPSET, _PIVOT_ROOT = {"x86_64": (126, 155), "aarch64": (91, 41)}.get(platform.machine(), (-1, -1))
_MOUNT_SETATTR, _CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 442, 444, 445, 446
_SET_DEATH_SIGNAL, _SET_DUMPABLE, _SET_SECCOMP, _SET_NO_NEW_PRIVILEGES = 1, 4, 22, 38
_READ_ONLY, _NO_SUID, _NO_DEVICES, _NO_EXEC, _BIND, _RECURSIVE, _PRIVATE = 1, 2, 4, 8, 0x1000, 0x4000, 1 << 18
_ATTRIBUTES = 1 | 2
"""Read-only and no set-uid, as `mount_setattr` names them."""
_DETACH = 2
_EMPTY_PATH, _AT_RECURSIVE = 0x1000, 0x8000

READ = 1 << 2
LIST = 1 << 3
WRITE = 1 << 1
CREATE_AND_REMOVE = 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 13 | 1 << 14
"""Remove, make, rename and truncate files and directories."""
_ALL_FILE_RIGHTS = (13, 13, 14, 15, 15, 16)
"""How many rights on files each ABI of Landlock knows, from ABI 1. The last holds for later ones, too."""


_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def unshare(namespaces: int) -> None:
    """New namespaces for this process (of processes: for its children)."""
    _check(_libc.unshare(namespaces), "unshare")


def die_with_parent() -> None:
    """SIGKILL when the parent ends. The caller checks that the parent still lives."""
    _check(_libc.prctl(_SET_DEATH_SIGNAL, 9, 0, 0, 0), "prctl(PR_SET_PDEATHSIG)")


def become(uid: int) -> None:
    """Drop root for good."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    # After a change of user, a process's own /proc/self would belong to root.
    _check(_libc.prctl(_SET_DUMPABLE, 1, 0, 0, 0), "prctl(PR_SET_DUMPABLE)")


def map_user(uid: int, gid: int, proc_self: int) -> None:
    """Becomes the only user of a new user namespace. `proc_self` is an open directory, as /proc may be gone."""
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with open(os.open(name, os.O_WRONLY, dir_fd=proc_self), "w") as file:
            file.write(text)


def enter_empty_root(shown: Iterable[str], box: str) -> None:
    """Enters a new mount namespace whose root holds only `shown`, read-only, and the empty directory `box`."""
    _mount("none", "/", None, _RECURSIVE | _PRIVATE)
    sources = {path: os.open(path, os.O_PATH) for path in shown}
    # A mount on /tmp may hide what is shown, but the open descriptors still lead there.
    _mount("themis", "/tmp", "tmpfs", _NO_SUID | _NO_DEVICES | _NO_EXEC, "size=1m,mode=0755")
    root = Path("/tmp")
    for path, source in sources.items():
        target = root / path.lstrip("/")
        if stat.S_ISDIR(os.fstat(source).st_mode):
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch()
        _mount(f"/proc/self/fd/{source}", str(target), None, _BIND)
        os.close(source)
    (root / box.lstrip("/")).mkdir(parents=True)
    os.chdir(root)
    _check(_libc.syscall(_PIVOT_ROOT, b".", b"."), "pivot_root")
    _check(_libc.umount2(b".", _DETACH), "umount2")
    os.chdir("/")
    attributes = struct.pack("<QQQQ", _ATTRIBUTES, 0, 0, 0)
    _check(_libc.syscall(_MOUNT_SETATTR, -100, b"/", _AT_RECURSIVE, attributes, len(attributes)), "mount_setattr")


def mount_scratch(path: str, megabytes: int) -> None:
    """An empty file system in memory, with room for that much in at most 256 files."""
    _mount("scratch", path, "tmpfs", _NO_SUID | _NO_DEVICES | _NO_EXEC, f"size={megabytes}m,nr_inodes=256,mode=0700")


def _mount(source: str, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    encoded = [None if text is None else os.fsencode(text) for text in (source, target, kind, options)]
    _check(_libc.mount(encoded[0], encoded[1], encoded[2], ctypes.c_ulong(flags), encoded[3]), f"mount {target}")


def landlock_abi() -> int:
    """The version of Landlock that this kernel has; raises `OSError` without Landlock."""
    return _check(_libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), 1), "Landlock")


def landlock_rules(rights: Iterable[tuple[int, int]]) -> int:
    """Rules that refuse TCP, abstract sockets, signals to other processes, and all files but (descriptor, rights)."""
    abi = landlock_abi()
    handled = (1 << _ALL_FILE_RIGHTS[min(abi, len(_ALL_FILE_RIGHTS)) - 1]) - 1
    if abi >= 2:
        handled |= 1 << 13
    attributes = struct.pack("<QQQ", handled, 3, 3)[: 8 if abi < 4 else 16 if abi < 6 else 24]
    rules = _check(_libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0), "landlock_create_ruleset")
    for descriptor, allowed in rights:
        beneath = struct.pack("<Qi", allowed & handled, descriptor)
        _check(_libc.syscall(_ADD_RULE, rules, 1, beneath, 0), "landlock_add_rule")
    return rules


def library_rights(directory: int) -> list[tuple[int, int]]:
    """Rights to read a directory of the standard library, but not the packages installed in it."""
    rights = [(directory, LIST)]
    for name in os.listdir(directory):
        entry = os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=directory)
        kind = os.fstat(entry).st_mode
        if stat.S_ISLNK(kind) or name in ("site-packages", "dist-packages"):
            os.close(entry)  # left out: a link may lead anywhere
        else:
            rights.append((entry, READ | LIST if stat.S_ISDIR(kind) else READ))
    return rights


def restrict(rules: int, own_pid: int) -> None:
    """The last walls, for good, put up by the job itself: no rights, no new ones, Landlock, seccomp."""
    if _CAPSET >= 0:
        header, nothing = struct.pack("<Ii", 0x20080522, 0), bytes(24)
        _check(_libc.syscall(_CAPSET, header, nothing), "capset")
    _check(_libc.prctl(_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0), "prctl(PR_SET_NO_NEW_PRIVS)")
    _check(_libc.syscall(_RESTRICT_SELF, rules, 0), "landlock_restrict_self")
    os.close(rules)
    instructions = seccomp_filter(platform.machine(), own_pid)
    buffer = ctypes.create_string_buffer(instructions, len(instructions))
    program = struct.pack("@HxxxxxxP", len(instructions) // 8, ctypes.addressof(buffer))
    _check(_libc.prctl(_SET_SECCOMP, 2, program, 0, 0), "seccomp")


def limit(*, cpu_seconds: int, memory_mb: int, file_mb: int, threads: int) -> None:
    """Limits for this process and what it starts."""
    megabyte = 1 << 20
    bounds = {
        resource.RLIMIT_CPU: cpu_seconds,
        resource.RLIMIT_AS: memory_mb * megabyte,
        resource.RLIMIT_FSIZE: file_mb * megabyte,
        resource.RLIMIT_NOFILE: 64,
        resource.RLIMIT_NPROC: threads,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_STACK: 8 * megabyte,
    }
    for kind, bound in bounds.items():
        _, hard = resource.getrlimit(kind)
        bound = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
        resource.setrlimit(kind, (bound, bound))


def users_with_processes() -> Counter[int]:
    """The users with processes, and their threads: the limit on processes counts all of them."""
    threads: Counter[int] = Counter()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):  # it ended meanwhile
                threads[entry.stat().st_uid] += len(os.listdir(entry / "task"))
    return threads
