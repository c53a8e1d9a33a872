from meta_tui.render.text.svg import portable

PICTURE = (
    '<style>@font-face {\n src: url("https://far.away/f.woff2") }\n'
    ".m { font-family: Fira Code, monospace; }</style>"
    '<text class="r1" x="12.2" y="44.4" textLength="24.4">a&#160;b</text>'
    '<text class="r2" x="24.4" y="44.4" textLength="24.4">&#160;\u2881</text>'
)


def test_a_picture_asks_nobody_for_fonts_and_keeps_its_letters():
    shown = portable(PICTURE)
    assert "far.away" not in shown
    assert '"DejaVu Sans Mono"' in shown
    assert '<text class="r1" x="12.2" y="44.4" textLength="24.4">a&#160;b</text>' in shown


def test_braille_becomes_a_dot_for_each_of_its_bits_in_the_colour_of_the_text():
    shown = portable(PICTURE)
    assert "\u2881" not in shown
    path = shown[shown.index("<path") :]
    assert path.startswith('<path class="r2" d="M')
    # The upper left dot and the lower right one of the second letter.
    assert [part.split("h")[0] for part in path.split("M")[1:]] == ["37.8 27.1", "43.9 45.4"]
