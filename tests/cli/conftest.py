import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


@dataclass
class Done:
    """A command that has ended: its exit status and what it wrote."""

    status: int
    out: str
    err: str


class Terminal:
    """Runs commands in a folder, each in a process of its own."""

    CLOSED, UNREAD = "", "|"  # standard streams that are no files

    def __init__(self, folder: Path, streams: Path) -> None:
        self.folder = folder
        self.streams = [streams / name for name in ("in", "out", "err")]
        self.warm = subprocess.Popen(
            [sys.executable, HERE / "warm.py"],
            env=os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "100"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.child: int | None = None  # the process id of a command that is not waited for yet

    def close(self) -> None:
        self.warm.kill()
        self.warm.communicate()

    def start(
        self,
        *words: str,
        given: str | None = "",
        out: Path | str | None = None,
        err: Path | str | None = None,
        encoding: str = "utf-8",
    ) -> int:
        """Starts a command and gives its process id; `wait` must follow.

        Args:
            words: the command.
            given: its standard input; None: it is closed.
            out: the file that is its standard output; `CLOSED`, or `UNREAD` for a pipe that nobody
                reads any more. Without it `wait` gives what is written.
            err: its standard error likewise.
            encoding: that of its standard output.
        """
        if self.child is not None:  # of a test that failed before it waited
            os.kill(self.child, signal.SIGKILL)
            self.wait()
        for stream in self.streams:
            stream.write_text("")
        self.streams[0].write_text(given or "")
        own = [self.CLOSED if given is None else self.streams[0], *self.streams[1:]]
        streams = [own[0], own[1] if out is None else out, own[2] if err is None else err]
        job = {
            "words": words,
            "folder": str(self.folder),
            "streams": list(map(str, streams)),
            "encoding": encoding,
        }
        print(json.dumps(job), file=self.warm.stdin, flush=True)
        self.child = int(self.warm.stdout.readline())
        self.encoding = encoding
        return self.child

    def wait(self) -> Done:
        """Waits for the end of the command that was started."""
        status, self.child = int(self.warm.stdout.readline()), None
        out, err = (stream.read_bytes() for stream in self.streams[1:])
        return Done(status, out.decode(self.encoding), err.decode())

    def __call__(self, *words: str, **streams: Any) -> Done:
        """Runs a command to its end, with standard streams as `start` takes them."""
        self.start(*words, **streams)
        return self.wait()

    def text(self, *words: str, given: str = "") -> str:
        """What a command writes that must succeed."""
        done = self(*words, given=given)
        assert done.status == 0, done.err
        assert "Traceback" not in done.err
        return done.out


@pytest.fixture(scope="session")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """A terminal in a folder of its own, with data and a trained run of each task in it."""
    folder = tmp_path_factory.mktemp("work")
    terminal = Terminal(folder, tmp_path_factory.mktemp("streams"))
    rows = [f"it was {word} film {k},{label}" for k in range(30) for word, label in FILMS]
    (folder / "reviews.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    more = [
        "a good film,pos",
        "a bad film,neg",
        "good,pos",
        "bad and dull,pos",
    ]  # the last is wrong
    (folder / "more.csv").write_text("\n".join(["text,label", *more]) + "\n")
    (folder / "book.txt").write_text("KING. To be, or not to be: that is the question.\n" * 60)
    (folder / "mgu.py").write_text(HERE.with_name("mgu.py").read_text())
    terminal.fitted = [
        terminal("fit", "classify", "reviews.csv", "--cell", "gru", "--out", "runs/a", *QUICK),
        terminal("fit", "generate", "book.txt", "--tokenizer", "char", "--out", "runs/b", *SLOWER),
    ]
    yield terminal
    terminal.close()


FILMS = [("a good", "pos"), ("a bad", "neg"), ("so good a", "pos"), ("so dull and bad a", "neg")]
QUICK = "--model.hidden 8 --model.embedding 8 --train.epochs 12 --train.lr 0.03".split()
QUICK += "--data.batch-tokens 200".split()
SLOWER = "--model.hidden 32 --data.streams 4 --data.steps 20 --train.epochs 4".split()
