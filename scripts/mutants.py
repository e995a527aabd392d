"""Change the engine in thousands of small ways, and see whether the tests notice each.

mutmut makes the changes and runs the tests (``[tool.mutmut]`` in pyproject.toml); this begins or
continues its run, and holds what came of it against ``tests/mutants/survivors.toml``. A run that
was stopped goes on where it was; one after any change to the engine or its tests begins anew.

    python scripts/mutants.py [--processes N] [MODULE ...]

With modules of the engine named, those alone are tried, again, and nothing else is forgotten: that
is for writing tests. Fails where fewer than SHARE_MIN of the mutants are killed, where one that is
not listed survives, and where one is listed that does not.
"""

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code

ROOT = Path(__file__).resolve().parent.parent
RUN = ROOT / "mutants"  # mutmut's own folder
DIGEST = RUN / "digest"
TESTS = RUN / "mutmut-stats.json"  # which tests run through what
LISTED = ROOT / "tests/mutants/survivors.toml"
SHARE_MIN = 0.9
# What decides which mutants there are, and which of them live.
DECISIVE = (
    "matching/engine/*.py", "tests/unit/matching/engine/**/*", "tests/property/*.py",
    "docs/matching*.md", "pyproject.toml", "requirements*.txt",
)  # fmt: skip
# An endless loop is noticed by its time.
KILLED = ("killed", "timeout")
UNTRIED = ("not checked", "check was interrupted by user")

# A mutant by what it changes, whatever its number is: where, what stood there, what stands there.
Mutant = tuple[str, str, str]


def main() -> int:
    """Run what is left to run, print what came of it; return 1 where that is not enough."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("modules", nargs="*", metavar="MODULE")
    options = parser.parse_args()
    _prepare(is_whole=not options.modules)
    names = [f"matching.engine.{module}.*" for module in options.modules]
    command = [Path(sys.executable).parent / "mutmut", "run"]
    command += ["--max-children", str(options.processes), *names]
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        return 1
    return judge(options.modules)


def _prepare(*, is_whole: bool) -> None:
    """Forget a former run of other files; note what this one is of."""
    digest = hashlib.sha256()
    for pattern in DECISIVE:
        for path in sorted(path for path in ROOT.glob(pattern) if path.is_file()):
            digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    if is_whole and (not DIGEST.exists() or DIGEST.read_text() != digest.hexdigest()):
        shutil.rmtree(RUN, ignore_errors=True)
    if not is_whole:  # tests of rule rows are called by their lines, which move as rows are written
        TESTS.unlink(missing_ok=True)
    RUN.mkdir(exist_ok=True)
    # After a run of parts no verdict is known to be of these files.
    DIGEST.write_text(digest.hexdigest() if is_whole else "")


# --- what came of it ------------------------------------------------------------------------------


def judge(modules: Collection[str] = ()) -> int:
    """Print the figures of each module, and what is to be listed or not; return 1 for any."""
    totals: Counter[str] = Counter()
    mutants: dict[str, Counter[Mutant]] = {"survived": Counter(), "timeout": Counter()}
    print(f"{'':<14}{'mutants':>9}{'killed':>9}{'survived':>9}")
    for path in sorted(RUN.glob("matching/engine/*.py.meta")):
        module = path.name.removesuffix(".py.meta")
        verdicts = _verdicts(path)
        if not verdicts or (modules and module not in modules):
            continue
        found = Counter(map(_kind, verdicts.values()))
        print(f"{module:<14}{found.total():>9}{found['killed']:>9}{found['survived']:>9}")
        totals += found
        for name, status in verdicts.items():
            if status != "killed":
                kind = "timeout" if status == "timeout" else "survived"
                mutants[kind][_mutant(module, name)] += 1
    share = totals["killed"] / max(1, totals.total())
    print(f"{'all':<14}{totals.total():>9}{totals['killed']:>9}{totals['survived']:>9}")
    print(f"{share:.1%} are killed (at least {SHARE_MIN:.0%})")
    if totals["untried"]:
        print(f"{totals['untried']} are not tried yet: run it again, it goes on")
        return 1
    return int(_complain(**mutants, modules=modules) or share < SHARE_MIN)


def _complain(
    *, survived: Counter[Mutant], timeout: Counter[Mutant], modules: Collection[str]
) -> bool:
    """Print what is wrong with the list; tell whether anything is."""
    listed = Counter(
        mutant for mutant in read_listed() if not modules or mutant[0].split(".")[0] in modules
    )
    # One that the tests do not notice may run into its time on a busy machine.
    gone = listed - survived - timeout
    print(f"{(survived & listed).total()} of those that survive are listed, with a reason")
    for title, wrong in (
        ("These survive and are not listed:", survived - listed),
        ("These are listed and do not survive; take them off the list:", gone),
    ):
        if wrong:
            print(title)
            for mutant in sorted(wrong.elements()):
                print("    [" + ",\n     ".join(map(_quoted, mutant)) + "],")
    return bool(survived - listed or gone)


def read_listed() -> Iterator[Mutant]:
    """Yield the mutants that are known to survive."""
    for group in tomllib.loads(LISTED.read_text())["survivors"]:
        yield from map(tuple, group["mutants"])


def _verdicts(path: Path) -> dict[str, str]:
    """Return what became of each of a module's mutants."""
    codes = json.loads(path.read_text())["exit_code_by_key"]
    return {name: status_by_exit_code[code] for name, code in codes.items()}


def _kind(status: str) -> str:
    if status in UNTRIED:
        return "untried"
    return "killed" if status in KILLED else "survived"


def _mutant(module: str, name: str) -> Mutant:
    """Return what a mutant changes, by mutmut's name for it."""
    function = name.rpartition(".")[2].rpartition("__mutmut_")[0].removeprefix("x")
    function = function.replace("ǁ", ".").strip(".") if "ǁ" in function else function[1:]
    diff = get_diff_for_mutant(name, path=Path(f"matching/engine/{module}.py"))
    lines = [line for line in diff.splitlines() if not line.startswith(("---", "+++"))]
    was, now = (
        " ".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+"
    )
    return f"{module}.{function}", was, now


def _quoted(text: str) -> str:
    """Return a text as TOML has it; single quotes, where it has none, keep it as it is."""
    return json.dumps(text, ensure_ascii=False) if "'" in text else f"'{text}'"


if __name__ == "__main__":
    sys.exit(main())
