"""The memory of a training process."""

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
"""glibc's names, in malloc.h."""


def give_back_memory() -> None:
    """Return what glibc keeps to the kernel: after work of other shapes than those of a step, such as measuring.

    Source: malloc_trim(3).
    """
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        trim(0)


def keep_freed_memory() -> None:
    """Make glibc keep the memory that a step frees for the next one; elsewhere nothing.

    Else the kernel clears the pages of each large tensor again, which is a twelfth of a step on a CPU.
    Source: mallopt(3).
    """
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
