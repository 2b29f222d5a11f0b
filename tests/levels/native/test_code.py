"""Code is compiled once, loaded after that, and never loaded for what it was not made for."""

import contextlib
import ctypes
import gc
import os
import platform
import re
import subprocess
import sys
import threading
from dataclasses import replace

import pytest

from ostinato.errors import UnknownName
from ostinato.levels.native.runtime import cache, code, target
from ostinato.levels.native.runtime.target import TARGETS, Target, host

pytestmark = pytest.mark.skipif(not target.available(), reason=str(target.obstacle()))

ON_X86 = platform.machine().lower() in ("x86_64", "amd64")


def scaled(factor: float) -> str:
    """A module whose function multiplies by a number."""
    return f"""
    define double @scaled(double %x) {{
      %y = fmul double %x, {factor:.1f}
      ret double %y
    }}"""


def vectors(lanes: int) -> str:
    """A module that adds constants to a vector of float32, calls the system, and reads a table."""
    kind = f"<{lanes} x float>"
    ramp = ", ".join(f"float {k:.1f}" for k in range(lanes))
    return f"""
    @table = private constant [3 x float] [float 5.0, float 6.0, float 7.0]
    declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
    declare double @cos(double)
    define void @add(ptr %a) {{
      %x = load {kind}, ptr %a, align 4
      %y = fadd {kind} %x, <{ramp}>
      store {kind} %y, ptr %a, align 4
      ret void
    }}
    define void @zero(ptr %a, i64 %bytes) {{
      call void @llvm.memset.p0.i64(ptr %a, i8 0, i64 %bytes, i1 false)
      ret void
    }}
    define float @pick(i64 %k) {{
      %p = getelementptr float, ptr @table, i64 %k
      %v = load float, ptr %p
      ret float %v
    }}
    define double @cosine(double %x) {{
      %y = call double @cos(double %x)
      ret double %y
    }}"""


UNVERIFIABLE = """
    define i32 @f(i1 %c) {
      br i1 %c, label %a, label %b
    a:
      %x = add i32 1, 2
      br label %b
    b:
      ret i32 %x
    }"""
"""Its grammar is right; the number may be used before it is there."""


def call(made: code.Code, x: float = 10.0) -> float:
    function = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(made.address("scaled"))
    return function(x)


def never() -> str:
    raise AssertionError("the cache has it: nothing is to be made")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    for name in ("OSTINATO_TARGET", "OSTINATO_CACHE_LIMIT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OSTINATO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_code_runs_with_its_constants_its_tables_and_the_systems_functions():
    lanes = host().lanes(32)
    made = code.load("vectors", lambda: vectors(lanes), host())
    numbers = (ctypes.c_float * lanes)(*range(lanes))
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(made.address("add"))(ctypes.addressof(numbers))
    assert list(numbers) == [2 * k for k in range(lanes)]
    zero = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(made.address("zero"))
    zero(ctypes.addressof(numbers), 4 * lanes)
    assert list(numbers) == [0] * lanes
    assert ctypes.CFUNCTYPE(ctypes.c_float, ctypes.c_int64)(made.address("pick"))(2) == 7
    assert ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(made.address("cosine"))(0.0) == 1
    assert made.address("add") == made.address("add")
    with pytest.raises(KeyError, match="nope"):
        made.address("nope")


def test_code_stays_when_other_code_goes():
    several = [code.load(str(k), lambda k=k: scaled(k), host()) for k in range(6)]
    functions = {k: ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(several[k].address("scaled"))
                 for k in (1, 4)}  # fmt: skip
    for k in (3, 0, 5, 2):
        several[k] = None
        assert [functions[j](2.0) for j in (1, 4)] == [2.0, 8.0]


@pytest.mark.parametrize("first", ["_engine", "_library"])
def test_code_that_nothing_needs_may_go_in_any_order(first):
    made = code.load("a", lambda: scaled(3), host())
    assert call(made) == 30
    getattr(made, first).close()
    del made
    gc.collect()


def test_threads_compile_at_once():
    results: dict[int, float] = {}

    def work(k: int) -> None:
        for again in range(3):
            results[k, again] = call(code.load(f"{k} {again}", lambda: scaled(k), host()))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {(k, again): 10.0 * k for k in range(6) for again in range(3)}


def test_what_was_made_is_not_made_again():
    assert call(code.load("a", lambda: scaled(3), host(), title="lstm float32")) == 30
    assert call(code.load("a", never, host())) == 30
    (entry,) = cache.entries()
    assert (entry.title, entry.target) == ("lstm float32", str(host()))


WORKER = """
import ctypes, sys
from ostinato.levels.native.runtime import code
from ostinato.levels.native.runtime.target import host

def make():
    print("made")
    return sys.argv[1]

sys.stdin.readline()
made = code.load("shared", make, host())
print(ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(made.address("scaled"))(10.0))
"""


def start(**environment: str) -> subprocess.Popen[str]:
    """A process that loads code as soon as it gets a line."""
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", WORKER, scaled(3)],
        env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
        stdin=pipe, stdout=pipe, stderr=pipe, text=True,
    )  # fmt: skip


def told(process: subprocess.Popen[str]) -> list[str]:
    out, err = process.communicate("go\n", timeout=60)
    assert (process.returncode, err) == (0, "")
    return out.splitlines()


def test_another_process_does_not_make_it_again():
    assert told(start()) == ["made", "30.0"]
    assert told(start()) == ["30.0"]


def test_processes_that_compile_at_once_all_succeed_and_leave_one_object(folder):
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(start()) for _ in range(4)]
        for process in processes:
            process.stdin.write("go\n")
            process.stdin.flush()
        answers = [told(process) for process in processes]
    assert all(answer[-1] == "30.0" for answer in answers)
    assert [path.suffix for path in folder.iterdir()] == [".code"]
    assert told(start()) == ["30.0"]


def test_a_cache_that_is_off_keeps_nothing(folder, monkeypatch):
    for _ in range(2):
        assert told(start(OSTINATO_CACHE="off")) == ["made", "30.0"]
    assert not folder.exists()


CHANGES = {
    "key": lambda key, target: ("b", target),
    "triple": lambda key, target: (key, replace(target, triple=target.triple + "x")),
    "cpu": lambda key, target: (key, replace(target, cpu="other")),
    "features": lambda key, target: (key, replace(target, features="-fma")),
    "vectors": lambda key, target: (key, replace(target, vector_bytes=128)),
    "registers": lambda key, target: (key, replace(target, registers=8)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_other_things_have_other_keys(change):
    whole = code.full_key("a", host())
    assert re.fullmatch("[0-9a-f]{64}", whole)
    assert whole == code.full_key("a", replace(host()))
    assert whole != code.full_key(*CHANGES[change]("a", host()))


def test_a_portable_targets_name_is_no_part_of_the_key_but_its_instructions_are():
    assert len({code.full_key("a", t) for t in TARGETS.values()}) == len(TARGETS)
    assert code.full_key("a", host()) == code.full_key("a", replace(host(), name="other"))


def test_code_of_other_versions_is_not_loaded(monkeypatch):
    import llvmlite
    import llvmlite.binding as llvm

    keys = [code.full_key("a", host())]
    for where, name, value in (
        (code, "generator", lambda: "other"),
        (llvmlite, "__version__", "0.0.1"),
        (llvm, "llvm_version_info", (1, 2, 3)),
        (code, "SPEED", 3),
    ):
        with monkeypatch.context() as changed:
            changed.setattr(where, name, value)
            keys.append(code.full_key("a", host()))
    assert len(set(keys)) == 5


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """A generator of two packages with a file each, as old as the hills."""
    for package in ("equation", "native"):
        (tmp_path / package / "room").mkdir(parents=True)
        written(tmp_path / package / "a.py", "a = 1\n")
    monkeypatch.setattr(code, "GENERATOR", ("test.equation", "test.native"))
    monkeypatch.setattr(
        code.importlib.resources, "files", lambda name: tmp_path / name.split(".")[1]
    )
    return tmp_path


def written(path, text):
    path.write_text(text)
    os.utime(path, (0, 0))


def test_a_change_of_the_generator_is_seen(sources):
    native, equation = sources / "native", sources / "equation"
    changes = [
        lambda: None,
        lambda: written(native / "a.py", "a = 2\n"),
        lambda: written(native / "b.py", ""),
        lambda: (native / "b.py").rename(native / "room" / "b.py"),
        lambda: written(native / "room" / "b.py", "b = 1\n"),
        lambda: (native / "room" / "b.py").rename(equation / "b.py"),
        lambda: (equation / "b.py").rename(equation / "c.py"),
    ]
    seen = []
    for change in changes:
        change()
        seen.append(code.generator.__wrapped__())
    assert len(set(seen)) == len(changes)
    (native / "notes.txt").write_text("not code")
    assert code.generator.__wrapped__() == seen[-1]


def test_a_generator_that_was_edited_under_a_running_process_is_not_trusted(sources):
    before = code.generator.__wrapped__()
    assert code.generator.__wrapped__() == before
    os.utime(sources / "native" / "a.py")  # now: this process may have imported something else
    assert len({before, code.generator.__wrapped__(), code.generator.__wrapped__()}) == 3


def test_the_generator_is_read_from_its_files():
    for package in code.GENERATOR:
        names = [file.name for file in code.importlib.resources.files(package).iterdir()]
        assert "__init__.py" in names
    assert "ostinato.levels.native" in code.GENERATOR
    assert code.generator() == code.generator()


@pytest.mark.parametrize(
    "text",
    [
        "define blah",
        "define i32 @f() {\n  ret i64 0\n}",
        "define i32 @f() {\n  %x = add i32 %y, 1\n  ret i32 %x\n}",
        UNVERIFIABLE,
    ],
)
def test_text_that_llvm_cannot_read_is_told_in_a_line(text, folder):
    with pytest.raises(RuntimeError, match=r"^LLVM cannot read the code: .+$") as error:
        code.load("wrong", lambda: text, host())
    assert "\n" not in str(error.value)
    assert not folder.exists()


def test_the_garbage_of_errors_does_not_crash():
    script = f"""
import gc
from ostinato.levels.native.runtime import code
from ostinato.levels.native.runtime.target import host
for text in ("define blah", {UNVERIFIABLE!r}) * 20:
    try:
        code.compile(text, host())
    except RuntimeError as error:
        error.itself = error  # a cycle: what its traceback holds is freed in any order
    gc.collect()
"""
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True)


REGISTER = {"sse2": "xmm", "avx2": "ymm", "avx512": "zmm", "neon": "v0.4s"}


@pytest.mark.parametrize("name", TARGETS)
def test_assembly_can_be_had_for_every_target(name):
    text = code.assembly(vectors(TARGETS[name].lanes(32)), TARGETS[name])
    assert REGISTER[name] in text
    wider = {"sse2": "ymm", "avx2": "zmm"}.get(name)
    assert wider is None or wider not in text


@pytest.mark.parametrize("cpu", ["skylake-avx512", "icelake-server", "sapphirerapids", "znver5"])
def test_vectors_of_512_bits_are_not_split(cpu):
    lines = code.assembly(vectors(16), replace(TARGETS["avx512"], cpu=cpu))
    assert "zmm" in lines
    assert "ymm" not in lines


@pytest.mark.parametrize(("name", "singles", "doubles"), [
    ("sse2", 4, 2), ("avx2", 8, 4), ("avx512", 16, 8), ("neon", 4, 2)
])  # fmt: skip
def test_lanes(name, singles, doubles):
    assert (TARGETS[name].lanes(32), TARGETS[name].lanes(64)) == (singles, doubles)


FLAGS = {
    "sse2": "",
    "avx2": "avx avx2 fma",
    "avx512": "avx avx2 fma avx512f avx512vl avx512dq avx512bw",
}


def machine(monkeypatch, flags: str, triple: str = "x86_64-unknown-linux-gnu") -> Target:
    """The host, on a machine with these features and no others."""
    import llvmlite.binding as llvm

    every = set(" ".join(FLAGS.values()).split())
    features = llvm.FeatureMap({name: name in flags.split() for name in every})
    monkeypatch.setattr(llvm, "get_host_cpu_features", lambda: features)
    monkeypatch.setattr(llvm, "get_process_triple", lambda: triple)
    return target._host.__wrapped__(os.environ.get("OSTINATO_TARGET") or "host")


@pytest.mark.parametrize("best", FLAGS)
def test_the_host_is_the_best_that_the_processor_has(monkeypatch, best):
    found = machine(monkeypatch, FLAGS[best])
    assert found.name == "host"
    assert found.vector_bytes == TARGETS[best].vector_bytes
    assert found.registers == TARGETS[best].registers
    assert ("-prefer-256-bit" in found.features) == (best == "avx512")


def test_the_host_needs_every_feature_of_a_set(monkeypatch):
    assert machine(monkeypatch, "avx avx2").vector_bytes == 16
    assert machine(monkeypatch, "avx avx2 fma avx512f avx512vl avx512bw").vector_bytes == 32


def test_the_host_on_arm(monkeypatch):
    found = machine(monkeypatch, "", "arm64-apple-darwin23.0.0")
    assert (found.vector_bytes, found.registers) == (16, 32)
    assert found.triple == "arm64-apple-darwin23.0.0"


@pytest.mark.skipif(not ON_X86, reason="targets of x86")
@pytest.mark.parametrize("name", ["sse2", "avx2"])
def test_a_narrower_target_can_be_asked_for_and_runs(monkeypatch, name):
    if host().vector_bytes < TARGETS[name].vector_bytes:
        pytest.skip("this machine has no wider registers")
    whole = code.full_key("a", host())
    monkeypatch.setenv("OSTINATO_TARGET", name)
    assert host() == replace(TARGETS[name], triple=host().triple)
    assert code.full_key("a", host()) != whole
    assert call(code.load("a", lambda: scaled(3), host())) == 30


def test_a_target_that_this_machine_does_not_have_is_refused(monkeypatch):
    monkeypatch.setenv("OSTINATO_TARGET", "avx3")
    with pytest.raises(UnknownName, match="OSTINATO_TARGET for this machine 'avx3'; did you mean"):
        machine(monkeypatch, FLAGS["avx512"])
    monkeypatch.setenv("OSTINATO_TARGET", "avx512")
    with pytest.raises(UnknownName, match="'avx512'; did you mean 'avx2'"):
        machine(monkeypatch, FLAGS["avx2"])


def test_without_llvmlite_the_level_says_so():
    script = """
import sys
sys.modules["llvmlite"] = None
import ostinato.levels.native.runtime.code
from ostinato.levels.native.runtime import target
print(target.available(), target.obstacle())
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("False llvmlite cannot be imported (")


def test_a_machine_of_another_kind_says_so(monkeypatch):
    monkeypatch.setattr(target.platform, "machine", lambda: "riscv64")
    assert target.obstacle.__wrapped__() == "there is no native code for riscv64"
