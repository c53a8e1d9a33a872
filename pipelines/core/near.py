"""What a misspelt name may have meant.

The work grows with the letters of all names, not with the pairs of them: a file with a thousand
wrong names among a thousand right ones is told at once.

Two names are near when at most two letters of each have to be left out for the rest to be equal
(`epcohs`, `epoch`, `epochs2` for `epochs`), or when the words of one are all in the other
(`batch` in `batch_size`).
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain

LONGEST = 60
"""Letters of a name that are looked at."""
MOST = 5_000
"""Names that are looked at."""
_FEW, _SHORT = 500, 16
"""Two letters are left out of names up to so long, among up to so many."""
_LETTERS_PER_FAULT = 3
_WORDS = re.compile(r"[^0-9a-z]+")

Index = dict[str, tuple[int, str]]
"""What is left of a name -> letters that were left out, and the name."""


def closest(name: object, known: Iterable[object]) -> str:
    """The known name that is nearest to `name`, or the empty text where none is near."""
    index, words = _indexed(tuple(map(str, known)))
    asked = _folded(str(name)[:LONGEST])
    found: tuple[int, str] | None = None
    for left_out, rest in enumerate(_shortened(asked, _depth(asked, len(words)))):
        hits = (index[text] for text in rest if text in index)
        best = min(((left_out + cost, option) for cost, option in hits), default=None)
        found = min(filter(None, (found, best)), default=None, key=lambda hit: hit[0])
        if found is not None and found[0] <= left_out:
            break
    if found is not None:
        return found[1]
    return _by_words(asked, words)


def _by_words(asked: str, words: dict[str, frozenset[str]]) -> str:
    """The first name that has all words of `asked`, or whose words it has all; of few names."""
    own = _split(asked)
    if not own or len(words) > _FEW:
        return ""
    return next((name for name, has in words.items() if has and (own <= has or has <= own)), "")


@lru_cache(maxsize=32)
def _indexed(known: tuple[str, ...]) -> tuple[Index, dict[str, frozenset[str]]]:
    """What is left of each name with some letters left out, and the words of each name."""
    index: Index = {}
    words: dict[str, frozenset[str]] = {}
    for option in known[:MOST]:
        folded = _folded(option[:LONGEST])
        words[option] = _split(folded)
        for left_out, rest in enumerate(_shortened(folded, _depth(folded, len(known)))):
            for text in rest:
                if text not in index or index[text][0] > left_out:
                    index[text] = left_out, option
    return index, words


def _folded(name: str) -> str:
    return name.lower().replace("-", "_")


def _split(folded: str) -> frozenset[str]:
    """The words of a name, without those of one or two letters, which are in too many names."""
    return frozenset(word for word in _WORDS.split(folded) if len(word) > 2)  # noqa: PLR2004


def _depth(folded: str, names: int) -> int:
    """How many letters may be left out of a name."""
    most = 2 if names <= _FEW and len(folded) <= _SHORT else 1
    return min(most, len(folded) // _LETTERS_PER_FAULT)


def _shortened(name: str, depth: int) -> Iterator[set[str]]:
    """The name itself, then all that is left of it without one letter, without two."""
    rest = {name}
    yield rest
    for _ in range(depth):
        rest = set(chain.from_iterable(_without_one(text) for text in rest))
        yield rest


def _without_one(text: str) -> Iterator[str]:
    return (text[:at] + text[at + 1 :] for at in range(len(text)))
