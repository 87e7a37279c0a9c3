"""Values on their way out of the sandbox: sent as parts from inside, built again outside, where they are compared.

Inside, the program may have taken everything over. Outside, nothing of the program is run: parts are data, and only
classes of the standard library are built from them. So numbers of all kinds, dates and containers compare as in
Python. Imports the standard library alone.
"""

import builtins
import dataclasses
import os
from array import array
from collections import ChainMap, Counter, OrderedDict, UserDict, UserList, UserString, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from itertools import chain, islice
from json.encoder import encode_basestring_ascii as _quoted
from operator import index
from types import EllipsisType, MappingProxyType, SimpleNamespace
from typing import Any, TypeAlias

MAX_VALUE = 8 << 20
"""Characters of a value as it is sent."""
MAX_DEPTH = 100
MAX_COLLISIONS = 20
"""Members of a set or dictionary with one hash: to compare many such takes for ever."""
_MAX_INLINE = 10**1000
"""Larger whole numbers are sent in hexadecimal digits, which are read at once."""
_SALT = os.urandom(8)
"""Goes into the hash of each member of a set or dictionary: no program can know where it will lie."""


class Incomparable(Exception):
    """Whether values are equal cannot be told from what was sent of them."""


# --- inside ----------------------------------------------------------------------------------------


def encoded(value: Any) -> str:
    """A value as JSON: None, truth, numbers and text as they are, all else as a list that its kind opens."""
    try:
        return _json(value, 0, [MAX_VALUE])
    except (Incomparable, MemoryError, RecursionError):
        return '["large"]'


def _json(value: Any, depth: int, room: list[int]) -> str:
    kind = type(value)
    leaf = _LEAVES.get(kind)
    if leaf is not None:
        text = leaf(value)
    elif depth > MAX_DEPTH:
        raise Incomparable
    else:
        name, parts = _parts(value, kind)
        if not name:
            return _json(parts, depth, room)
        text = f'["{name}"{_joined(parts, depth + 1, room)}]'
    room[0] -= len(text) + 1 if leaf else len(name) + 4
    if room[0] < 0:
        raise Incomparable
    return text


def _joined(parts: Iterable[Any], depth: int, room: list[int]) -> str:
    """A thousand parts at a time: a million short texts would take more memory than a job has."""
    left, pieces = iter(parts), []
    while piece := "".join(["," + _json(part, depth, room) for part in islice(left, 1000)]):
        pieces.append(piece)
    return "".join(pieces)


def _parts(value: Any, kind: type) -> tuple[str, Any]:
    """What a value is, and of what parts. A subclass is reduced to its base, lest one equals everything."""
    for base, name, parts_of, _ in _KINDS:
        if issubclass(kind, base):
            return name, parts_of(value)
    if kind is type and value in _BUILT_IN:
        return "own", ("type", value.__name__)
    if issubclass(kind, Enum):
        return "own", (kind.__qualname__, value._name_ or value._value_)
    if dataclasses.is_dataclass(kind) and kind.__dataclass_params__.eq:  # type: ignore[attr-defined]
        name = "ordered" if kind.__dataclass_params__.order else "own"  # type: ignore[attr-defined]
        return name, (kind.__qualname__, *(getattr(value, field.name) for field in dataclasses.fields(kind) if field.compare))
    if told := _BY_NAME.get((kind.__module__, kind.__name__)):
        return "own", (kind.__name__.removeprefix("Pure"), told(value))
    return "other", (kind.__name__[:100],)


def _whole(value: int) -> str:
    return int.__repr__(value) if -_MAX_INLINE < value < _MAX_INLINE else f'["int","{hex(value)}"]'


def _double(value: float) -> str:
    text = float.__repr__(value)
    return {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}.get(text, text)


_LEAVES: dict[type, Callable[[Any], str]] = {
    type(None): lambda value: "null",
    bool: lambda value: "true" if value else "false",
    int: _whole,
    float: _double,
    str: _quoted,
}
_BY_NAME: dict[tuple[str, str], Callable[[Any], Any]] = {
    **{("pathlib", name): str for name in ("PosixPath", "PurePosixPath", "PureWindowsPath")},
    **{("ipaddress", f"IPv{number}{name}"): str for number in (4, 6) for name in ("Address", "Network", "Interface")},
    ("uuid", "UUID"): str,
    ("zoneinfo", "ZoneInfo"): str,
}
"""Further classes of the standard library, which nobody needs to import for this. Their text says what they are."""
_BUILT_IN = frozenset(value for value in vars(builtins).values() if type(value) is type)
_flat = chain.from_iterable
# The class is the program's to patch, what it had at the start is not.
_numerator, _denominator = Fraction.__dict__["_numerator"].__get__, Fraction.__dict__["_denominator"].__get__

# --- outside ---------------------------------------------------------------------------------------


class Unseen:
    """A value that stayed inside: too large, or of a class of which only the program can say what is equal."""

    def __init__(self, why: str, kind: str = "") -> None:
        self.why, self.kind = why, kind

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unseen) and self.refuse(other)

    def refuse(self, other: object) -> bool:
        """False where it is another value for certain; else raises `Incomparable`."""
        if not self.kind or (isinstance(other, Unseen) and self.kind == other.kind):
            raise Incomparable(self.why)
        return False

    __lt__ = __le__ = __gt__ = __ge__ = refuse
    __hash__ = object.__hash__


@dataclasses.dataclass(frozen=True)
class Own:
    """A member of an enum, a dataclass or a class, by its name and parts."""

    parts: tuple[Any, ...]


@dataclasses.dataclass(frozen=True, order=True)
class Ordered(Own):
    """One of a dataclass that has an order."""


def decoded(values: Sequence[Any]) -> list[Any]:
    """Reported values, built again. Raises `ValueError`, `TypeError` or `LookupError` where one is malformed."""
    kinds = set(_kinds(values))
    if "int" in kinds and kinds & {"Decimal", "Fraction"}:  # their arithmetic would take for ever
        return [Unseen("a number has too many digits to be compared with a Decimal or a Fraction")] * len(values)
    return [_built(value, top=True) for value in values]


def contains(left: Any, right: Any) -> bool:
    """`left in right`, of values built again."""
    if isinstance(right, Unseen):
        return right.refuse(left)
    if isinstance(right, range):  # Python would count through it for what is not whole
        return int(left) == left and int(left) in right
    return (_SALT, left) in right if isinstance(right, frozenset | dict) else left in right


def _kinds(values: Sequence[Any]) -> Iterator[str]:
    waiting = [list(values)]
    while waiting:
        for part in waiting.pop():
            if type(part) is list:
                yield part[0]
                waiting.append(part)


def _built(value: Any, *, top: bool = False) -> Any:
    if type(value) is not list:
        return value
    try:
        return _BUILD[value[0]]([_built(part) if type(part) is list else part for part in value[1:]])
    except Incomparable as error:
        if top:
            return Unseen(str(error))
        raise


def _set(parts: list[Any]) -> frozenset[Any]:
    return frozenset(_members(parts))


def _members(parts: list[Any]) -> list[tuple[bytes, Any]]:
    members = [(_SALT, part) for part in parts]
    hashes = sorted(map(hash, members))
    if any(one == other for one, other in zip(hashes, hashes[MAX_COLLISIONS:], strict=False)):
        raise Incomparable("too many members of a set or dictionary have the same hash to be compared")
    return members


def _mapping(parts: list[Any]) -> dict[Any, Any]:
    return dict(zip(_members(parts[::2]), parts[1::2], strict=True))


def _number(part: Any) -> float:
    if type(part) not in (int, float):
        raise TypeError("not a number")  # complex("4") would read a text
    return float(part)


Parts: TypeAlias = Callable[[Any], Any]
_KINDS: tuple[tuple[Any, str, Parts, Parts], ...] = (
    (int, "", int.__int__, int),
    (float, "", float.__float__, float),
    (str, "", str.__str__, str),
    (complex, "complex", lambda value: (value.real, value.imag), lambda parts: complex(*map(_number, parts))),
    (bytes, "bytes", lambda value: (bytes.hex(value),), lambda parts: bytes.fromhex(parts[0])),
    (bytearray, "bytes", lambda value: (bytearray.hex(value),), lambda parts: bytes.fromhex(parts[0])),
    (list, "list", list.__iter__, list),
    (tuple, "tuple", tuple.__iter__, tuple),
    (deque, "deque", deque.__iter__, deque),
    (memoryview, "bytes", lambda value: (memoryview.tobytes(value).hex(),), lambda parts: bytes.fromhex(parts[0])),
    (range, "range", lambda value: (value.start, value.stop, value.step), lambda parts: range(*parts)),
    (set, "set", set.__iter__, _set),
    (frozenset, "set", frozenset.__iter__, _set),
    (type({}.keys()), "set", iter, _set),
    (type({}.items()), "set", iter, _set),
    (OrderedDict, "OrderedDict", lambda value: _flat(OrderedDict.items(value)), lambda parts: OrderedDict(_mapping(parts))),
    (Counter, "Counter", lambda value: _flat(dict.items(value)), lambda parts: Counter(_mapping(parts))),
    (dict, "dict", lambda value: _flat(dict.items(value)), _mapping),
    (UserDict | ChainMap | MappingProxyType, "dict", lambda value: _flat(value.items()), _mapping),
    (UserList, "list", iter, list),
    (UserString, "", str, str),
    (array, "own", lambda value: ("array", list(value)), lambda parts: Own(tuple(parts))),
    (timezone, "own", lambda value: ("timezone", timezone.utcoffset(value, None)), lambda parts: Own(tuple(parts))),
    (slice, "own", lambda value: ("slice", value.start, value.stop, value.step), lambda parts: Own(tuple(parts))),
    (SimpleNamespace, "own", lambda value: ("SimpleNamespace", dict(vars(value))), lambda parts: Own(tuple(parts))),
    (EllipsisType, "own", lambda value: ("...",), lambda parts: Own(tuple(parts))),
    (datetime, "datetime", lambda value: (datetime.isoformat(value),), lambda parts: datetime.fromisoformat(parts[0])),
    (date, "date", lambda value: (date.isoformat(value),), lambda parts: date.fromisoformat(parts[0])),
    (time, "time", lambda value: (time.isoformat(value),), lambda parts: time.fromisoformat(parts[0])),
    (timedelta, "timedelta", lambda value: (value.days, value.seconds, value.microseconds), lambda parts: timedelta(*parts)),
    (Decimal, "Decimal", lambda value: (Decimal.__str__(value),), lambda parts: Decimal(parts[0])),
    (Fraction, "Fraction", lambda value: (_numerator(value), _denominator(value)), lambda parts: Fraction(*map(index, parts))),
)
"""Each type with its name, what it is sent as, and how it is built again. The first that fits counts."""
_BUILD: dict[str, Parts] = {name: build for _, name, _, build in _KINDS if name} | {
    "int": lambda parts: int(parts[0], 16),
    "own": lambda parts: Own(tuple(parts)),
    "ordered": lambda parts: Ordered(tuple(parts)),
    "other": lambda parts: Unseen(f"values of the program's own class {parts[0]} cannot be compared", f"{parts[0]}"),
    "large": lambda parts: Unseen(f"a value is too large to be compared (more than {MAX_VALUE >> 20} MB)"),
}
