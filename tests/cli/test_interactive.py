"""`generate --interactive` in a real pseudo-terminal: what is shown, keys, resizing, the end."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

import pytest

SHOW, HIDE = b"\x1b[?1049h", b"\x1b[?1049l"  # the other screen of a terminal


class Screen:
    """A command at a pseudo-terminal of its own."""

    def __init__(self, terminal, *words):
        self.warm = terminal.warm
        self.master, self.slave = pty.openpty()
        self.resize(100, 30)
        self.before = termios.tcgetattr(self.slave)
        self.seen, self.error = b"", terminal.streams[2]
        self.error.write_text("")
        name = os.ttyname(self.slave)
        streams = [name, name, str(self.error)]
        job = {"words": words, "folder": str(terminal.folder), "streams": streams}
        job["encoding"] = "utf-8"
        print(json.dumps(job), file=self.warm.stdin, flush=True)
        self.child = int(self.warm.stdout.readline())

    def resize(self, columns, lines):
        size = struct.pack("HHHH", lines, columns, 0, 0)
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, size)

    def press(self, keys):
        """Sends keys; what was seen before no longer counts."""
        self.read(0.0)
        self.seen = b""
        os.write(self.master, keys)

    def read(self, seconds):
        while select.select([self.master], [], [], seconds)[0]:
            self.seen += os.read(self.master, 65536)
            seconds = 0.0

    def text(self):
        """The newest whole picture, without colours."""
        pictures = self.seen.decode(errors="replace").split("\x1b[H")
        return re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", pictures[-2] if len(pictures) > 1 else "")

    def until(self, pattern, seconds=20):
        """Waits for a picture that matches, and gives what was found."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.read(0.1)
            if found := re.search(pattern, self.text()):
                return found
        raise AssertionError(f"no {pattern!r} in\n{self.text()}\n{self.error.read_text()}")

    def status(self):
        """Waits for the end, and gives the exit status."""
        end = time.monotonic() + 20
        while not select.select([self.warm.stdout], [], [], 0.05)[0]:
            if self.master is not None:
                self.read(0.0)
            assert time.monotonic() < end, self.text()
        self.child = 0
        return int(self.warm.stdout.readline())

    def end(self):
        """Waits for the end; gives the status, what stands on the screen then, and the error."""
        status = self.status()
        return status, self.left(), self.error.read_text()

    def left(self):
        """What stands on the terminal, which is as it was before."""
        self.read(0.1)
        assert termios.tcgetattr(self.slave) == self.before
        shown, hidden = self.seen.rfind(SHOW), self.seen.rfind(HIDE)
        assert hidden > shown
        assert self.seen.rfind(b"\x1b[?25h") > self.seen.rfind(b"\x1b[?25l")  # the cursor is back
        left = self.seen[hidden + len(HIDE) :].decode().replace("\r\n", "\n")
        return re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", left)

    def close(self):
        """Ends the command where a test has not."""
        if self.child:
            os.kill(self.child, signal.SIGKILL)
            self.warm.stdout.readline()
        self.hang_up()
        os.close(self.slave)

    def hang_up(self):
        """The window is closed."""
        if self.master is not None:
            os.close(self.master)
        self.master = None


@pytest.fixture
def watch(terminal):
    started = []

    def start(*words):
        started.append(Screen(terminal, "generate", "runs/b", "--interactive", *words))
        return started[-1]

    yield start
    for screen in started:
        screen.close()


def test_keys_turn_the_dials_while_the_text_grows(watch):
    screen = watch("--prompt", "KING", "--temperature", "0.8", "--length", "100000", "--seed", "7")
    screen.until(r"writing +temperature 0\.80 +top-p 1\.00")
    assert not termios.tcgetattr(screen.slave)[3] & (termios.ECHO | termios.ICANON)
    first = int(screen.until(r" (\d+) symbols, 20 a second")[1])
    screen.until(rf" (?!{first} )\d+ symbols,")  # it goes on
    screen.press(b" ")
    screen.until("paused")
    screen.press(b"\x1b[A\x1b[A")
    screen.until(r"temperature 0\.90")
    screen.press(b"\x1b[D")
    screen.until(r"top-p 0\.95")
    screen.press(b"\x1b[B\x1b[C\x1b[C")
    screen.until(r"temperature 0\.85 +top-p 1\.00")  # which is where it ends
    drawn = int(screen.until(r" (\d+) symbols,")[1])
    screen.press(b"\r")
    screen.until(rf"paused.* {drawn + 1} symbols, 20 a second")
    screen.press(b"++")
    screen.until(" 100 a second")
    screen.press(b"-?\x1b[Zx")  # the last three say nothing
    screen.until(rf"paused.* {drawn + 1} symbols, 50 a second")
    screen.press(b" ")
    screen.until("writing")
    screen.press(b"r ")
    again = int(screen.until(r"paused.* (\d+) symbols,")[1])
    assert again <= drawn
    screen.press(b"q")
    status, left, error = screen.end()
    assert status == 0
    assert left.startswith("KING")
    assert error == "seed 8  temperature 0.85  top_p 1.0\n"


def test_the_chart_stands_beside_the_text_and_follows_the_dials(watch):
    screen = watch("--prompt", "KING", "--length", "1")
    picture = screen.until(r"paused") and screen.text()
    lines = picture.splitlines()
    assert re.search(r"│ KING.▁ .*││ +\S+ +\d+\.\d% █", picture)
    assert re.fullmatch("╭─+ runs/b ─+╮╭─+ next token ─+╮", lines[0])
    screen.press(b"\x1b[D" * 30)
    screen.until(r"top-p 0\.05")
    assert len(re.findall(r"\d\.\d% █", screen.text())) == 1  # the best alone is left
    assert re.search(r"│ +\S +100\.0% █+", screen.text())
    screen.press(b"q")
    assert screen.end()[0] == 0


def test_a_picture_fills_a_window_of_another_size(watch):
    screen = watch("--prompt", "KING", "--length", "3")
    screen.until("paused")
    for columns, lines in ((60, 12), (150, 40), (30, 5), (2, 1), (100, 30)):
        screen.resize(columns, lines)
        screen.press(b"")
        end = time.monotonic() + 20
        while list(map(len, screen.text().splitlines())) != [columns] * lines:
            assert time.monotonic() < end, screen.text()
            screen.read(0.1)
    screen.press(b"q")
    assert screen.end()[0] == 0


def test_keys_that_stop_and_start_a_terminal_stop_nothing(watch):
    screen = watch("--prompt", "To be", "--length", "100000")
    assert screen.before[0] & termios.IXON
    screen.until(r"writing.* [1-9]\d* symbols")
    for key in (b"\x13", b"\x11"):  # Ctrl-S, Ctrl-Q
        screen.press(key)
        first = int(screen.until(r" (\d+) symbols,", 3)[1])
        screen.until(rf" (?!{first} )\d+ symbols,", 3)
    screen.press(b"q")
    assert screen.end()[0] == 0


def running(pid):
    """The state of a process: a letter, T where it is stopped."""
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]


@pytest.mark.parametrize("how", ["key", "signal"])
def test_suspended_it_gives_the_terminal_back_and_goes_on(watch, how):
    screen = watch("--prompt", "To be", "--length", "100000")
    for _ in range(2):
        drawn = int(screen.until(r"writing.* ([1-9]\d*) symbols")[1])
        if how == "key":
            screen.press(b"\x1a")
        else:
            os.kill(screen.child, signal.SIGTSTP)
        end = time.monotonic() + 20
        while running(screen.child) != "T":
            screen.read(0.02)
            assert time.monotonic() < end
        assert screen.left() == ""
        screen.seen = b""
        os.kill(screen.child, signal.SIGCONT)
    assert int(screen.until(r"writing.* ([1-9]\d*) symbols")[1]) >= drawn
    assert not termios.tcgetattr(screen.slave)[3] & (termios.ECHO | termios.ICANON)
    screen.press(b"\x04")  # Ctrl-D
    status, left, _ = screen.end()
    assert status == 0
    assert left.startswith("To be")


def test_it_ends_with_its_window(watch):
    screen = watch("--prompt", "To be", "--length", "100000")
    screen.until(r"writing.* [1-9]\d* symbols")
    screen.hang_up()
    assert screen.status() == 1
    said = screen.error.read_text().splitlines()
    assert re.fullmatch(r"seed \d+  temperature 1\.0  top_p 1\.0", said[0])
    assert said[1:] == ["ostinato: output: Input/output error"]


IN_A_SESSION = """
import os, sys
os.setsid()
name, *words = sys.argv[1:]
for number in (0, 1):
    os.dup2(os.open(name, os.O_RDWR), number)  # of a session's first process it is the terminal
os.execv(sys.executable, [sys.executable, "-m", "ostinato", *words])
"""


@pytest.mark.slow
def test_a_hang_up_of_its_own_terminal_ends_it(terminal):
    master, slave = pty.openpty()
    words = [sys.executable, "-c", IN_A_SESSION, os.ttyname(slave), "generate", "runs/b"]
    process = subprocess.Popen(
        [*words, "--interactive"], cwd=terminal.folder, stderr=subprocess.PIPE, text=True
    )
    seen = b""
    while b"writing" not in seen:
        seen += os.read(master, 65536)
    os.close(master)
    _, err = process.communicate(timeout=60)
    os.close(slave)
    assert process.returncode == 129
    assert err.splitlines()[1:] == ["ostinato: ended by SIGHUP"]


@pytest.mark.parametrize("how", ["key", "SIGINT", "SIGTERM", "SIGHUP"])
def test_however_it_ends_the_terminal_is_as_it_was(watch, how):
    screen = watch("--prompt", "To be", "--length", "100000")
    screen.until(r"writing.* [1-9]\d* symbols")
    if how == "key":
        screen.press(b"\x03")
    else:
        os.kill(screen.child, getattr(signal, how))
    status, left, error = screen.end()
    assert status == {"key": 130, "SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129}[how]
    assert left.startswith("To be")  # what was written can be kept
    assert error.endswith("ostinato: interrupted\n") == (status == 130)


def test_a_stop_string_ends_the_text(terminal, watch):
    words = ["--prompt", "KING", "--temperature", "0.5", "--seed", "3"]
    drawn = terminal.text("generate", "runs/b", *words, "--length", "60")[len("KING") :]
    stop = drawn[20:23]
    screen = watch(*words, "--length", "100000", "--stop", stop)
    screen.until(r"ended")
    screen.press(b" ")
    screen.until(r"ended")
    screen.press(b"q")
    status, left, _ = screen.end()
    assert (status, left) == (0, "KING" + drawn[: drawn.index(stop)] + "\n")


def test_without_a_terminal_it_is_refused_in_a_line(terminal):
    done = terminal("generate", "runs/b", "--interactive")
    assert (done.status, done.out) == (1, "")
    assert re.fullmatch(
        "ostinato: --interactive requires a terminal, but standard input is not one\n",
        done.err,
    )
