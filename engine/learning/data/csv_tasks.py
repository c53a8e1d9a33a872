"""A table of regression tasks: rows of numbers, each of a named task. No numpy here.

A CSV file with a header: a column `task`, columns of inputs and of targets, and where a file
divides its tasks itself a column `part`.
"""

import csv
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

TASK, PART = "task", "part"
PARTS = ("train", "val", "test")
MOST_ROW = 1 << 20
"""Bytes of a row, over all its lines: no more of it is held before it is refused."""
BLOCK = 1 << 16
"""Bytes that are read at once."""
SHOWN, NAMED = 40, 12
"""Letters of a text, and names of a list, that a message shows."""
LARGEST = 3.4028234663852886e38
"""The largest number of 32 bits, which nets compute with."""
_PACKED = {b"\x1f\x8b": "packed with gzip", b"PK\x03\x04": "a zip archive or a workbook"}
"""What a file is that begins so."""
_MARK = b"\xef\xbb\xbf"
"""Of UTF-8, with which spreadsheets begin a file."""
_NAMELESS = re.compile(r"Unnamed: \d+(_level_\d+)?")
"""What pandas names a column that had no name when it read the file."""


class SheetError(ValueError):
    """A table that is not what it was said to be.

    Attributes:
        place: the parameter that says otherwise.
        hint: the remedy.
    """

    def __init__(self, message: str, place: str, hint: str) -> None:
        super().__init__(message)
        self.place = place
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a table holds.

    Attributes:
        inputs: names of the columns.
        targets: names of the columns.
        rows: task -> its rows, each the inputs and then the targets; in the order of the file.
        lines: task -> line of its first row.
        parts: task -> its part, where the file has a column for it.
        counters: columns of inputs that nobody asked for by name and that count the rows of all
            tasks one by one, as a row index does.
    """

    inputs: tuple[str, ...]
    targets: tuple[str, ...]
    rows: Mapping[str, Sequence[tuple[float, ...]]]
    lines: Mapping[str, int]
    parts: Mapping[str, str] = field(default_factory=dict)
    counters: tuple[str, ...] = ()


def read(file: BinaryIO, inputs: Sequence[str] | None, targets: Sequence[str]) -> Sheet:
    """The table in a CSV file.

    Args:
        file: open at its beginning; UTF-8.
        inputs: columns to learn from; by default all that are neither targets, nor `task` or
            `part`.
        targets: columns to learn.

    Raises:
        SheetError: says what is wrong, and in which line.
    """
    lines = _lines(file)
    _, header = next(lines, (1, []))
    columns = _columns(header)
    found = _chosen(columns, inputs, targets)
    names = [*found[0], *found[1]]
    places = [(name, columns[name]) for name in names]
    rows: dict[str, list[tuple[float, ...]]] = {}
    every: list[tuple[float, ...]] = []
    first: dict[str, int] = {}
    parts: dict[str, str] = {}
    for line, cells in lines:
        if len(cells) != len(header):
            raise _fault(line, f"{len(cells)} cells, and the header has {len(header)}")
        task = cells[columns[TASK]].strip()
        if not task:
            raise _fault(line, f"`{TASK}` is empty")
        every.append(tuple(_number(line, n, cells[at]) for n, at in places))
        rows.setdefault(task, []).append(every[-1])
        first.setdefault(task, line)
        if PART in columns:
            _part(line, task, cells[columns[PART]].strip(), parts)
    if not rows:
        raise SheetError("has no rows", "file", "a header, and then a line for each example")
    # Of one task, what counts its rows may well be the time. Of a column asked for by name too.
    counters = _counters(found[0], every) if len(rows) > 1 and not inputs else ()
    return Sheet(*found, rows, first, parts, counters)


def _lines(file: BinaryIO) -> Iterator[tuple[int, list[str]]]:
    """Number of the first line and the cells of each row that has any."""
    text = _Text(file)
    reader = csv.reader(text, strict=True)
    try:
        for cells in reader:
            line = text.first
            text.begin_row()
            if cells:
                yield line, cells
    except csv.Error as error:
        raise _fault(text.first, _told(error, reader.line_num - text.first), _UNCLOSED) from error


def _told(error: csv.Error, more: int) -> str:
    """What is wrong with a row that went on for some more lines."""
    if "field limit" in str(error):
        return f"a cell has more than {csv.field_size_limit():,} letters, the limit"
    if "end of data" in str(error):
        return "a quote of the row that begins here is not closed"
    return f"{error}, {more:,} lines on in the row that begins here" if more else str(error)


_RESAVE = "save the table as CSV in UTF-8"
_UNCLOSED = "are commas between the cells, and is every quote closed?"


class _Text:
    """The lines of a file, with their ends, none of them held when its row is too long.

    Attributes:
        first: number of the first line of the row at hand.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._line = 0
        self._bytes = 0
        self.first = 1

    def begin_row(self) -> None:
        """What was read until now belongs to rows that are whole."""
        self.first, self._bytes = self._line + 1, 0

    def __iter__(self) -> Iterator[str]:
        rest = b""
        while block := self._file.read(BLOCK):
            # The last line may go on, were it only by the second half of "\r\n".
            *lines, rest = (rest + block).splitlines(keepends=True)
            for line in lines:
                yield self._decoded(line)
            self._bound(len(rest))
        if rest:
            yield self._decoded(rest)

    def _decoded(self, line: bytes) -> str:
        self._line += 1
        if self._line == 1:
            self._look(line)
            line = line.removeprefix(_MARK)
        if b"\0" in line:
            raise _fault(self._line, "not UTF-8 text: it has NUL bytes, as UTF-16 has", _RESAVE)
        self._bound(len(line))
        self._bytes += len(line)
        try:
            return line.decode()
        except UnicodeDecodeError as error:
            raise _fault(self._line, "not UTF-8 text", _RESAVE) from error

    def _look(self, line: bytes) -> None:
        for start, what in _PACKED.items():
            if line.startswith(start):
                hint = "unpack it, or export the table as CSV in UTF-8"
                raise SheetError(f"is {what}, not CSV", "file", hint)

    def _bound(self, more: int) -> None:
        if self._bytes + more > MOST_ROW:
            told = f"the row that begins here has more than {MOST_ROW:,} bytes, the limit"
            raise _fault(self.first, told, _UNCLOSED)


def _columns(header: Sequence[str]) -> dict[str, int]:
    names = [_trimmed(name) for name in header]
    for place, name in enumerate(names, 1):
        if not name or _NAMELESS.fullmatch(name):
            told = f"is named {_short(name)}, so it had no name" if name else "has no name"
            hint = "is it a row index? write the table with `index=False`, or name the column"
            raise _fault(1, f"column {place} {told}", hint)
    if len(set(names)) < len(names):
        twice = next(name for name, count in Counter(names).items() if count > 1)
        raise _fault(1, f"two columns are named {_short(twice)}")
    if TASK not in names:
        has = _listed(names) or "nothing"
        hint = "the first line names the columns, with commas between them; one is `task`"
        raise _fault(1, f"no column `{TASK}`; it has {has}", hint)
    return {name: place for place, name in enumerate(names)}


def _trimmed(name: str) -> str:
    """A name without what nobody sees at its ends: blanks, marks of byte order, zero widths."""
    seen = [at for at, letter in enumerate(name) if letter.isprintable() and not letter.isspace()]
    return name[seen[0] : seen[-1] + 1] if seen else ""


def _counters(names: Sequence[str], rows: Sequence[tuple[float, ...]]) -> tuple[str, ...]:
    """Columns that count the rows one by one, whatever they begin with."""
    return tuple(
        name
        for place, name in enumerate(names)
        if all(row[place] == rows[0][place] + count for count, row in enumerate(rows))
    )


def _chosen(
    columns: Iterable[str], inputs: Sequence[str] | None, targets: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns of inputs and of targets."""
    every = [name for name in columns if name not in (TASK, PART)]
    for place, names in {"inputs": inputs or (), "targets": targets}.items():
        for name in names:
            if name not in every:
                has = _listed(every) or "no other column than `task`"
                raise SheetError(f"has no column {_short(name)} to take", place, f"it has {has}")
    both = sorted(set(inputs or ()) & set(targets))
    if both:
        message = f"the column {_short(both[0])} is input and target at once"
        raise SheetError(message, "inputs", "an answer is not to be seen: leave it out of one")
    chosen = tuple(inputs) if inputs else tuple(name for name in every if name not in targets)
    if not chosen:
        raise SheetError("has no column of inputs", "file", "beside `task` and the targets")
    return chosen, tuple(targets)


def _number(line: int, name: str, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or "_" in cell:
        what = f"is {_short(cell)}, which is no finite number" if cell.strip() else "is empty"
        hint = "mend the line, or name the columns to learn from: `inputs: [x]`"
        raise _fault(line, f"`{name}` {what}", hint)
    if abs(value) > LARGEST:
        hint = "give the column another unit"
        raise _fault(line, f"`{name}` is {_short(cell)}, which 32 bits cannot hold", hint)
    return value


def _part(line: int, task: str, part: str, parts: dict[str, str]) -> None:
    if part not in PARTS:
        raise _fault(line, f"`{PART}` is {_short(part)}, and not train, val or test")
    if parts.setdefault(task, part) != part:
        message = f"task {_short(task)} is of part {part}, and was of part {parts[task]} before"
        raise _fault(line, message, "tasks are divided, not their rows")


def _fault(line: int, message: str, hint: str = "mend the line") -> SheetError:
    return SheetError(f"line {line}: {message}", "file", hint)


def _short(text: str) -> str:
    return repr(text if len(text) <= SHOWN else text[: SHOWN - 1] + "…")


def _listed(names: Sequence[str]) -> str:
    more = f", … ({len(names):,} in all)" if len(names) > NAMED else ""
    return ", ".join(map(_short, names[:NAMED])) + more
