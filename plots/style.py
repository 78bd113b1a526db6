"""How every picture looks: the sheet, its footer, its axes and names. Depends on glyph.py and
load.py."""

import functools
import math
import re
import textwrap
from dataclasses import dataclass, field

import matplotlib

matplotlib.use("Agg")

from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

from glyph import INK, glyphs  # pictures take them from here

WIDTH_IN = 8.5  # 850 px on the page
DPI = 100
PNG_DPI = 200
MARGIN_IN = 0.18
TEXT_IN = WIDTH_IN - 2 * MARGIN_IN

QUIET = "#5f5f5f"
FAINT = "#d4d4d4"
WARNING = "#b03a00"

TITLE_PT, PANEL_PT, TEXT_PT, SMALL_PT = 13, 10, 9, 8
LABEL_CHARS = 25
FAILED_LINES = 5
KEY_IN = 0.42  # of a legend, before its text
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


class NotAsked(NothingToDraw):
    """The run was not about this, as most are not: no news unless the picture is asked for."""


class NotMade(NothingToDraw):
    """The document has no sample of `passes`, which this picture is about."""

    def __init__(self, *passes):
        super().__init__(f"no {' and no '.join(passes)} pass")
        self.passes = passes


def expect_passes(document, *names):
    made = {sample.pass_name for sample in document.samples}
    lacking = [name for name in names if name not in made]
    if lacking:
        raise NotMade(*lacking)


def nothing_counts(pass_name):
    return NothingToDraw(f"no sample of its {pass_name} pass counts: `failures` in the document "
                         "tell why")


@dataclass
class Picture:
    """What a picture script hands to draw.py."""

    figure: Figure
    alt: str
    header: tuple
    rows: list = field(default_factory=list)


def labels(backends):
    """One text for each: its name and its part in the picture."""
    return [label(backend, text) for backend, text in zip(backends, short_names(backends).values())]


def short_names(backends):
    """{id: without its directories, where that leaves all of them apart}"""
    short = {backend.id: re.sub(r"[^:=+]*/", "", backend.id) for backend in backends}
    return short if len(set(short.values())) == len(short) else {id_: id_ for id_ in short}


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


@functools.lru_cache(4096)
def text_width_in(text, points, weight="normal"):
    """Inches that the widest line of `text` takes."""
    renderer = RendererAgg(8, 8, DPI)
    font = FontProperties(size=points, weight=weight)
    return max(renderer.get_text_width_height_descent(line, font, False)[0]
               for line in text.split("\n")) / DPI


def wrap(text, width_in, points, weight="normal"):
    """Lines that fit; a word that is too long for one loses its middle."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if text_width_in(longer, points, weight) <= width_in:
            lines[-1] = longer
        else:
            lines.append(fitted(word, width_in, points, weight))
    return [line for line in lines if line]


def fitted(text, width_in, points, weight="normal"):
    """One line of it, without its middle where it is too long."""
    kept, short = len(text), text
    while text_width_in(short, points, weight) > width_in and kept > 2:
        kept -= 1
        short = text[:kept - kept // 2] + "\u2026" + text[len(text) - kept // 2:]
    return short


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


def is_partial(document, row):
    """Whether a mean is over fewer workloads than the baseline's, which is over all that were
    measured."""
    base = document.overall(document.baseline, row.metric, row.host)
    return row.n < (base.n if base else document.mean_size)


def plural(count, noun):
    return f"{count} {noun}{'' if count == 1 else 's'}"


def footer_lines(document, passes):
    """[(text, colour)]: how much was measured, on what, and what is missing."""
    lines, names = [], short_names(document.backends)
    if not document.complete:
        lines.append((f"INCOMPLETE RUN: interrupted after {document.rounds_done('time')} of "
                      f"{plural(document.rounds_asked, 'round')}", WARNING))
    if document.control_failed():
        lines.append(("A/A CONTROL FAILED: take no time verdict from this run: "
                      + failed_control(document), WARNING))
    for backend in document.backends:
        if backend.status != "ok":
            lines.append((f"Not measured: {names[backend.id]}, {backend.status}: {backend.reason}",
                          WARNING))
    lines += [(line, WARNING) for line in failed_cells(document)]
    rounds = ", ".join(f"{document.rounds_done(name)} of {name}" for name in passes)
    lines.append((f"Rounds: {rounds}; {document.started[:10]}; {document.program()}", QUIET))
    lines += [(line, QUIET) for line in machines(document)]
    return [(part, colour) for text, colour in lines
            for part in wrap(text, TEXT_IN, SMALL_PT, weight_of(colour))]


def weight_of(colour):
    return "bold" if colour == WARNING else "normal"


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
    late, names = [], short_names(document.backends)
    for backend in document.backends:
        waits = re.findall(r"(\w+_ms)=(\d+)", backend.settings)
        late += [f"{names[backend.id]} {name}={wait}" for name, wait in waits if int(wait) > last]
    when = f"after {last / 1000:g} s" if last > 0 else "right after the drain"
    return (f"An allocator that purges by time may still hold everything {when}"
            + (f" ({', '.join(late)})." if late else "."))


def failed_cells(document):
    """One line for each cell that lost samples; they are left out of the numbers."""
    lost, names = {}, short_names(document.backends)
    for failure in document.failures:
        if failure.workload is not None:
            cell = (names.get(failure.backend, failure.backend), failure.workload, failure.kind)
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

    def __init__(self, document, words, body_in, passes):
        """`words`: title and subtitle; `passes`: those whose rounds the picture shows."""
        footer = footer_lines(document, passes)
        title = fitted(words[0], TEXT_IN, TITLE_PT, "bold")
        subtitle = wrap(words[1], TEXT_IN, TEXT_PT)
        self.head_in = 0.46 + 0.165 * len(subtitle) + 0.08
        self.height_in = self.head_in + body_in + 0.165 * len(footer) + 0.2
        self.figure = Figure(figsize=(WIDTH_IN, self.height_in), dpi=DPI, facecolor="white")
        self.text(MARGIN_IN, 0.14 - self.head_in, title, size=TITLE_PT, weight="bold")
        for i, line in enumerate(subtitle):
            self.text(MARGIN_IN, 0.44 + 0.165 * i - self.head_in, line, size=TEXT_PT, color=QUIET)
        for i, (line, colour) in enumerate(footer):
            self.text(MARGIN_IN, body_in + 0.1 + 0.165 * i, line, size=SMALL_PT, color=colour,
                      weight=weight_of(colour))

    def text(self, x, y, content, **keys):
        """x, y in inches from the left and from the top of the body; the text's top left."""
        keys.setdefault("va", "top")
        return self.figure.text(x / WIDTH_IN, 1 - (self.head_in + y) / self.height_in, content,
                                **keys)

    def note(self, y, name, remark, colour):
        """The name of a facet, and what is to be said of it, as far as there is room."""
        self.text(MARGIN_IN, y, name, size=PANEL_PT, weight="bold")
        room = TEXT_IN - text_width_in(name, PANEL_PT, "bold") - 0.2
        self.text(MARGIN_IN + TEXT_IN, y, fitted(remark, room, SMALL_PT), ha="right",
                  size=SMALL_PT, color=colour)

    def axes(self, x, y, width, height, **keys):
        """A plot area with its top left corner at x, y."""
        bottom = self.height_in - self.head_in - y - height
        return self.figure.add_axes((x / WIDTH_IN, bottom / self.height_in, width / WIDTH_IN,
                                     height / self.height_in), **keys)

    def legend(self, y, handles, lines=True):
        """Keys in rows, as many as fit in each, in the order given."""
        places = key_places([text for _, text in handles], KEY_IN, TEXT_PT)
        for (x, row, text), (glyph, _) in zip(places, handles):
            axes = self.axes(x, y + 0.2 * row, 0.36, 0.16)
            axes.set_axis_off()
            axes.set_xlim(0, 1)
            axes.set_ylim(0, 1)
            if lines:
                axes.plot([0, 1], [0.5, 0.5], linestyle=glyph.dash, color=glyph.colour,
                          linewidth=1.6)
            axes.plot([0.5 if lines else 0.8], [0.5], **glyph.marks(5))
            self.text(x + KEY_IN, y + 0.2 * row + 0.08, text, size=TEXT_PT, va="center")


def key_places(texts, before_in, points):
    """[(x in inches, row, text)] of keys, each with room before its text."""
    x, row, places = MARGIN_IN, 0, []
    for text in texts:
        text = fitted(text, TEXT_IN - before_in, points)
        width = before_in + text_width_in(text, points)
        if x + width > MARGIN_IN + TEXT_IN and x > MARGIN_IN:
            x, row = MARGIN_IN, row + 1
        places.append((x, row, text))
        x += width + 0.22
    return places


def legend_height_in(texts):
    """What Sheet.legend() will take."""
    places = key_places(texts, KEY_IN, TEXT_PT)
    return 0.2 * (places[-1][1] + 1) if places else 0.0


def round_ticks(at_most, integer=False):
    """From 0 in round steps; `integer`: of what has no halves."""
    return matplotlib.ticker.MaxNLocator(at_most, steps=[1, 2, 2.5, 5, 10], integer=integer)


def steps_around_one(step):
    return [1 + round(i * step, 2) for i in range(-math.ceil(1 / step) + 1, 100)]


# Ticks of ratios from the closest to the widest; each has 1.
RATIO_LADDERS = (
    *(steps_around_one(step) for step in (0.01, 0.02, 0.05, 0.1, 0.2)),
    (0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 1.75, 2, 2.5, 3, 4),
    (0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.8, 1, 1.25, 1.5, 2, 2.5, 3, 4, 5),
    (0.125, 0.18, 0.25, 0.35, 0.5, 0.7, 1, 1.4, 2, 2.8, 4, 5.6, 8),
    *([base ** i for i in range(-12, 13)] for base in (2.0, 4.0, 16.0)),
)


def ratio_ticks(low, high, at_most):
    """Round ratios within low..high, 1 among them, as close as where `at_most` had the axis for
    themselves."""
    for ladder in RATIO_LADDERS:
        within = [tick for tick in ladder if low <= tick <= high]
        gaps = [math.log(b / a) for a, b in zip(within, within[1:])]
        covers = ladder[0] <= low * 1.25 and ladder[-1] * 1.25 >= high
        if covers and min(gaps, default=math.inf) * at_most >= 0.9 * math.log(high / low):
            return within
    return [1.0]


def ratio_text(ratio):
    return f"{ratio:.2f}" if ratio < 9.995 else f"{ratio:.1f}" if ratio < 99.95 else f"{ratio:.0f}"


def ratio_axis(axis, low, high, at_most):
    """A log2 axis of ratios with plain labels."""
    axis.axes.set_xscale("log", base=2) if axis.axis_name == "x" else axis.axes.set_yscale(
        "log", base=2)
    axis.set_major_locator(matplotlib.ticker.FixedLocator(ratio_ticks(low, high, at_most)))
    axis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda tick, _: f"{tick:.4g}"))
    axis.set_minor_locator(matplotlib.ticker.NullLocator())
