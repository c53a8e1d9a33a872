"""Numbers as people read them: durations, metrics, axis labels."""

from math import floor, isfinite, log10

from engine.library.artifacts import Interval

ABSENT = "\u2013"
"""An en dash: a value that is not there."""
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def duration(seconds: float | None) -> str:
    """`0:07`, `12:31`, `3:02:11`, `2d 03:11`; a dash where it is not known."""
    if seconds is None or not isfinite(seconds):
        return ABSENT
    whole = max(0, int(seconds))
    if whole < _HOUR:
        return f"{whole // _MINUTE}:{whole % _MINUTE:02}"
    if whole < _DAY:
        return f"{whole // _HOUR}:{whole % _HOUR // _MINUTE:02}:{whole % _MINUTE:02}"
    return f"{whole // _DAY}d {whole % _DAY // _HOUR:02}:{whole % _HOUR // _MINUTE:02}"


def seconds_short(seconds: float) -> str:
    """`0.4s` below ten seconds, then as `duration`."""
    return f"{seconds:.1f}s" if seconds < 10 else duration(seconds)  # noqa: PLR2004


def number(value: float, digits: int = 4) -> str:
    """A value with so many significant digits, short: `0.0813`, `12.4`, `1.2e-05`, `4130`."""
    if not isfinite(value):
        return str(value)
    if value == int(value) and abs(value) < 10**6:
        return str(int(value))
    size = floor(log10(abs(value)))
    if -4 <= size < 6:  # noqa: PLR2004
        return f"{value:.{max(0, digits - 1 - size) if size >= 0 else digits - 2 - size}f}"
    return f"{value:.{digits - 2}e}"


def metric(value: float) -> str:
    """A metric in a table: three decimals, so that a column lines up; large ones get fewer."""
    size = abs(value)
    if size >= 1000:  # noqa: PLR2004
        return f"{value:.4g}"
    decimals = 3 if size < 10 else 2 if size < 100 else 1  # noqa: PLR2004
    text = f"{value:.{decimals}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def spread(found: Interval) -> str:
    """` ± 0.021`; of a range ` (0.81 to 0.93)`; nothing where there is neither."""
    if found.half is not None:
        return f" ± {metric(found.half)}"
    if found.least is None or found.most is None:
        return ""
    return f" ({metric(found.least)} to {metric(found.most)})"


def signed(value: float) -> str:
    """A difference: as `metric`, always with its sign (a plain one, so that it copies)."""
    text = metric(value)
    return text if text.startswith("-") else f"+{text}"


def chance(p: float | None) -> str:
    """A p value: three decimals, `<0.001` below them, nothing where there is none."""
    if p is None:
        return ""
    return "<0.001" if p < 0.001 else f"{p:.3f}"  # noqa: PLR2004
