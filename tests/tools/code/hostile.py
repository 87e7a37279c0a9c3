"""Programs that try to get out of the sandbox, and what it means that one was held.

Needs neither pytest nor an installed Themis: `main` runs them all as whoever starts it, for the test that becomes
another user. A program appends to `escaped` what it managed to do. It was held if it managed nothing, or was ended
before it could say.
"""

# ruff: noqa: E501 - a program reads better in few lines

import json
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from themis.tools.code.checks import Outcome, settle, split_test
from themis.tools.code.sandbox import Limits, Run, Sandbox, Tier

LIMITS = Limits(seconds=0.5, memory_mb=160, scratch_mb=4)
CHECK = "__themis_report__(0, escaped)"
PRELUDE = """
import ctypes, errno, mmap, os, resource, signal, socket, sys, threading, time
escaped = []
CANARY, PORT, VICTIM, UNIX = {canary!r}, {port}, {pid}, {unix!r}
libc = ctypes.CDLL(None, use_errno=True)
ARM = os.uname().machine == "aarch64"
def attempt(name, act):
    try:
        result = act()
    except Exception:
        return
    escaped.append(name)
def call(name, x86, arm, *arguments):
    number = arm if ARM else x86
    if number is not None and libc.syscall(ctypes.c_long(number), *arguments) >= 0:
        escaped.append(name)
"""

PROGRAMS: dict[str, str] = {
    # processes
    "fork": "attempt('fork', lambda: os.fork() or os._exit(0))",
    "fork bomb": "while True:\n    try: os.fork()\n    except OSError: break\n    escaped.append('fork')",
    "daemon": "attempt('daemon', lambda: os.fork() == 0 and (os.setsid(), os.fork() == 0 and time.sleep(60)))",
    "vfork": "call('vfork', 58, None)",
    "clone": "call('clone', 56, 220, 17, 0, 0, 0, 0)",
    "clone into a new user namespace": "call('clone', 56, 220, 0x10000011, 0, 0, 0, 0)",
    "clone3": "arguments = (ctypes.c_uint64 * 11)(0, 0, 0, 0, 17)\ncall('clone3', 435, 435, arguments, 88)",
    "subprocess": "import subprocess\nattempt('subprocess', lambda: subprocess.run(['/bin/echo', 'out']))",
    "posix_spawn": "attempt('spawn', lambda: os.posix_spawn('/bin/sh', ['sh', '-c', 'true'], {}))",
    "multiprocessing": "import multiprocessing\n"
    "attempt('multiprocessing', lambda: multiprocessing.get_context('fork').Process(target=print).start())",
    "system": "escaped += ['system'] if os.system('true') == 0 else []",
    "exec a shell": "attempt('exec', lambda: os.execv('/bin/sh', ['sh', '-c', 'exit 0']))",
    "exec the interpreter": "attempt('exec', lambda: os.execv(sys.executable, [sys.executable, '-c', '']))",
    "thread bomb": "def sleep(): time.sleep(9)\nstarted = 0\nthreading.stack_size(32768)\n"
    "try:\n    while started < 3000:\n        threading.Thread(target=sleep, daemon=True).start()\n        started += 1\n"
    "except RuntimeError: pass\nescaped += ['threads'] if started > 1000 else []",
    "a session of its own": "attempt('setsid', os.setsid)\nattempt('setpgid', lambda: os.setpgid(0, 0))",
    # memory
    "one large allocation": "attempt('memory', lambda: bytearray(1 << 33))",
    "many small allocations": "kept = []\nwhile len(kept) < 4096: kept.append(bytearray(1 << 20))\nescaped.append('memory')",
    "a doubling text": "text = 'x'\nwhile len(text) < 1 << 32: text += text\nescaped.append('memory')",
    "anonymous maps": "kept = [mmap.mmap(-1, 1 << 24) for _ in range(64)]\nescaped.append('memory')",
    "memory without a name": "call('memfd_create', 319, 279, b'x', 0)",
    "shared memory": "call('shmget', 29, 194, 0, 1 << 20, 0o1777)\ncall('mlock', 149, 228, ctypes.create_string_buffer(99), 99)",
    # the processor
    "an endless loop": "while True: pass",
    "an endless loop that ignores signals": "for one in range(1, 65):\n    try: signal.signal(one, signal.SIG_IGN)\n"
    "    except (OSError, ValueError): pass\nwhile True: pass",
    "an endless loop in every thread": "def spin():\n    while True: pass\n"
    "for _ in range(8): threading.Thread(target=spin, daemon=True).start()\nspin()",
    "an endless sleep": "while True:\n    try: time.sleep(1000)\n    except BaseException: pass",
    "a regex bomb": "import re\nre.match(r'(a+)+$', 'a' * 60 + 'b')",
    "an integer bomb": "9 ** 9 ** 9",
    "a long integer as text": "sys.set_int_max_str_digits(0)\nstr(7 ** 9_000_000)",
    "a sum without end": "sum(range(10 ** 15))",
    "a compiler bomb": "compile('(' * 90 + '1' + ')' * 90, '', 'eval')\neval('[' * 50_000)",
    # floods
    "a flood of output": "while True: print('x' * 10_000)",
    "a flood of errors": "while True: os.write(2, b'x' * 65_536)",
    "a flood of reports": "while True: os.write(3, b'x' * 65_536)",
    "a flood of reported values": "escaped = range(10 ** 9)\n__import__('builtins').dict\nwhile True: os.write(3, b'\\n' * 65_536)",
    # disk
    "a large file": "size = 0\ntry:\n    with open('big', 'wb') as file:\n        while size < 1 << 26: size += file.write(bytes(1 << 16))\n"
    "    escaped.append('disk')\nexcept OSError: pass",
    "many large files": "size = 0\ntry:\n    for name in range(64):\n        with open(str(name), 'wb') as file: size += file.write(bytes(1 << 20))\n"
    "except OSError: pass\nescaped += ['disk'] if size > 5 << 20 else []",
    "many files": "made = 0\ntry:\n    for made in range(5000): open(f'f{{made}}', 'w').close()\nexcept OSError: pass\n"
    "escaped += ['inodes'] if made > 300 else []",
    "deep directories": "made = 0\ntry:\n    for made in range(5000): os.mkdir('d'); os.chdir('d')\nexcept OSError: pass\n"
    "escaped += ['inodes'] if made > 300 else []",
    "files elsewhere": "for folder in ('/', '/tmp', '/var/tmp', '/dev/shm', '/box', os.path.dirname(CANARY), os.path.dirname(os.__file__)):\n"
    "    attempt(folder, lambda: open(os.path.join(folder, 'themis-was-here'), 'w'))",
    "a file without a name": "for folder in ('/tmp', '/dev/shm', os.path.dirname(CANARY)):\n"
    "    attempt(folder, lambda: os.open(folder, os.O_TMPFILE | os.O_RDWR))",
    # secrets
    "the user's files": "for path in (CANARY, '/etc/passwd', '/etc/shadow', '/etc/hostname', '/root/.bashrc', os.path.expanduser('~/.ssh/id_rsa')):\n"
    "    attempt(path, lambda: open(path).read())",
    "another's file through a link": "attempt('symlink', lambda: (os.symlink(CANARY, 'link'), open('link').read()))\n"
    "attempt('hard link', lambda: os.link(CANARY, 'hard'))",
    "another's file, changed": "attempt('write', lambda: open(CANARY, 'a'))\nattempt('truncate', lambda: os.truncate(CANARY, 0))\n"
    "attempt('chmod', lambda: os.chmod(CANARY, 0o600))\nattempt('utime', lambda: os.utime(CANARY))\n"
    "attempt('unlink', lambda: os.unlink(CANARY))\nattempt('rename', lambda: os.rename(CANARY, CANARY + '2'))\n"
    "attempt('xattr', lambda: os.setxattr(CANARY, 'user.x', b'y'))\nattempt('chown', lambda: os.chown(CANARY, os.getuid(), -1))",
    "directories": "for folder in ('/etc', '/home', '/root', '/proc', '/sys', '/dev', '/tmp', os.path.dirname(CANARY)):\n"
    "    attempt(folder, lambda: os.listdir(folder))",
    "installed packages": "import glob\nfound = glob.glob(os.path.join(os.path.dirname(os.__file__), 'site-packages', '*', '*.py'))\n"
    "for path in found[:3]: attempt(path, lambda: open(path).read())",
    "the library, changed": "attempt('write', lambda: open(os.__file__, 'a'))\nattempt('unlink', lambda: os.unlink(os.__file__))\n"
    "attempt('chmod', lambda: os.chmod(os.__file__, 0o777))",
    "inherited descriptors": "import stat\nfor one in range(4, 1024):\n    try: kind = os.fstat(one).st_mode\n    except OSError: continue\n"
    "    if not stat.S_ISDIR(kind): escaped.append(one)\n"
    "    else: attempt('dir_fd', lambda: os.open('../' * 20 + 'etc/passwd', os.O_RDONLY, dir_fd=one))",
    "the root of another process": "for path in ('/proc/1/root/etc/passwd', '/proc/self/root/etc/passwd', f'/proc/{{VICTIM}}/cwd/setup.py'):\n"
    "    attempt(path, lambda: open(path).read())",
    # environment and /proc
    "environment": "escaped += sorted(set(os.environ) - {{'LC_CTYPE'}})\n"
    "environ = ctypes.POINTER(ctypes.c_char_p).in_dll(libc, 'environ')\nescaped += ['environ'] if environ and environ[0] else []\n"
    "attempt('/proc/self/environ', lambda: open('/proc/self/environ').read())",
    "/proc": "for name in ('self/status', 'self/maps', 'self/mem', 'version', 'cpuinfo', 'meminfo', 'mounts', 'sys/kernel/hostname', '1/cmdline'):\n"
    "    attempt(name, lambda: open('/proc/' + name, 'rb').read(1))",
    "settings of the kernel": "for path in ('/proc/sys/kernel/core_pattern', '/proc/sysrq-trigger', '/proc/self/oom_score_adj', '/sys/power/state'):\n"
    "    attempt(path, lambda: open(path, 'w'))",
    "devices": "for path in ('/dev/mem', '/dev/kmsg', '/dev/sda', '/dev/tty', '/dev/ptmx', '/dev/zero', '/dev/fuse', '/dev/net/tun'):\n"
    "    attempt(path, lambda: open(path, 'rb'))\nattempt('mknod', lambda: os.mknod('device', 0o20666, os.makedev(1, 3)))",
    # sockets
    "sockets of every family": "for family in range(46):\n    for kind in (1, 2, 3, 5):\n        attempt((family, kind), lambda: socket.socket(family, kind))",
    "a connection": "attempt('connect', lambda: socket.create_connection(('127.0.0.1', PORT), 1))\n"
    "attempt('serve', lambda: socket.create_server(('127.0.0.1', 0)))",
    "a Unix socket": "attempt('unix', lambda: socket.socket(socket.AF_UNIX).connect(UNIX))\n"
    "attempt('abstract', lambda: socket.socket(socket.AF_UNIX).connect('\\0themis'))",
    "a datagram from a pair": "attempt('pair', lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].sendto(b'x', UNIX))\n"
    "attempt('stream', lambda: socket.socketpair()[0].sendto(b'x', UNIX))",
    "names and pages": "import urllib.request\nattempt('name', lambda: socket.getaddrinfo('example.org', 80))\n"
    "attempt('page', lambda: urllib.request.urlopen(f'http://127.0.0.1:{{PORT}}/', timeout=1))",
    "a raw socket call": "call('socket', 41, 198, 2, 1, 0)\ncall('socket', 41, 198, 16, 3, 0)",
    # raw system calls
    "mounts": "call('mount', 165, 40, b'none', b'/box/scratch', b'tmpfs', 0, 0)\ncall('umount2', 166, 39, b'/box/scratch', 2)\n"
    "call('fsopen', 430, 430, b'tmpfs', 0)\ncall('open_tree', 428, 428, -100, b'/', 1)\ncall('chroot', 161, 51, b'/')\n"
    "call('pivot_root', 155, 41, b'/', b'/')",
    "namespaces": "for flag in (0x20000, 0x10000000, 0x40000000, 0x20000000, 0x2000000): call(hex(flag), 272, 97, flag)\n"
    "call('setns', 308, 268, 0, 0)",
    "the kernel's workshops": "call('bpf', 321, 280, 0, ctypes.create_string_buffer(128), 128)\ncall('io_uring', 425, 425, 8, ctypes.create_string_buffer(256))\n"
    "call('perf', 298, 241, ctypes.create_string_buffer(128), 0, -1, -1, 0)\ncall('userfaultfd', 323, 282, 1)\n"
    "call('keyctl', 250, 219, 0, -3, 1)\ncall('add_key', 248, 217, b'user', b'x', b'y', 1, -3)\ncall('init_module', 175, 105, b'', 0, b'')\n"
    "call('personality', 135, 92, 8)\ncall('fanotify', 300, 262, 0, 0)\ncall('inotify', 294, 26, 0)\ncall('modify_ldt', 154, None, 0, 0, 0)",
    "messages and semaphores": "call('msgget', 68, 186, 0, 0o1666)\ncall('semget', 64, 190, 0, 1, 0o1666)\n"
    "call('mq_open', 240, 180, b'themis', 0o102, 0o666, None)",
    "handles of files": "call('open_by_handle', 304, 265, -100, ctypes.create_string_buffer(128), 0)\n"
    "call('name_to_handle', 303, 264, -100, b'/', ctypes.create_string_buffer(128), ctypes.create_string_buffer(8), 0)",
    "the other tables of calls": "call('x32', 0x40000000 + 39, None)\n"
    "if not ARM:\n    page = mmap.mmap(-1, 4096, prot=7)\n    page.write(b'\\xb8\\x14\\x00\\x00\\x00\\xcd\\x80\\xc3')\n"  # mov eax, 20 (getpid); int 0x80; ret
    "    code = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))\n    escaped += ['int 0x80'] if code() > 0 else []",
    # rights
    "root": "for act in (os.setuid, os.setgid, os.seteuid): attempt(act.__name__, lambda: act(0))\n"
    "attempt('groups', lambda: os.setgroups([0]))\nescaped += ['root'] if os.getuid() == 0 or os.geteuid() == 0 else []",
    "higher limits": "for kind in (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE, resource.RLIMIT_NPROC):\n"
    "    attempt(kind, lambda: resource.setrlimit(kind, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)))\n"
    "attempt('of another', lambda: resource.prlimit(VICTIM, resource.RLIMIT_CPU, (1, 1)))",
    "a higher priority": "attempt('nice', lambda: os.nice(-5))\nattempt('realtime', lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)))\n"
    "attempt('of another', lambda: os.setpriority(os.PRIO_PROCESS, VICTIM, 19))",
    "more descriptors": "kept = []\ntry:\n    while len(kept) < 500: kept.append(os.dup(0))\nexcept OSError: pass\nescaped += ['dup'] if len(kept) > 64 else []",
    # signals and tracing
    "signals to others": "for pid in (VICTIM, os.getppid(), -1, 0, 2, 3):\n"
    "    if pid != os.getpid(): attempt(pid, lambda: os.kill(pid, 0))\nattempt('group', lambda: os.killpg(os.getpgrp(), 0))",
    "signals by other ways": "call('tkill', 200, 130, VICTIM, 0)\ncall('tgkill', 234, 131, VICTIM, VICTIM, 0)\ncall('pidfd_open', 434, 434, VICTIM, 0)\n"
    "call('sigqueue', 129, 138, VICTIM, 0, ctypes.create_string_buffer(128))\n"
    "import fcntl\nread, write = os.pipe()\nattempt('owner', lambda: fcntl.fcntl(read, fcntl.F_SETOWN, VICTIM))",
    "tracing": "for pid in (VICTIM, os.getppid()): call('ptrace', 101, 117, 16, pid, 0, 0); call('seize', 101, 117, 0x4206, pid, 0, 0)\n"
    "local = (ctypes.c_size_t * 2)(0, 0)\ncall('read', 310, 270, VICTIM, local, 1, local, 1, 0)\ncall('traceme', 101, 117, 0, 0, 0, 0)\n"
    "call('kcmp', 312, 272, VICTIM, os.getpid(), 0, 0, 0)\ncall('pidfd_getfd', 438, 438, 0, 0, 0)",
    "who else is there": "for pid in (*range(2, 3000), VICTIM):\n    if pid != os.getpid(): attempt(pid, lambda: os.getsid(pid)); attempt(pid, lambda: os.getpgid(pid))",
    # crashes
    "a null pointer": "ctypes.string_at(0)",
    "abort": "os.abort()",
    "endless recursion": "sys.setrecursionlimit(10 ** 9)\ndef f(): return f()\nf()",
    "recursion in C": "sys.setrecursionlimit(10 ** 9)\nvalue = ()\nfor _ in range(10 ** 6): value = (value,)\nrepr(value)\nhash(value)",
    "broken bytecode": "exec((lambda: 0).__code__.replace(co_code=b'\\x97\\x00' + b'\\x53\\x00' * 4, co_stacksize=0))",
    "a broken collector": "import gc\nctypes.memset(id(gc.get_objects()[5]), 0xff, 64)\ngc.collect()",
    "a signal to itself": "os.kill(os.getpid(), signal.SIGKILL)\nos.kill(os.getpid(), signal.SIGSTOP)\nos.kill(os.getpid(), signal.SIGSEGV)",
    "an exit that lies": "os._exit(0)",
    "an exit from everywhere": "import atexit\natexit.register(lambda: os._exit(0))\nsys.exit(0)",
}

FORGERIES: dict[str, tuple[str, str]] = {
    "leaving with 0": ("import os\nos._exit(0)", "assert f(2) == 4"),
    "leaving with 0 in the call": ("import os\ndef f(x): os._exit(0)", "assert f(2) == 4"),
    "raising SystemExit": ("def f(x): raise SystemExit(0)", "assert f(2) == 4"),
    "an object that equals everything": (
        "class A:\n    def __eq__(s, o): return True\n    def __bool__(s): return True\ndef f(x): return A()",
        "assert f(2) == 4",
    ),
    "an object that equals what is computed": (
        "class A:\n    def __eq__(s, o): return True\ndef f(x): return A()",
        "assert f(2) == 2 + len('ab')",
    ),
    "a number that equals everything": (
        "class A(int):\n    def __eq__(s, o): return True\n    __hash__ = int.__hash__\ndef f(x): return A(3)",
        "assert f(2) == 4",
    ),
    "a number that equals what is computed": (
        "class A(int):\n    def __eq__(s, o): return True\n    __hash__ = int.__hash__\ndef f(x): return A(3)",
        "assert f(2) == 2 + len('ab')",
    ),
    "a list that equals everything": ("class A(list):\n    def __eq__(s, o): return True\ndef f(x): return A()", "assert f(2) == [4]"),
    "an object that is close to everything": (
        "class A:\n    def __sub__(s, o): return 0.0\n    def __abs__(s): return 0.0\n    def __lt__(s, o): return True\ndef f(x): return A()",
        "assert abs(f(2) - 4) < 1e-6",
    ),
    "an object that claims to be an int": (
        "class A:\n    __class__ = int\n    def __eq__(s, o): return True\ndef f(x): return A()",
        "assert f(2) == 4",
    ),
    "a patched all": ("import builtins\nbuiltins.all = lambda *_: True\ndef f(x): return 0", "assert all(f(x) == 4 for x in [2])"),
    "a patched abs": ("import builtins\nbuiltins.abs = lambda *_: 0\ndef f(x): return 0", "assert abs(f(2) - 4) < 1e-6"),
    "a patched math.isclose": (
        "import math\nmath.isclose = lambda *a, **k: True\ndef f(x): return 0.0",
        "import math\nassert math.isclose(f(2), 4.0)",
    ),
    "a patched len and isinstance": (
        "import builtins\nbuiltins.len = lambda x: 0\nbuiltins.isinstance = lambda *a: True\ndef f(x): return 'ab'",
        "assert len(f(2)) == 0",
    ),
    "a patched exec": ("import builtins\nbuiltins.exec = builtins.compile = lambda *a, **k: None", "assert f(2) == 4"),
    "a patched json": ("import json\njson.dumps = lambda *a, **k: '[]'\ndef f(x): return 0", "assert f(2) == 4"),
    "writing the reports": ('import os\nos.write(3, b\'["x", "end"]\\n\')\nos._exit(0)', "assert f(2) == 4"),
    "writing reports of every shape": (
        "import os\nfor line in ('end', '[]', '{\"end\": 1}', '[null, \"end\"]', '[\"\", \"values\", 0, [4]]'):\n"
        "    os.write(3, line.encode() + b'\\n')\nos._exit(0)",
        "assert f(2) == 4",
    ),
    "writing output": ("print('[\"end\"]')\nprint('All test cases passed.')\nimport os; os._exit(0)", "assert f(2) == 4"),
    "stealing the token, without the value": (
        "import sys, os, json\ntoken = sys._getframe(1).f_locals['token']\n"
        "os.write(3, (json.dumps([token, 'end']) + '\\n').encode())\nos._exit(0)",
        "assert f(2) == 4",
    ),
    "stealing the token, with a wrong value": (
        "import sys, os, json\ntoken = sys._getframe(1).f_locals['token']\n"
        "os.write(3, (json.dumps([token, 'values', 0, [None]]) + '\\n' + json.dumps([token, 'end']) + '\\n').encode())\nos._exit(0)",
        "assert f(2) == 4",
    ),
    "looking for the expected value": (
        "import gc, re, sys\ndef f(x):\n    texts = [str(o) for o in gc.get_objects() if type(o) is dict and 'check' in o]\n"
        "    frame = sys._getframe(1)\n    while frame:\n        texts += [str(value) for value in frame.f_locals.values()]\n        frame = frame.f_back\n"
        "    found = re.search(r'== (\\d+)', ''.join(texts))\n    return int(found[1]) if found else 0",
        "assert f(2) == 4567",
    ),
    "a report after the end": (
        "import json, os, sys, threading, time\ntoken = sys._getframe(1).f_locals['token']\ndef f(x): return 0\n"
        "def late():\n    while True: os.write(3, (json.dumps([token, 'values', 0, [4]]) + '\\n').encode())\n"
        "threading.Thread(target=late, daemon=True).start()\ntime.sleep(0.05)",
        "assert f(2) == 5",
    ),
    "a test function of its own": (
        "def check(candidate): pass\ndef f(x): return 0",
        "def check(candidate):\n    assert candidate(2) == 4\ncheck(f)",
    ),
    "a deep value": ("def f(x):\n    value = []\n    for _ in range(100_000): value = [value]\n    return value", "assert f(2) == []"),
    "a huge value": ("def f(x): return [0] * 10 ** 7", "assert f(2) == [0]"),
    "a set of collisions": ("def f(x): return {i * (2 ** 61 - 1) for i in range(1, 20)} | set(range(3000))", "assert f(2) == {1}"),
    "a generator": ("def f(x):\n    yield 4", "assert f(2) == [4]"),
    "tracing the test": (
        "import sys\nsys.settrace(lambda *a: None)\nsys.setprofile(lambda *a: None)\ndef f(x): return 0",
        "assert f(2) == 4",
    ),
    "a flood after the token was stolen": (
        "import sys, os\ntoken = sys._getframe(1).f_locals['token']\n"
        "while True: os.write(3, ('[\"' + token + '\", \"values\", 0, [').encode() + b'9' * 65_536)",
        "assert f(2) == 4",
    ),
    "a large value that is only said to be there": (
        "import sys, os, json\ntoken = sys._getframe(1).f_locals['token']\n"
        "os.write(3, (json.dumps([token, 'values', 0, [['large']]]) + '\\n' + json.dumps([token, 'end']) + '\\n').encode())\nos._exit(0)",
        "assert f(2) == 4",
    ),
    "a set of powers of two": ("def f(x): return {2 ** k for k in range(5000)}", "assert f(2) == {1}"),
    "a range that is searched for ever": ("def f(x): return range(10 ** 30)", "assert 4.5 in f(2)"),
    "an object that is less than everything": (
        "class A:\n    __lt__ = __le__ = __gt__ = __ge__ = lambda s, o: True\ndef f(x): return A()",
        "assert f(2) < 4",
    ),
    "a class whose class equals all others": (
        "class M(type):\n    def __eq__(s, o): return True\n    def __hash__(s): return hash(int)\n"
        "class A(metaclass=M):\n    def __eq__(s, o): return True\ndef f(x): return A()",
        "assert f(2) == 4",
    ),
    "a patched Fraction": (
        "import fractions\nfractions.Fraction.numerator = fractions.Fraction.denominator = property(lambda s: 1)\n"
        "fractions.Fraction.__eq__ = lambda s, o: True\ndef f(x): return fractions.Fraction(1, 7)",
        "from fractions import Fraction\nassert f(2) == Fraction(1, 3)",
    ),
    "a dataclass that equals everything": (
        "from dataclasses import dataclass\n@dataclass\nclass A:\n    x: int = 4\n    def __eq__(s, o): return True\ndef f(x): return A()",
        "assert f(2) == 4",
    ),
    "an enum that equals everything": (
        "from enum import Enum\nclass A(Enum):\n    X = 4\n    def __eq__(s, o): return True\ndef f(x): return A.X",
        "assert f(2) == 4",
    ),
    "a script that ends well": ("import sys\ndef f(x): sys.exit(0)\nsys.exit(0)", "assert f(2) == 4"),
    "another name for itself": ("__name__ = '__main__'\ndef f(x): raise SystemExit(0)", "assert f(2) == 4"),
    "a changed argument": ("def f(x):\n    x.append(1)\n    return x", "assert f([]) == []"),
}


def program(name: str, canary: Path, port: int, unix: str) -> str:
    """A hostile program with what it aims at filled in."""
    aims = PRELUDE.format(canary=str(canary), port=port, pid=os.getpid(), unix=unix)
    return aims + PROGRAMS[name].replace("{{", "{").replace("}}", "}")


def held(run: Run) -> str | None:
    """None where a program got out of nothing; else what it managed."""
    if run.reports and run.reports[0][0] == "values":
        managed = run.reports[0][2][0]
        return None if managed == ["list"] else str(managed)
    return None


def forged(sandbox: Sandbox, name: str) -> Outcome:
    source, test = FORGERIES[name]
    check = split_test(test)
    return settle(check, sandbox.run(source, check.source))


@contextmanager
def aims() -> Iterator[tuple[Path, int, str]]:
    """A file that anybody may read and write, a server on loopback and one at a Unix address."""
    with tempfile.TemporaryDirectory(prefix="themis-hostile-") as folder, socket.create_server(("127.0.0.1", 0)) as server:
        canary = Path(folder) / "canary"
        canary.write_text("secret")
        os.chmod(folder, 0o777)
        os.chmod(canary, 0o666)
        with socket.socket(socket.AF_UNIX) as unix:
            unix.bind(f"{folder}/socket")
            unix.listen()
            os.chmod(f"{folder}/socket", 0o777)
            yield canary, server.getsockname()[1], f"{folder}/socket"


def outcomes(tier: Tier) -> dict[str, str]:
    """What got out, by program; and what passed that should not have. The last word is an honest program's."""
    with Sandbox(LIMITS, tiers=[tier]) as sandbox, aims() as (canary, port, unix), ThreadPoolExecutor(2) as pool:
        runs = pool.map(lambda name: held(sandbox.run(program(name, canary, port, unix), CHECK)), PROGRAMS)
        found = {name: managed for name, managed in zip(PROGRAMS, runs, strict=True) if managed is not None}
        verdicts = pool.map(lambda name: forged(sandbox, name), FORGERIES)
        found |= {name: "it passed" for name, outcome in zip(FORGERIES, verdicts, strict=True) if outcome.passed}
        if canary.read_text() != "secret" or sorted(os.listdir(canary.parent)) != ["canary", "socket"]:
            found["the canary"] = "it was touched"
        honest = split_test("assert f(2) == 4")
        if not settle(honest, sandbox.run("def f(x): return x * x", honest.source)).passed:
            found["an honest program"] = "it failed"
    return found


def main() -> None:
    """Print, as JSON, the user and what got out on each tier."""
    print(json.dumps({"user": os.getuid()} | {tier: outcomes(tier) for tier in sys.argv[1:]}))  # type: ignore[arg-type]
