"""How every picture looks: the glyph of a backend, the sheet, the footer. Depends on load.py.

A backend's colour, marker and dashes come from its id and its place in the document, never from
a list of names, so one that nobody knew before just appears; and it keeps them in every picture
of a document. Colours are those of Okabe and Ito; marker, dashes and hatch repeat what colour
says, so that a picture can be read in grey.
"""

import hashlib
import re
import textwrap
from dataclasses import dataclass, field

import matplotlib

matplotlib.use("Agg")

from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

WIDTH_IN = 8.5  # 850 px on the page
DPI = 100
PNG_DPI = 200
MARGIN_IN = 0.18

INK = "#222222"
QUIET = "#5f5f5f"
FAINT = "#d4d4d4"
WARNING = "#b03a00"
BASELINE_COLOUR = "#000000"
FLOOR_COLOUR = "#8a8a8a"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
MARKERS = ("s", "^", "D", "v", "P", "X", "<", ">", "p", "h", "d")
DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)), (0, (3, 1, 1, 1, 1, 1)))
HATCHES = ("", "///", "\\\\\\", "...", "xxx", "---", "|||", "+++")

TITLE_PT, PANEL_PT, TEXT_PT, SMALL_PT = 13, 10, 9, 8
LABEL_CHARS = 25
FAILED_LINES = 5
MIB = float(1 << 20)

matplotlib.rcParams.update({
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial", "sans-serif"],
    "font.size": TEXT_PT,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "pyallocbench",  # the same ids in every run
    "hatch.linewidth": 0.6,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "text.color": INK,
    "text.parse_math": False,  # names are not TeX
})


class NothingToDraw(Exception):
    """The document lacks what this picture is about; str() says what."""


def expect_one_machine(document):
    """Ratios of several machines stand apart in a document, and a picture has room for one's."""
    if len(document.hosts) > 1:
        raise NothingToDraw(f"it shows one machine, and these are {len(document.hosts)}: "
                            f"`pyallocbench compare {document.path}` tells of all")


class NotMade(NothingToDraw):
    """The pass that this picture is about was not asked for: no news, unless the picture was."""

    def __init__(self, pass_name):
        super().__init__(f"the document has no {pass_name} pass: run with --passes "
                         f"time,memory,{pass_name}")


@dataclass
class Picture:
    """What a picture script hands to draw.py."""

    figure: Figure
    alt: str
    header: tuple
    rows: list = field(default_factory=list)


@dataclass(frozen=True)
class Glyph:
    colour: str
    marker: str
    dash: object
    hatch: str
    face: str  # of markers: floors are hollow

    def marks(self, size):
        return {"marker": self.marker, "markersize": size, "color": self.colour,
                "markerfacecolor": self.face, "markeredgecolor": self.colour,
                "markeredgewidth": 1.1}


def glyphs(document):
    """{backend id: Glyph}. A colour is taken by hash, the next free one where two ids want it."""
    found, place = {}, 0
    free = list(COLOURS)
    for backend in document.backends:
        if backend.is_baseline:
            found[backend.id] = Glyph(BASELINE_COLOUR, "o", "-", "", BASELINE_COLOUR)
            continue
        if not backend.ranked:
            found[backend.id] = Glyph(FLOOR_COLOUR, "o", (0, (1, 2)), "", "white")
            continue
        wanted = hashlib.sha256(backend.id.encode()).digest()[0] % len(COLOURS)
        colour = min(free, key=lambda c: (COLOURS.index(c) - wanted) % len(COLOURS))
        free.remove(colour)
        free = free or list(COLOURS)
        found[backend.id] = Glyph(colour, MARKERS[place % len(MARKERS)],
                                  DASHES[(place + 1) % len(DASHES)],
                                  HATCHES[(place + 1) % len(HATCHES)], colour)
        place += 1
    return found


def labels(backends):
    """One text for each: its id and its part in the picture. Directories go where that leaves
    the ids apart."""
    short = [re.sub(r"[^:=+]*/", "", backend.id) for backend in backends]
    if len(set(short)) < len(short):
        short = [backend.id for backend in backends]
    return [label(backend, text) for backend, text in zip(backends, short)]


def label(backend, text):
    """Broken where a spec has a joint."""
    lines = [""]
    for piece in re.findall(r"[^:+/_-]*[:+/_-]?", text):
        if lines[-1] and len(lines[-1]) + len(piece) > LABEL_CHARS:
            lines.append("")
        lines[-1] += piece
    lines = [part for line in lines for part in textwrap.wrap(line, LABEL_CHARS)]
    part = " (baseline)" if backend.is_baseline else "" if backend.ranked else " (floor)"
    if len(lines[-1]) + len(part) > LABEL_CHARS + 4:
        lines.append(part.strip())
    else:
        lines[-1] += part
    return "\n".join(lines)


def line_count(text):
    return text.count("\n") + 1


def text_width_in(text, points, weight="normal"):
    """Inches that the widest line of `text` takes."""
    renderer = RendererAgg(8, 8, DPI)
    font = FontProperties(size=points, weight=weight)
    return max(renderer.get_text_width_height_descent(line, font, False)[0]
               for line in text.split("\n")) / DPI


def row_places(backends, texts, pitch_in, pad_in):
    """The y of each backend in inches: a label of two lines takes two rows, floors stand apart."""
    places, y, apart = [], pad_in + pitch_in / 2, False
    for backend, text in zip(backends, texts):
        more = line_count(text) - 1
        if not backend.ranked and not apart:
            apart = True
            y += 0.14
        places.append(y + more * 0.075)
        y += pitch_in + more * 0.15
    return places


def in_order(document, backends, metric):
    """Baseline and rivals from the least ratio to the greatest, then those without one; floors
    last, set apart."""
    def key(backend):
        row = document.overall(backend.id, metric)
        ratio = row.ratio if row else None
        return (not backend.ranked, ratio is None, ratio or 0.0)
    return sorted(backends, key=key)


def plural(count, noun):
    return f"{count} {noun}{'' if count == 1 else 's'}"


def footer_lines(document):
    """[(text, colour)]: how much was measured, on what, and what is missing."""
    lines = []
    if not document.complete:
        lines.append((f"INCOMPLETE RUN: interrupted after {document.rounds_done('time')} of "
                      f"{plural(document.rounds_asked, 'round')}", WARNING))
    if document.control_failed():
        lines.append(("A/A CONTROL FAILED: take no time verdict from this run: "
                      + failed_control(document), WARNING))
    for backend in document.backends:
        if backend.status != "ok":
            lines.append((f"Not measured: {backend.id}, {backend.status}: {backend.reason}",
                          WARNING))
    lines += [(line, WARNING) for line in failed_cells(document)]
    lines.append((f"{plural(document.rounds_done('time'), 'time round')}, "
                  f"{plural(document.rounds_done('memory'), 'memory round')}; "
                  f"{document.started[:10]}; {document.program()}", QUIET))
    lines += [(line, QUIET) for line in machines(document)]
    return [(part, colour) for text, colour in lines for part in textwrap.wrap(text, 125)]


def failed_control(document):
    """What the first control that failed says of itself."""
    failed = [noise for noise in [document.noise] + [host.noise for host in document.hosts]
              if noise.failed]
    return failed[0].control["words"][0]


def purge_note(document):
    """What to bear in mind where memory still held is shown; who waits longer than was looked is
    read from its settings. "" where nothing is shown."""
    last = document.last_moment_ms()
    if last is None:
        return ""
    late = []
    for backend in document.backends:
        waits = re.findall(r"(\w+_ms)=(\d+)", backend.settings)
        late += [f"{backend.id} {name}={wait}" for name, wait in waits if int(wait) > last]
    when = f"after {last / 1000:g} s" if last > 0 else "right after the drain"
    return (f"An allocator that purges by time may still hold everything {when}"
            + (f" ({', '.join(late)})." if late else "."))


def failed_cells(document):
    """One line for each cell that lost samples; they are left out of the numbers."""
    lost = {}
    for failure in document.failures:
        if failure.workload is not None:
            cell = (failure.backend, failure.workload, failure.kind)
            lost[cell] = lost.get(cell, 0) + 1
    lines = [f"Failed: {backend} in {workload}, {kind}" + (f" {count} times" if count > 1 else "")
             for (backend, workload, kind), count in lost.items()]
    if len(lines) > FAILED_LINES:
        lines[FAILED_LINES - 1:] = [f"Failed: {len(lines) - FAILED_LINES + 1} more cells; see "
                                    "failures in the document"]
    return lines


def machines(document):
    """One line for each host; they are blocks of the experiment, and never one machine."""
    if len(document.hosts) == 1:
        return [machine(document.hosts[0].provenance)]
    return [f"Host {i}: {machine(host.provenance)}" for i, host in enumerate(document.hosts)]


def machine(facts):
    cpu = re.sub(r"\((R|TM)\)", "", facts["cpu_model"] or "unknown CPU")
    cores = plural(facts["cpu_count"], "CPU")
    parts = [f"{cpu}, {cores}", facts["kernel"], facts["libc"], facts["compiler"]]
    if facts["virtualization"]:
        parts[0] += f", {facts['virtualization']}"
    return "; ".join(parts)


class Sheet:
    """A figure with a title above, a footer below, and room between, laid out in inches."""

    def __init__(self, document, title, subtitle, body_in):
        footer = footer_lines(document)
        subtitle = textwrap.wrap(subtitle, 125)
        self.head_in = 0.46 + 0.165 * len(subtitle) + 0.08
        self.height_in = self.head_in + body_in + 0.165 * len(footer) + 0.2
        self.figure = Figure(figsize=(WIDTH_IN, self.height_in), dpi=DPI, facecolor="white")
        self.text(MARGIN_IN, 0.14 - self.head_in, title, size=TITLE_PT, weight="bold")
        for i, line in enumerate(subtitle):
            self.text(MARGIN_IN, 0.44 + 0.165 * i - self.head_in, line, size=TEXT_PT, color=QUIET)
        for i, (line, colour) in enumerate(footer):
            self.text(MARGIN_IN, body_in + 0.1 + 0.165 * i, line, size=SMALL_PT, color=colour,
                      weight="bold" if colour == WARNING else "normal")

    def text(self, x, y, content, **keys):
        """x, y in inches from the left and from the top of the body; the text's top left."""
        keys.setdefault("va", "top")
        return self.figure.text(x / WIDTH_IN, 1 - (self.head_in + y) / self.height_in, content,
                                **keys)

    def axes(self, x, y, width, height, **keys):
        """A plot area with its top left corner at x, y."""
        bottom = self.height_in - self.head_in - y - height
        return self.figure.add_axes((x / WIDTH_IN, bottom / self.height_in, width / WIDTH_IN,
                                     height / self.height_in), **keys)

    def legend(self, y, handles, lines=True):
        """Keys in rows, as many as fit in each, in the order given; returns the height taken."""
        x, row = MARGIN_IN, 0
        for glyph, text in handles:
            width = 0.42 + text_width_in(text, TEXT_PT) + 0.22
            if x + width > WIDTH_IN and x > MARGIN_IN:
                x, row = MARGIN_IN, row + 1
            axes = self.axes(x, y + 0.2 * row, 0.36, 0.16)
            axes.set_axis_off()
            axes.set_xlim(0, 1)
            axes.set_ylim(0, 1)
            if lines:
                axes.plot([0, 1], [0.5, 0.5], linestyle=glyph.dash, color=glyph.colour,
                          linewidth=1.6)
            axes.plot([0.5 if lines else 0.8], [0.5], **glyph.marks(5))
            self.text(x + 0.42, y + 0.2 * row + 0.08, text, size=TEXT_PT, va="center")
            x += width
        return 0.2 * (row + 1)


def legend_height_in(texts):
    """What Sheet.legend() will take."""
    x, rows = MARGIN_IN, 1
    for text in texts:
        width = 0.42 + text_width_in(text, TEXT_PT) + 0.22
        if x + width > WIDTH_IN and x > MARGIN_IN:
            x, rows = MARGIN_IN, rows + 1
        x += width
    return 0.2 * rows


def round_ticks(at_most, integer=False):
    """From 0 in round steps; `integer`: of what has no halves."""
    return matplotlib.ticker.MaxNLocator(at_most, steps=[1, 2, 2.5, 5, 10], integer=integer)


def ratio_ticks(low, high, at_most):
    """Round ratios within low..high, 1 among them, no more than asked for."""
    ladders = (
        (0.8, 0.85, 0.9, 0.95, 1, 1.05, 1.1, 1.15, 1.2, 1.25),
        (0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 1.75, 2),
        (0.25, 0.35, 0.5, 0.7, 1, 1.4, 2, 2.8, 4),
        (0.125, 0.25, 0.5, 1, 2, 4, 8),
        tuple(4.0 ** i for i in range(-6, 7)),
        tuple(16.0 ** i for i in range(-6, 7)),
    )
    for ladder in ladders:
        within = [tick for tick in ladder if low <= tick <= high]
        covers = ladder[0] <= low * 1.2 and ladder[-1] * 1.2 >= high
        if covers and len(within) <= at_most:
            return within
    return [1.0]


def ratio_text(ratio):
    return f"{ratio:.2f}" if ratio < 9.995 else f"{ratio:.1f}" if ratio < 99.95 else f"{ratio:.0f}"


def ratio_axis(axis, low, high, at_most):
    """A log2 axis of ratios with plain labels."""
    axis.axes.set_xscale("log", base=2) if axis.axis_name == "x" else axis.axes.set_yscale(
        "log", base=2)
    axis.set_major_locator(matplotlib.ticker.FixedLocator(ratio_ticks(low, high, at_most)))
    axis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda tick, _: f"{tick:.4g}×"))
    axis.set_minor_locator(matplotlib.ticker.NullLocator())
