"""`ostinato generate RUN --interactive`: watch a text grow, and turn its dials while it does."""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import torch
from rich.console import Console, Group, RenderableType
from rich.layout import Layout
from rich.live import Live
from rich.panel import Panel
from rich.text import Text
from torch import Tensor

from ostinato.cli.chart import bar, spell
from ostinato.cli.screen import Screen, as_shown, aside
from ostinato.decode import chain, until
from ostinato.errors import ConfigError
from ostinato.signals import Ended
from ostinato.tasks.base.generates import Generates

FRAME = 1 / 15
"""Seconds between two pictures."""
LEAST = 5e-4
"""A probability below which a symbol is not shown."""
SPEEDS = (2, 5, 10, 20, 50, 100, 200, 500)
"""Symbols a second that can be chosen; 20 are read comfortably."""
KEYS = {
    b"\x1b[A": "up", b"\x1b[B": "down", b"\x1b[C": "right", b"\x1b[D": "left",
    b"\x1bOA": "up", b"\x1bOB": "down", b"\x1bOC": "right", b"\x1bOD": "left",
    b"\x03": "interrupt", b"\x04": "q", b"\r": "\n", b"\x1a": "suspend",
}  # fmt: skip
HELP = (
    ("↑ ↓", "temperature"), ("← →", "top-p"), ("space", "pause"), ("⏎", "one token"),
    ("+ -", "speed"), ("r", "again"), ("q", "quit"),
)  # fmt: skip


def need_a_terminal() -> None:
    """Refuses to begin where there is nobody to watch.

    Raises:
        ConfigError: when standard input or standard output is no terminal, or a dumb one.
    """
    for name, stream in (("input", sys.stdin), ("output", sys.stdout)):
        if stream is None or not stream.isatty():
            raise ConfigError(f"--interactive requires a terminal, but standard {name} is not one")
    if Console().is_dumb_terminal:
        raise ConfigError("--interactive requires a terminal that can move its cursor")


@contextmanager
def keys_as_pressed() -> Iterator[None]:
    """The terminal hands over each key at once and shows none; afterwards it is as before.

    Ctrl-C, Ctrl-S, Ctrl-Q and Ctrl-Z are keys like the others. Whatever ends the command, a
    signal or the terminal's own end, comes by here.
    """
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    mode = termios.tcgetattr(terminal)
    mode[0] &= ~(termios.IXON | termios.IXOFF)
    mode[3] &= ~(termios.ICANON | termios.ECHO | termios.ISIG | termios.IEXTEN)
    mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
    try:
        termios.tcsetattr(terminal, termios.TCSADRAIN, mode)
        yield
    finally:
        with suppress(termios.error):  # the terminal is gone
            termios.tcsetattr(terminal, termios.TCSAFLUSH, before)


def keys(seconds: float) -> list[str]:
    """The keys pressed within a time, by name; waits no longer than for the first.

    Raises:
        KeyboardInterrupt: for Ctrl-C.
    """
    terminal = sys.stdin.fileno()
    if not select.select([terminal], [], [], max(0.0, seconds))[0]:
        return []
    try:
        read = os.read(terminal, 1024)
    except OSError:
        read = b""
    if not read:  # the terminal is gone
        return ["q"]
    found = []
    while read:
        name = next((key for key in KEYS if read.startswith(key)), read[:1])
        found.append(KEYS.get(name, name.decode("latin-1")))
        read = read[len(name) :]
    if "interrupt" in found:
        raise KeyboardInterrupt
    return found


@dataclass
class Session:
    """A text that is being written, and the dials it is written with.

    Attributes:
        generator: the model.
        prompt: the beginning of the text.
        length: how many symbols are drawn before it pauses.
        samplers: settings of `decode.chain`; `temperature` and `top_p` are the dials.
        stop: strings before which the text ends.
        seed: of what is drawn; one more each time the text begins anew.
    """

    generator: Generates
    prompt: str
    length: int
    samplers: dict[str, float | bool]
    stop: Sequence[str]
    seed: int
    speed: int = SPEEDS.index(20)
    paused: bool = False
    text: str = field(init=False)

    def __post_init__(self) -> None:
        self.samplers = {"temperature": 1.0, "top_p": 1.0} | self.samplers
        self.begin()

    def begin(self) -> None:
        """Begins the text, with the prompt."""
        self._shape = chain(**self.samplers)
        self.session = self.generator.session(self.prompt, self.seed)
        self.text, self.drawn, self.ended = self.prompt, 0, False
        self._pieces = until(self._draw(), self.stop)

    def _draw(self) -> Iterator[str]:
        while True:
            self.drawn += 1
            yield self.session.draw(self._shape).text

    def step(self) -> None:
        """Draws one symbol more, unless a stop string has ended the text; pauses at `length`."""
        piece = next(self._pieces, None)
        if self.ended or piece is None:
            self.ended = self.paused = True
            return
        self.text += piece
        if self.drawn % self.length == 0:
            self.paused = True

    def logits(self) -> tuple[Tensor, Tensor]:
        """Of the next symbol (V,): what the model says, and what it is drawn from."""
        return self.session.logits(), self.session.logits(self._shape)

    def press(self, key: str) -> None:
        """Does what a key says; one that says nothing does nothing."""
        match key:
            case "up" | "down":
                self._turn("temperature", 0.05 if key == "up" else -0.05, 0.05, 3.0)
            case "right" | "left":
                self._turn("top_p", 0.05 if key == "right" else -0.05, 0.05, 1.0)
            case "+" | "=" | "-":
                change = -1 if key == "-" else 1
                self.speed = min(max(self.speed + change, 0), len(SPEEDS) - 1)
            case " ":
                self.paused = not self.paused
            case "\n":
                self.paused = True
                self.step()
            case "r":
                self.seed += 1
                self.paused = False
                self.begin()

    def _turn(self, dial: str, change: float, least: float, most: float) -> None:
        value = round(self.samplers[dial] + change, 2)
        self.samplers[dial] = min(max(value, least), most)
        self._shape = chain(**self.samplers)


def watch(
    generator: Generates,
    run: str,
    prompt: str,
    length: int,
    samplers: dict[str, float | bool],
    stop: Sequence[str],
    seed: int,
) -> None:
    """Shows a text as it grows, until `q` is pressed; then prints it, so that it can be kept."""
    if length < 1:
        raise ConfigError(f"length must be at least 1, not {length}")
    session = Session(generator, prompt, length, samplers, stop, seed)
    # what a shell has exported of a window's size does not follow the window
    fixed = {"LINES", "COLUMNS"}
    environment = {name: value for name, value in os.environ.items() if name not in fixed}
    console = Screen(_environ=environment)
    asked = threading.Event()
    before = signal.signal(signal.SIGTSTP, lambda number, frame: asked.set())
    try:
        while _shown(session, console, run, asked):  # now the terminal is as it was
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            signal.raise_signal(signal.SIGTSTP)  # the shell resumes it
            signal.signal(signal.SIGTSTP, lambda number, frame: asked.set())
    finally:
        signal.signal(signal.SIGTSTP, before)
        with suppress(OSError):  # the terminal is gone
            print(as_shown(session.text))
        dials = "  ".join(f"{name} {value}" for name, value in session.samplers.items())
        aside.print(f"seed {session.seed}  {dials}", soft_wrap=True)


def _shown(session: Session, console: Console, run: str, asked: threading.Event) -> bool:
    """Shows the text as it grows, until its end or until it is suspended; whether that was so."""
    asked.clear()
    try:
        with keys_as_pressed(), Live(console=console, screen=True, auto_refresh=False) as live:
            return _play(session, live, run, asked)
    except OSError as error:  # the terminal is gone, and a signal may have said so
        if isinstance(error.__context__, Ended):
            raise error.__context__ from None
        raise


def _play(session: Session, live: Live, run: str, asked: threading.Event) -> bool:
    """Draws as fast as the dial says, shows fifteen pictures a second, and listens to keys."""
    due = picture = time.monotonic()
    while not asked.is_set():
        now = time.monotonic()
        if now >= picture:
            live.update(_picture(session, run, live.console), refresh=True)
            picture = now + FRAME
        while not session.paused and due <= now and time.monotonic() < picture:
            session.step()
            due += 1 / SPEEDS[session.speed]
        if session.paused or due < now - 1:  # what was missed is not caught up with
            due = now
        for key in keys((picture if session.paused else min(due, picture)) - time.monotonic()):
            if key in ("q", "suspend"):
                return key == "suspend"
            session.press(key)
            picture = 0.0  # what a key has changed is seen at once
    return True


def _picture(session: Session, run: str, console: Console) -> RenderableType:
    """The text on the left, the chart on the right, dials and keys below."""
    width, height = console.size
    chart = min(38, width // 2)
    layout = Layout()
    layout.split_column(Layout(name="above"), Layout(_dials(session), size=2))
    layout["above"].split_row(Layout(name="text"), Layout(name="chart", size=chart))
    inside = width - chart - 4, height - 4
    layout["text"].update(
        Panel(_end_of(session, console, *inside), title=Text(run), border_style="dim")
    )
    layout["chart"].update(
        Panel(_chart(session, chart - 4, height - 4), title="next token", border_style="dim")
    )
    return layout


def _end_of(session: Session, console: Console, width: int, height: int) -> Text:
    """The last lines of the text that fit, the prompt in bold."""
    text = session.text.expandtabs(1)
    shown = Text("".join(c if c.isprintable() or c == "\n" else "�" for c in text))
    shown.stylize("bold", 0, len(session.prompt))
    paragraphs = shown.split("\n", allow_blank=True)[-max(height, 1) :]
    lines = [line for paragraph in paragraphs for line in paragraph.wrap(console, max(width, 1))]
    lines[-1].append("▁", style="blink")
    return Text("\n").join(lines[-max(height, 1) :])


def _chart(session: Session, width: int, height: int) -> Group:
    """The model's most probable symbols, and how probable the dials make them."""
    model, shaped = (logits.softmax(-1) for logits in session.logits())
    best = torch.argsort(model, descending=True, stable=True)[: max(height, 1)].tolist()
    largest = max(float(shaped.max()), float(model.max()))
    rows = []
    for k in best:
        p = float(shaped[k])
        if max(p, float(model[k])) < LEAST:
            break
        name = spell(session.generator.vocabulary_.symbols[k])[:10]
        row = Text(f"{name:>10} ", style="" if p else "dim", no_wrap=True)
        room = width - 18
        if p:
            row.append(f"{p:6.1%} ")
            row.append(bar(p / largest, max(room, 1)), style="cyan")
        else:  # a sampler has excluded it
            row.append("     – ")
            row.append("·" * round(float(model[k]) / largest * room))
        rows.append(row)
    return Group(*rows)


def _dials(session: Session) -> Group:
    """Where the dials stand, and which keys turn them."""
    values = Text(no_wrap=True, overflow="ellipsis")
    state = "ended" if session.ended else "paused" if session.paused else "writing"
    values.append(f" {state:8}", style="bold yellow" if session.paused else "bold green")
    for name, value in session.samplers.items():
        said = f"{value:.2f}" if isinstance(value, float) else str(value)
        values.append(f" {name.replace('_', '-')} ", style="dim")
        values.append(f"{said} ", style="bold")
    values.append(f" {session.drawn:,}", style="bold")
    values.append(" symbols, ", style="dim")
    values.append(f"{SPEEDS[session.speed]}", style="bold")
    values.append(" a second", style="dim")
    legend = Text(" ", no_wrap=True, overflow="ellipsis")
    for key, does in HELP:
        legend.append(key, style="bold cyan")
        legend.append(f" {does}   ", style="dim")
    return Group(values, legend)
