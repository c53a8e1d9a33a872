"""Text from outside is made visible; names are suggested; orders and help texts are as said."""

import unicodedata
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from stand_ins import CATALOGUE, Conv, PretrainParams

from pipelines.core.attribute_docs import describe
from pipelines.core.errors import Mark, Problem
from pipelines.core.text import listed, safe_text, shown, suggestion, width
from pipelines.expansion.topological_sort import drawn, ordered
from pipelines.schema.jsonschema import schema

HOSTILE = {
    "\x1b[31mred": "\\x1b[31mred",
    "\x1b]52;c;Zm9v\x07": "\\x1b]52;c;Zm9v\\x07",
    "a\x9b31m": "a\\x9b31m",
    "evil\u202etxt": "evil\\u202etxt",
    "iso\u2066late": "iso\\u2066late",
    "one\ntwo\r\tthree": "one\\ntwo\\r\\tthree",
    "half\ud800": "half\\ud800",
    "zero\u200bwidth": "zero\\u200bwidth",
    "tag\U000e0041": "tag\\U000e0041",
    "del\x7f": "del\\x7f",
    "日本 é 😀": "日本 é 😀",
}


def test_what_would_act_on_a_terminal_is_shown_as_an_escape() -> None:
    for text, expected in HOSTILE.items():
        assert safe_text(text) == expected


@given(st.text())
def test_safe_text_has_nothing_but_visible_letters_and_stays_as_it_is(text: str) -> None:
    found = safe_text(text)
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 or 0xD800 <= ord(c) < 0xE000 for c in found)
    assert safe_text(found) == found
    found.encode()


def test_lines_keep_newlines_and_tabs_and_nothing_else() -> None:
    assert safe_text("a\n\tb\r\x1b", lines=True) == "a\n\tb\\r\\x1b"


def test_long_text_is_cut_and_says_so() -> None:
    assert safe_text("x" * 50, limit=10) == "x" * 10 + "… (40 more characters)"


def test_values_are_shown_short() -> None:
    assert shown({"kind": "conv4"}) == '{"kind": "conv4"}'
    assert shown("x" * 100) == "x" * 39 + "…"
    assert shown("") == "''"
    assert shown("\x1b") == "\\x1b"
    assert shown(0.001) == "0.001"


def test_lists_are_words() -> None:
    assert listed("a") == "`a`"
    assert listed("abc", "or") == "`a`, `b` or `c`"
    assert listed([str(i) for i in range(30)]).endswith("… (30 in all)")


def test_a_near_name_is_suggested_and_else_all_are_named() -> None:
    assert suggestion("epcohs", ["epochs", "lr"]) == "did you mean `epochs`?"
    assert suggestion("zzz", ["epochs", "lr"], "parameters") == "parameters: `epochs` and `lr`"
    assert suggestion("zzz", []) == ""


def test_the_caret_stands_under_wide_letters() -> None:
    problem = Problem("no", Mark("f", 1, 4, "日本:xyz", 3))
    line, caret = problem.render().splitlines()[1:3]
    assert width(line[: line.index("x")]) == caret.index("^")
    assert caret.count("^") == 3


def test_an_order_is_stable_and_tells_every_circle() -> None:
    needs = {"c": {"b"}, "b": {"a"}, "a": set(), "x": {"y"}, "y": {"x"}, "s": {"s"}, "t": {"x"}}
    order, circles = ordered(needs)
    assert order == ["a", "b", "c", "t"]
    assert circles == [["x", "y", "x"], ["s", "s"]]
    assert drawn(["y", "x", "y"]) == "y → x → y"
    assert "…" in drawn([str(i) for i in range(100)])


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.sets(st.sampled_from("abcdefgh"))))
def test_an_order_puts_needs_first_or_in_a_circle(raw: dict) -> None:
    needs = {name: before & raw.keys() for name, before in raw.items()}
    order, circles = ordered(needs)
    inside = {name for circle in circles for name in circle}
    assert inside | set(order) == set(needs)
    assert not inside & set(order)
    for index, name in enumerate(order):
        assert needs[name] - inside <= set(order[:index])
    for circle in circles:
        for source, user in pairwise(circle):
            assert source in needs[user]


def test_help_is_the_docstring_under_an_attribute() -> None:
    assert describe(PretrainParams) == {"epochs": "Passes over the data."}
    assert describe(Conv)["width"] == "Channels of each block."
    assert describe(int) == {}


def test_the_schema_describes_every_stage_type() -> None:
    found = schema(CATALOGUE)
    cases = {
        case["if"]["properties"]["uses"]["const"]: case["then"]
        for case in found["$defs"]["stage"]["allOf"]
    }
    assert set(cases) == set(CATALOGUE)
    tuned = cases["finetune"]
    assert tuned["description"] == "Adapted."
    assert tuned["properties"]["with"]["properties"]["lr"]["description"] == "Learning rate."
    assert "required" not in tuned["properties"]["with"]
    assert tuned["properties"]["from"]["required"] == ["model", "data"]
    assert set(found["required"]) == {"version", "name", "stages"}
    assert found["$defs"]["stage"]["properties"]["uses"]["enum"] == list(CATALOGUE)
    references = _references(found)
    assert references
    assert {reference.removeprefix("#/$defs/") for reference in references} <= set(found["$defs"])


def _references(value: object) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        mapping = value.get("discriminator", {}).get("mapping", {})
        return own.union(mapping.values(), *(_references(item) for item in value.values()))
    return set().union(*map(_references, value)) if isinstance(value, list) else set()


def test_the_width_of_every_letter_is_what_unicode_says() -> None:
    odd = [
        hex(code)
        for code in (*range(0xD800), *range(0xE000, 0x20000))
        if width("a" + chr(code) + "b")
        != 2 + (
            0 if unicodedata.combining(chr(code))
            else 2 if unicodedata.east_asian_width(chr(code)) in ("W", "F") else 1
        )
    ]  # fmt: skip
    assert odd == []
