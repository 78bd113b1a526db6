"""How a backend looks: colour, marker, dashes, hatch. Depends on load.py's classes alone.

They follow from its name, not from its place in a document, so that it looks the same in every
picture of every document. The allocators that most documents hold have fixed ones in NAMED. Any
other name, variants such as NAME:key=value among them, takes what its hash says out of colours and
markers that no fixed one has; where two of one document want the same, the later of them by name
takes the next that is free. So a backend that nobody knew before needs nothing.

Colour is never alone: marker, dashes and hatch say the same, so that a picture can be read in grey.
A black rim is the baseline; hollow and grey is a floor; in a document of the gate the two arms of a
backend look alike, and base is hollow.
"""

import hashlib
import re
from dataclasses import dataclass, replace

INK = "#222222"
FLOOR_COLOUR = "#8a8a8a"

SOLID, DASHED, DOTTED = "-", (0, (5, 1.5)), (0, (1.5, 1.2))
DASH_DOT, DASH_DOTS = (0, (6, 1.5, 1.5, 1.5)), (0, (6, 1.5, 1.5, 1.5, 1.5, 1.5))
LONG, SHORT = (0, (9, 2)), (0, (3, 1.5))
SPARSE = (0, (1, 2))

# Colours that eight kinds of eyes tell apart, by Okabe and Ito; black is the eighth of them.
SYSTEM = "system"  # what stands below all that names nothing else
NAMED = {
    "system": ("#000000", "o", SOLID, ""),
    "pymalloc": ("#0072b2", "s", DASHED, "///"),
    "jemalloc": ("#d55e00", "^", DOTTED, "\\\\\\"),
    "tcmalloc": ("#009e73", "D", DASH_DOT, "..."),
    "mimalloc": ("#cc79a7", "v", DASH_DOTS, "xxx"),
    "libpython": ("#56b4e9", "P", LONG, "---"),
    "cpython": ("#e69f00", "X", SHORT, "|||"),
}

# For all others: four of Paul Tol's muted ones and two between, none of them near one above.
COLOURS = ("#882255", "#999933", "#332288", "#8c5a2b", "#117733", "#ee8866")
STARS = tuple((points, 1, 0) for points in (3, 4, 5, 6))
MARKERS = ("<", ">", "p", "d", "h", *STARS)
DASHES = (DASHED, DOTTED, DASH_DOT, DASH_DOTS, LONG, SHORT, SOLID)
HATCHES = ("+++", "ooo", "//\\", "--/", "||\\", "..-", "xx|", "oo-")


@dataclass(frozen=True)
class Glyph:
    colour: str
    marker: str
    dash: object
    hatch: str
    face: str  # of markers and bars: "white" where they are hollow
    rim: str  # around them

    def marks(self, size):
        wide = 1.45 if self.marker in STARS else 1.0  # of the same extent they look smaller
        return {"marker": self.marker, "markersize": size * wide, "color": self.colour,
                "markerfacecolor": self.face, "markeredgecolor": self.rim,
                "markeredgewidth": 1.1}

    def bar(self):
        """Keys of axes.barh(). Hatches have the colour of the edge."""
        if self.face == "white":
            return {"facecolor": "white", "edgecolor": self.colour, "linewidth": 1.0,
                    "hatch": self.hatch}
        return {"facecolor": self.colour, "edgecolor": "white", "linewidth": 0.0,
                "hatch": self.hatch}


def glyphs(document):
    """{backend id: Glyph}"""
    names = sorted({name_of(b) for b in document.backends if b.ranked} - NAMED.keys())
    looks = zip(*(spread(names, choices, byte)
                  for byte, choices in enumerate((COLOURS, MARKERS, DASHES, HATCHES))))
    known = NAMED | dict(zip(names, looks))
    return {backend.id: of_role(backend, known.get(name_of(backend)))
            for backend in document.backends}


def name_of(backend):
    """What looks alike: without directories, and without the arm of a gate."""
    text = backend.id.removesuffix(f"@{backend.role}") if backend.role else backend.id
    return re.sub(r"[^:=+]*/", "", text)


def spread(names, choices, byte):
    """One choice for each name, by a byte of its hash; the next free one where it is taken."""
    found, free = [], list(choices)
    for name in names:
        wanted = hashlib.sha256(name.encode()).digest()[byte] % len(choices)
        choice = min(free, key=lambda c: (choices.index(c) - wanted) % len(choices))
        free.remove(choice)
        free = free or list(choices)
        found.append(choice)
    return found


def of_role(backend, look):
    if not backend.ranked:
        return Glyph(FLOOR_COLOUR, "o", SPARSE, "", "white", FLOOR_COLOUR)
    colour, marker, dash, hatch = look
    hollow = backend.role == "base"
    glyph = Glyph(colour, marker, dash, hatch, "white" if hollow else colour, colour)
    return replace(glyph, rim=INK) if backend.is_baseline and not hollow else glyph
