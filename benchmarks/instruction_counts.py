"""Instructions of one source tree: of every case of the Rust benches, and of requests to a server.

Cases run inside one function of the bench (`crates/turbo-bench/benches/suite`), so callgrind counts that
function alone, and dumps at its end. A tree is this checkout or a revision of it in a worktree of its own,
under ``target/instructions``; both are built with the same compiler, options and Python.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.instructions import REQUESTS, count, total
from benchmarks.servers import ROOT, SERVERS

DIRECTORY = ROOT / "target" / "instructions"
TIMES = 32
"""Runs of a case."""
REPEATS = 300
"""Requests of a row."""

Counts = dict[str, float]
"""Instructions of one run of a case or of one request, by id."""


@dataclass(frozen=True)
class Tree:
    """Sources and where cargo builds them."""

    name: str
    root: Path
    target: Path
    profile: str

    def cargo(self, *arguments: str) -> str:
        """What cargo prints, run in this tree."""
        return subprocess.run(
            ["cargo", *arguments, "--locked", "--profile", self.profile],
            cwd=self.root,
            env=os.environ | {"CARGO_TARGET_DIR": str(self.target), "PYO3_PYTHON": sys.executable},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout

    def benches(self, only: Sequence[str]) -> dict[str, Path]:
        """Name and executable of every bench that can count, or of those in `only`, built now."""
        suite = self.root / "crates" / "turbo-bench" / "benches" / "suite" / "mod.rs"
        if not suite.exists():
            print(f"{self.name} has no benches that can count", file=sys.stderr)
            return {}
        # A revision may have fewer of them than the working tree.
        names = [name for name in only if suite.parent.with_name(f"{name}.rs").exists()]
        if only and not names:
            return {}
        chosen = [f"--bench={name}" for name in names] or ["--benches"]
        built = {}
        for line in self.cargo(
            "bench", "--no-run", "--quiet", "-p", "turbo-bench", "--message-format=json", *chosen
        ).splitlines():
            message = json.loads(line)
            if message.get("executable") and message["target"]["kind"] == ["bench"]:
                built[message["target"]["name"]] = Path(message["executable"])
        return built


def working_tree(profile: str) -> Tree:
    """This checkout, changes and all."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return Tree("working tree", ROOT, target, profile)


def revision(name: str, profile: str) -> Tree:
    """A revision, checked out under `DIRECTORY` and kept there for the next time."""
    commit = _git("rev-parse", "--verify", f"{name}^{{commit}}")
    root = DIRECTORY / commit[:12]
    if not (root / ".git").exists():
        _git("worktree", "prune")
        _git("worktree", "add", "--detach", "--force", str(root), commit)
    # Dependencies are built once for all revisions; cargo tells the crates of one from another by their path.
    return Tree(f"{name} ({commit[:8]})", root, DIRECTORY / "target", profile)


def count_cases(tree: Tree, only: Sequence[str] = (), times: int = TIMES) -> Counts:
    """Every case of every bench, or of those in `only`."""
    counts: Counts = {}
    for name, executable in sorted(tree.benches(only).items()):
        print(f"{tree.name}: {name}", file=sys.stderr, flush=True)
        counts |= _cases(name, executable, times)
    return counts


def count_rows(tree: Tree, keys: Iterable[str], requests: int = REPEATS) -> Counts:
    """Requests to the engine of `tree`, by their keys in `benchmarks.instructions.REQUESTS`."""
    environment = _engine(tree)
    counts: Counts = {}
    for key in keys:
        print(f"{tree.name}: server row {key}", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as temporary:
            counts[f"server/{key}"], _ = count(
                SERVERS["turboapi"], REQUESTS[key], requests, (), Path(temporary), environment
            )
    return counts


def _cases(bench: str, executable: Path, times: int) -> Counts:
    counted = f"{bench}::suite::counted"
    with tempfile.TemporaryDirectory() as temporary:
        out = Path(temporary, "out")
        command = [
            *("valgrind", "--tool=callgrind", "--collect-atstart=no", f"--callgrind-out-file={out}"),
            *(f"--toggle-collect={counted}", f"--dump-after={counted}"),
            *(str(executable), "--count", str(times)),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{bench} failed:\n{done.stderr[-4000:]}")
        names = done.stdout.split()
        dumps = [out.with_name(f"out.{number}") for number in range(1, len(names) + 1)]
        if not all(dump.exists() for dump in dumps) or len(set(names)) != len(names):
            raise RuntimeError(f"{bench}: not one dump for each of {len(names)} cases; is {counted} inlined?")
        return {name: total(dump) / times for name, dump in zip(names, dumps, strict=True)}


def _engine(tree: Tree) -> dict[str, str]:
    """The environment in which this Python imports the package of `tree`, engine included."""
    if tree.root == ROOT:
        environment = {}
    else:
        tree.cargo("build", "--quiet", "-p", "turbo-py", "--lib")
        folder = "release" if tree.profile in {"bench", "release"} else tree.profile
        suffix = sysconfig.get_config_var("EXT_SUFFIX")
        shutil.copy(
            tree.target / folder / "lib_engine.so", tree.root / "python" / "turboapi" / f"_engine{suffix}"
        )
        environment = {"PYTHONPATH": str(tree.root / "python")}
    found = subprocess.run(
        [sys.executable, "-c", "import turboapi._engine as engine; print(engine.__file__)"],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout.strip()
    if not Path(found).is_relative_to(tree.root / "python"):
        raise RuntimeError(f"{found} is not the engine of {tree.root}")
    return environment


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()
