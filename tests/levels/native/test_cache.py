"""The cache of compiled objects: whatever happens to its folder, code is right and runs."""

import ctypes
import errno
import logging
import os
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostinato.errors import ConfigError
from ostinato.levels.native.runtime import cache, code, target

POSIX = pytest.mark.skipif(os.name != "posix", reason="modes and owners of POSIX")
KEYS = [f"{k:064x}" for k in range(10)]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.delenv("OSTINATO_CACHE_LIMIT", raising=False)
    monkeypatch.setenv("OSTINATO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def path(key: str) -> Path:
    return cache.folder() / f"{key}.code"


def used(key: str, seconds_ago: float) -> None:
    """Sets when an object was last used."""
    then = time.time() - seconds_ago
    os.utime(path(key), (then, then))


def test_what_is_written_is_read():
    assert cache.read(KEYS[0]) is None
    cache.write(KEYS[0], b"object", "lstm float32", "znver5 512-bit")
    cache.write(KEYS[1], b"other")
    assert cache.read(KEYS[0]) == b"object"
    assert cache.read(KEYS[1]) == b"other"
    cache.write(KEYS[0], b"newer")
    assert cache.read(KEYS[0]) == b"newer"
    assert len(cache.entries()) == 2


def test_entries_tell_what_they_are_and_the_last_used_comes_first():
    before = time.time()
    cache.write(KEYS[0], b"x" * 1000, "gru float64", "x86-64-v3 256-bit")
    cache.write(KEYS[1], b"y", "señal ∂")
    used(KEYS[1], 60)
    first, second = cache.entries()
    assert (first.key, first.title, first.target) == (KEYS[0], "gru float64", "x86-64-v3 256-bit")
    assert first.size == path(KEYS[0]).stat().st_size > 1000
    assert abs(first.used - before) < 60
    assert second.title == "señal ∂"
    used(KEYS[0], 120)
    cache.read(KEYS[0])
    assert cache.entries()[0].key == KEYS[0]


def test_clear_removes_objects_and_nothing_else(folder):
    assert cache.clear() == (0, 0)
    for key in KEYS[:3]:
        cache.write(key, b"object")
    others = ["notes.txt", "a.code", f"{KEYS[0]}.code.bak", ".hidden"]
    for name in others:
        (folder / name).write_text("not ours")
    (folder / f".{KEYS[0]}.code.abc").write_text("half written")
    size = sum(entry.size for entry in cache.entries())
    assert cache.clear() == (3, size)
    assert sorted(p.name for p in folder.iterdir()) == sorted(others)
    assert cache.entries() == []


def test_where_the_folder_is(monkeypatch, tmp_path):
    monkeypatch.setenv("OSTINATO_CACHE", "~/x")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert cache.folder() == tmp_path / "x"
    monkeypatch.setenv("OSTINATO_CACHE", "here")
    monkeypatch.chdir(tmp_path)
    assert cache.folder() == tmp_path / "here"
    monkeypatch.setenv("OSTINATO_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache.folder() == tmp_path / "xdg/ostinato/native"
    for unset in ("", "relative"):  # as the rule of XDG has it
        monkeypatch.setenv("XDG_CACHE_HOME", unset)
        assert cache.folder() == tmp_path / ".cache/ostinato/native"
    monkeypatch.delenv("OSTINATO_CACHE")
    monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    assert cache.folder() is None
    monkeypatch.setenv("OSTINATO_CACHE", "off")
    assert cache.folder() is None


def test_a_cache_that_is_off_holds_nothing(folder, monkeypatch):
    monkeypatch.setenv("OSTINATO_CACHE", "off")
    cache.write(KEYS[0], b"object")
    assert (cache.read(KEYS[0]), cache.entries(), cache.clear()) == (None, [], (0, 0))
    assert not folder.exists()


@POSIX
def test_folder_and_files_are_private(folder):
    cache.write(KEYS[0], b"object")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(path(KEYS[0]).stat().st_mode) == 0o600


# ---- damage


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A file of the cache that holds real code, and its key."""
    if not target.available():
        pytest.skip(str(target.obstacle()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OSTINATO_CACHE", str(tmp_path_factory.mktemp("good")))
        make_and_call()
        (file,) = cache.folder().glob("*.code")
        yield file.read_bytes(), file.name


def make_and_call() -> int:
    """Loads code, checks what it computes, and gives how often it had to be made."""
    made = []

    def make() -> str:
        made.append(1)
        return "define double @f(double %x) {\n  %y = fmul double %x, 3.0\n  ret double %y\n}"

    loaded = code.load("damaged", make, target.host(), "test")
    assert ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(loaded.address("f"))(10.0) == 30
    return len(made)


@st.composite
def damages(draw, content: bytes) -> bytes:
    """The content of a file after truncation, a flipped bit, a changed stretch or more at its end.

    Positions are drawn from the header as often as from the rest.
    """
    where = st.integers(0, 300) | st.integers(0, len(content) - 1)
    at = draw(where)
    kind = draw(st.sampled_from(["cut", "flip", "stretch", "more", "foreign"]))
    if kind == "cut":
        return content[:at]
    if kind == "flip":
        bit = 1 << draw(st.integers(0, 7))
        return content[:at] + bytes([content[at] ^ bit]) + content[at + 1 :]
    if kind == "stretch":
        zeros = bytes(draw(st.integers(1, 64)))
        return content[:at] + zeros + content[at + len(zeros) :]
    if kind == "more":
        return content + draw(st.binary(min_size=1, max_size=9))
    return draw(st.binary(max_size=200))


@given(st.data())
def test_a_damaged_file_is_made_again(good, data):
    content, name = good
    changed = data.draw(damages(content))
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OSTINATO_CACHE", place)
        file = Path(place) / name
        file.write_bytes(changed)
        cache.entries()  # tells of it, or not, but does not fail
        assert make_and_call() == (changed != content)
        assert file.read_bytes() == content
        assert make_and_call() == 0


def test_a_renamed_file_is_not_taken_for_another():
    cache.write(KEYS[0], b"object")
    path(KEYS[0]).rename(path(KEYS[1]))
    assert cache.read(KEYS[1]) is None


def test_a_damaged_file_is_listed_as_damaged_and_cleared(folder):
    cache.write(KEYS[0], b"object", "lstm", "znver5")
    path(KEYS[1]).write_bytes(b"")
    path(KEYS[2]).write_bytes(cache.MAGIC + bytes(36))
    path(KEYS[3]).write_bytes(cache.MAGIC + bytes(32) + b"\x02\0\0\0[]")
    assert [e.title for e in cache.entries()].count("damaged") == 3
    assert cache.clear()[0] == 4


# ---- folders that cannot be used


@pytest.fixture
def logged(caplog):
    caplog.set_level(logging.WARNING, "ostinato")
    return lambda: [record.getMessage() for record in caplog.records]


def used_in_memory(logged, reason: str) -> None:
    """Code is made each time, right each time, and one line is logged."""
    for _ in range(3):
        assert make_and_call() == 1
    (line,) = logged()
    assert line.startswith(f"cache of native code in {cache.folder()}: ")
    assert line.endswith("; compiling in memory")
    assert reason in line


def test_a_folder_that_is_a_file(folder, logged):
    folder.write_text("a file")
    folder.chmod(0o600)
    used_in_memory(logged, "Not a directory")
    assert folder.read_text() == "a file"
    assert cache.entries() == []
    assert cache.clear() == (0, 0)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="a folder nobody can write to")
def test_a_folder_that_cannot_be_made(monkeypatch, logged):
    monkeypatch.setenv("OSTINATO_CACHE", "/proc/self/ostinato")
    used_in_memory(logged, "No such file")


@POSIX
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="nothing binds root")
def test_a_folder_that_cannot_be_written_is_read(folder, logged):
    make_and_call()
    folder.chmod(0o500)
    assert make_and_call() == 0
    assert logged() == []
    cache.write(KEYS[0], b"object")
    assert "Permission denied" in logged()[0]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO])
@pytest.mark.parametrize("call", ["secrets.token_hex", "os.replace", "os.fdopen"])
def test_a_disk_that_is_full_or_broken(monkeypatch, folder, logged, number, call):
    def fail(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(call, fail)
    used_in_memory(logged, os.strerror(number))
    assert list(folder.iterdir()) == []


def test_a_disk_that_fills_while_it_is_written_to(monkeypatch, folder, logged):
    real = os.fdopen

    class Full:
        def __init__(self, *arguments):
            self.file = real(*arguments)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def write(self, content):
            self.file.write(content[: len(content) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fdopen", Full)
    used_in_memory(logged, os.strerror(errno.ENOSPC))
    assert list(folder.iterdir()) == []


def test_a_file_that_cannot_be_read(monkeypatch, folder, logged):
    make_and_call()

    def fail(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(cache, "_file", fail)
    used_in_memory(logged, os.strerror(errno.EIO))


def test_a_folder_in_the_place_of_a_file(folder, logged):
    make_and_call()
    (file,) = folder.iterdir()
    file.unlink()
    file.mkdir()
    used_in_memory(logged, "directory")
    assert [p.name for p in folder.iterdir()] == [file.name]


def test_a_file_whose_time_cannot_be_set_is_read(monkeypatch, logged):
    make_and_call()

    def fail(*_):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "utime", fail)
    assert make_and_call() == 0
    assert logged() == []


@POSIX
@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o770, 0o702])
def test_a_folder_that_others_may_write_to_is_not_trusted(folder, logged, mode):
    make_and_call()
    (file,) = folder.iterdir()
    before = file.stat().st_mtime_ns
    folder.chmod(mode)
    used_in_memory(logged, "others can write to it")
    assert file.stat().st_mtime_ns == before
    folder.chmod(0o755)
    assert make_and_call() == 0


@POSIX
def test_a_folder_of_another_user_is_not_trusted(folder, logged, monkeypatch):
    make_and_call()
    monkeypatch.setattr(os, "geteuid", lambda: folder.stat().st_uid + 1)
    used_in_memory(logged, "others can write to it")


# ---- what others put there


def forged(key: str, notes: bytes, data: bytes) -> bytes:
    """A file of the cache that is whole, whatever is in it."""
    rest = len(notes).to_bytes(4, "little") + notes + data
    return cache.MAGIC + cache._digest(key, rest) + rest


@pytest.mark.parametrize("notes", [b"no JSON", b"[" * 4000, b"[]", b"\xff", b"{}", b"null", b""])
def test_notes_of_any_kind(folder, notes):
    cache.write(KEYS[1], b"other")
    path(KEYS[0]).write_bytes(forged(KEYS[0], notes, b"object"))
    path(KEYS[0]).chmod(0o600)
    assert cache.read(KEYS[0]) == b"object"  # which is whole, and needs no notes
    assert "damaged" in [entry.title for entry in cache.entries()]
    path(KEYS[0]).write_bytes(forged(KEYS[0], notes, b""))
    assert cache.read(KEYS[0]) is None
    path(KEYS[0]).write_bytes(forged(KEYS[0], b"{}", b"")[:-2] + b"\xff\xff")
    assert cache.read(KEYS[0]) is None


@POSIX
def test_an_object_that_is_empty_is_compiled_again(folder):
    make_and_call()
    (file,) = folder.iterdir()
    file.write_bytes(forged(file.stem, b"{}", b""))
    assert make_and_call() == 1
    assert make_and_call() == 0


@POSIX
@pytest.mark.parametrize("kind", ["pipe", "link", "hard link", "writable", "another's", "huge"])
def test_what_is_no_file_of_this_user_alone_is_not_read(folder, logged, monkeypatch, kind):
    cache.write(KEYS[0], b"object")
    file = path(KEYS[0])
    if kind == "pipe":
        file.unlink()
        os.mkfifo(file, 0o600)
    elif kind == "link":
        file.rename(folder / "elsewhere")
        file.symlink_to("elsewhere")
    elif kind == "hard link":
        os.link(file, folder / "elsewhere")
    elif kind == "writable":
        file.chmod(0o620)
    elif kind == "huge":
        os.truncate(file, cache.limit() + 1)
    else:
        real = os.fstat

        def fstat(handle):
            about = real(handle)
            planted = stat.S_ISREG(about.st_mode)
            changed = list(about)
            changed[4] += planted  # the owner
            return os.stat_result(changed)

        monkeypatch.setattr(os, "fstat", fstat)
    assert cache.read(KEYS[0]) is None
    assert len(logged()) == 1


@POSIX
def test_each_folder_that_is_made_is_for_this_user_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("OSTINATO_CACHE", str(tmp_path / "a/b/c"))
    before = os.umask(0)
    try:
        cache.write(KEYS[0], b"object")
    finally:
        os.umask(before)
    for name in ("a", "a/b", "a/b/c"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o700


@POSIX
def test_the_advice_is_to_empty_a_folder_that_others_could_write_to(folder, logged):
    cache.write(KEYS[0], b"object")
    folder.chmod(0o777)
    cache.read(KEYS[0])
    (line,) = logged()
    assert "empty it" in line
    assert "chmod 700" in line


SWAP = """
import os, sys
place, good, planted = sys.argv[1:]
print("ready", flush=True)
while True:
    for each in (planted, good):
        os.symlink(each, place + ".new")
        os.replace(place + ".new", place)
"""


@POSIX
def test_a_folder_that_is_exchanged_while_it_is_read(tmp_path, monkeypatch):
    good, planted = tmp_path / "good", tmp_path / "planted"
    for place, data in ((planted, b"planted"), (good, b"object")):
        monkeypatch.setenv("OSTINATO_CACHE", str(place))
        cache.write(KEYS[0], data)
    planted.chmod(0o777)
    place = tmp_path / "cache"
    place.symlink_to(good)
    monkeypatch.setenv("OSTINATO_CACHE", str(place))
    with subprocess.Popen(
        [sys.executable, "-c", SWAP, place, good, planted], stdout=subprocess.PIPE
    ) as swapper:
        swapper.stdout.readline()
        try:
            found = [cache.read(KEYS[0]) for _ in range(5000)]
        finally:
            swapper.kill()
    assert b"planted" not in found
    assert b"object" in found


WRITE = """
import sys
from ostinato.levels.native.runtime import cache
print("ready", flush=True)
while True:
    for k in range(4):
        cache.write(f"{k:064x}", bytes([k]) * (1000 + 500 * k))
"""


@POSIX
@pytest.mark.parametrize("change", [cache.write, lambda key, _: path(key).unlink()])
def test_an_entry_that_another_process_replaces_or_removes_once_it_is_open(
    change, monkeypatch, logged
):
    cache.write(KEYS[0], b"object")
    opened = os.open

    def slow(name, *rest, **options):
        handle = opened(name, *rest, **options)
        if str(name).endswith(".code"):
            change(KEYS[0], b"object")
        return handle

    monkeypatch.setattr(os, "open", slow)
    assert cache.read(KEYS[0]) == b"object"
    assert logged() == []


@POSIX
def test_entries_that_are_written_while_they_are_read(logged):
    writers = [subprocess.Popen([sys.executable, "-c", WRITE], stdout=subprocess.PIPE)
               for _ in range(2)]  # fmt: skip
    try:
        for writer in writers:
            writer.stdout.readline()
        for turn in range(2000):
            k = turn % 4
            assert cache.read(KEYS[k]) in (None, bytes([k]) * (1000 + 500 * k))
    finally:
        for writer in writers:
            writer.kill()
            writer.communicate()
    assert logged() == []


# ---- its size


def kept() -> set[int]:
    return {int(entry.key, 16) for entry in cache.entries()}


def test_what_was_not_used_for_longest_goes(monkeypatch):
    monkeypatch.setenv("OSTINATO_CACHE_LIMIT", "0.01")  # 10.24 KiB
    for k in range(3):
        cache.write(KEYS[k], bytes(3000))
        used(KEYS[k], 100 - k)
    assert kept() == {0, 1, 2}
    cache.read(KEYS[0])
    cache.write(KEYS[3], bytes(3000))
    assert kept() == {0, 2, 3}
    cache.write(KEYS[4], bytes(9000))
    assert kept() == {4}
    assert sum(entry.size for entry in cache.entries()) <= cache.limit()


def test_an_object_larger_than_the_limit_is_not_kept_and_removes_nothing(monkeypatch):
    monkeypatch.setenv("OSTINATO_CACHE_LIMIT", "0.01")
    cache.write(KEYS[0], bytes(3000))
    cache.write(KEYS[1], bytes(30_000))
    assert kept() == {0}
    monkeypatch.setenv("OSTINATO_CACHE_LIMIT", "0")
    cache.write(KEYS[2], b"")
    assert kept() == {0}


def test_the_newest_stays_even_when_the_clock_was_ahead(monkeypatch):
    monkeypatch.setenv("OSTINATO_CACHE_LIMIT", "0.005")
    cache.write(KEYS[0], bytes(3000))
    used(KEYS[0], -1000)  # in the future
    cache.write(KEYS[1], bytes(3000))
    assert kept() == {1}


def test_half_written_files_of_dead_processes_go(folder):
    cache.write(KEYS[0], b"object")
    old, young = (folder / f".{KEYS[0]}.code.{name}" for name in ("old", "young"))
    for file, age in ((old, 7200), (young, 10)):
        file.write_bytes(b"half")
        os.utime(file, (time.time() - age,) * 2)
    cache.write(KEYS[1], b"object")
    assert (old.exists(), young.exists()) == (False, True)


def test_files_that_another_process_removes_meanwhile(monkeypatch):
    monkeypatch.setenv("OSTINATO_CACHE_LIMIT", "0.01")
    for k in range(3):
        cache.write(KEYS[k], bytes(3000))
    real = cache._names

    def stale(place, pattern):
        found = real(place, pattern)
        for name in found[:2]:
            (place.path / name).unlink()
        return found

    monkeypatch.setattr(cache, "_names", stale)
    cache.write(KEYS[3], bytes(3000))
    assert len(cache.entries()) <= 2
    cache.clear()


def test_the_limit_is_in_mebibytes(monkeypatch):
    assert cache.limit() == 256 * 1024 * 1024
    monkeypatch.setenv("OSTINATO_CACHE_LIMIT", "1.5")
    assert cache.limit() == 1_572_864


@pytest.mark.parametrize("text", ["many", "-1", "nan", "inf", "1e999", "1 GiB", "1_0", "٣"])
def test_a_limit_that_is_no_size_is_refused(monkeypatch, text):
    monkeypatch.setenv("OSTINATO_CACHE_LIMIT", text)
    with pytest.raises(ConfigError, match=f"OSTINATO_CACHE_LIMIT: '{text}' is not a number of MiB"):
        cache.write(KEYS[0], b"object")
