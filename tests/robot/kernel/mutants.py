"""`make mutants`: breaks the pure kernel files one small thing at a time and counts which breaks the tests notice.

Operators: comparison, boolean, constant +-1, statement deleted, return.  Exit code 1 when one survives that is not
listed in `equivalents.txt` with its reason.  Not a test itself; annotations, imports and decorators are no behaviour.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib.abc
import importlib.util
import os
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
KERNEL = ROOT / "robot" / "kernel"
PURE = ("authority", "command_clock", "gate", "ladder", "lease", "nonces", "session", "step", "values")
EQUIVALENTS = HERE / "equivalents.txt"
MOST_EQUIVALENTS = 5
QUICK = ("test_small_parts", "test_gate", "test_leases", "test_moving", "test_steps", "test_stopping")
FIRST = {"authority": ("test_leases", "test_moving", "test_steps", "test_stopping"), "gate": ("test_gate",)}
SLOW = ("test_machine", "test_search")
SLOWER = 3  # times the CPU time of the unchanged kernel and 5 s more: a mutant that takes longer never ends
PLUGINS = ("django", "xdist", "asyncio", "timeout", "pytest_cov", "cacheprovider", "logging", "faulthandler")
PROCESSES = 2

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
DELETABLE = (ast.Assign, ast.AugAssign, ast.Expr, ast.Raise)


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: where, which operator, what it read before and after; `code` is the whole changed module."""

    module: str
    function: str
    line: int
    operator: str
    before: str
    after: str
    code: CodeType

    @property
    def name(self) -> str:
        return f"{self.module}.{self.function} | {self.operator} | {self.before} -> {self.after}"


def mutants(module: str) -> Iterator[Mutant]:
    """Every mutant of one file, in the order of the file."""
    source = (KERNEL / f"{module}.py").read_text()
    tree = ast.parse(source)
    places = list(_places(tree, ""))
    for index, (_, function) in enumerate(places):
        for operator, change in _changes(places[index][0]):
            broken = ast.parse(source)
            node = next(node for position, (node, _) in enumerate(_places(broken, "")) if position == index)
            before = ast.unparse(node)
            after = change(node)
            ast.fix_missing_locations(broken)
            code = compile(broken, str(KERNEL / f"{module}.py"), "exec")
            line = getattr(node, "lineno", 0)
            yield Mutant(module, function, line, operator, _short(before), _short(after), code)


def _short(text: str) -> str:
    return " ".join(text.split())[:100]


def _places(node: ast.AST, function: str) -> Iterator[tuple[ast.AST, str]]:
    """All nodes that can be broken, with the name of the function around them."""
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list", "type_comment"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or isinstance(child, (ast.Import, ast.ImportFrom)) or _is_text(child):
                continue
            inside = function
            if isinstance(child, (ast.FunctionDef, ast.ClassDef)):
                inside = f"{function}.{child.name}".strip(".")
            yield child, inside
            yield from _places(child, inside)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _changes(node: ast.AST) -> Iterator[tuple[str, _Change]]:
    if isinstance(node, ast.Compare):
        for place, operator in enumerate(node.ops):
            for other in COMPARISONS[type(operator)]:
                yield "comparison", _Compared(place, other)
    elif isinstance(node, ast.BoolOp):
        yield "boolean", _Change("connective")
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "boolean", _Change("not")
    elif isinstance(node, (ast.If, ast.IfExp, ast.While)):
        yield "boolean", _Change("condition")
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield "boolean", _Change("truth")
    elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        yield "constant", _Shifted(1)
        yield "constant", _Shifted(-1)
    elif isinstance(node, ast.Return) and node.value is not None:
        yield "return", _Change("return")
    elif isinstance(node, DELETABLE) or (isinstance(node, ast.AnnAssign) and node.value is not None):
        yield "statement deleted", _Change("delete")


@dataclass(frozen=True, slots=True)
class _Change:
    """Changes a node in place and gives the text of the result."""

    what: str

    def __call__(self, node: ast.AST) -> str:
        text = ""
        match node:
            case ast.BoolOp():
                node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            case ast.UnaryOp():
                _become(node, ast.Call(ast.Name("bool", ast.Load()), [copy.deepcopy(node.operand)], []))
            case ast.If() | ast.IfExp() | ast.While():
                node.test = ast.UnaryOp(ast.Not(), node.test)
                text = f"not {ast.unparse(node.test.operand)}"
            case ast.Constant():
                node.value = not node.value
            case ast.Return():
                node.value = ast.Constant(None)
            case _:
                _become(node, ast.Pass())
                text = "pass"
        return text or ast.unparse(node)


@dataclass(frozen=True, slots=True)
class _Compared(_Change):
    what: int  # type: ignore[assignment]  # which of the comparison's operators
    other: type[ast.cmpop]

    def __call__(self, node: ast.AST) -> str:
        assert isinstance(node, ast.Compare)
        node.ops[self.what] = self.other()
        return ast.unparse(node)


@dataclass(frozen=True, slots=True)
class _Shifted(_Change):
    what: int  # type: ignore[assignment]  # added to the number

    def __call__(self, node: ast.AST) -> str:
        assert isinstance(node, ast.Constant)
        assert isinstance(node.value, (int, float))
        node.value = node.value + self.what
        return ast.unparse(node)


def _become(node: ast.AST, other: ast.AST) -> None:
    """Turns a node into another one where it stands."""
    node.__class__ = other.__class__
    for field in list(node._fields):
        setattr(node, field, getattr(other, field, None))


class _Substitute(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports the mutant in place of its module."""

    def __init__(self, mutant: Mutant) -> None:
        self._name, self._code = f"robot.kernel.{mutant.module}", mutant.code

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        return importlib.util.spec_from_loader(name, self) if name == self._name else None

    def exec_module(self, module: ModuleType) -> None:
        exec(self._code, module.__dict__)  # noqa: S102


def start(mutant: Mutant | None, tests: Sequence[str], cpu_s: int) -> int:
    """Starts a child that runs `tests` on the mutant; its exit code is 0 when they all pass.  Gives its pid."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        if mutant is not None:
            sys.meta_path.insert(0, _Substitute(mutant))
        import pytest

        files = [str(HERE / f"{name}.py") for name in tests]
        options = ["-x", "-q", "--assert=plain", "--noconftest", "-c", os.devnull, f"--rootdir={ROOT}"]
        off = [f"-pno:{name}" for name in PLUGINS]
        code = int(pytest.main([*options, *off, *files]))
    except BaseException:  # a mutant may raise anything; all of it counts as noticed
        code = 1
    finally:
        os._exit(code)


def survivors(todo: Sequence[Mutant], tests: dict[str, Sequence[str]]) -> list[Mutant]:
    """Those that every test let pass.  `tests` by module, "" for the rest.

    Raises SystemExit when the tests fail on the unchanged kernel.
    """
    if not todo:
        return []
    _, status, used = os.wait4(start(None, tests[""], resource.RLIM_INFINITY), 0)
    if status:
        raise SystemExit("The tests fail on the unchanged kernel; run them first.")
    cpu_s = int((used.ru_utime + used.ru_stime) * SLOWER) + 5
    running: dict[int, Mutant] = {}
    left, alive = list(reversed(todo)), []
    while left or running:
        while left and len(running) < PROCESSES:
            mutant = left.pop()
            running[start(mutant, tests.get(mutant.module, tests[""]), cpu_s)] = mutant
        pid, status = os.wait()
        mutant = running.pop(pid)
        if status == 0:
            alive.append(mutant)
    return alive


def equivalents() -> dict[str, str]:
    """Name to reason; blank lines and lines with # are comments."""
    listed = {}
    for line in EQUIVALENTS.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            name, _, reason = line.partition(" || ")
            listed[name.strip()] = reason.strip()
    return listed


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("modules", nargs="*", default=PURE, help="pure kernel files without .py; all when none")
    options.add_argument("--quick", action="store_true", help="leave out the hypothesis machine and the search")
    chosen = options.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.path.insert(0, str(ROOT))
    import hypothesis.stateful  # once, for all children
    import numpy as np
    import pytest

    import protocol.embodiment
    import protocol.permit  # noqa: F401

    del hypothesis, np, pytest
    started = time.monotonic()
    slow = () if chosen.quick else SLOW
    todo = [mutant for module in chosen.modules for mutant in mutants(module)]
    order = {module: (*first, *(t for t in QUICK if t not in first)) for module, first in FIRST.items()}
    alive = survivors(todo, {**order, "": QUICK})
    if slow:
        alive = survivors(alive, {"": slow})
    return report(todo, alive, time.monotonic() - started)


def report(todo: Sequence[Mutant], alive: Sequence[Mutant], seconds: float) -> int:
    listed = equivalents()
    print(f"{'operator':<20}{'mutants':>8}{'killed':>8}{'alive':>7}")
    lived = Counter(mutant.operator for mutant in alive)
    for operator, count in Counter(mutant.operator for mutant in todo).items():
        print(f"{operator:<20}{count:>8}{count - lived[operator]:>8}{lived[operator]:>7}")
    print(f"{'all':<20}{len(todo):>8}{len(todo) - len(alive):>8}{len(alive):>7}   in {seconds:.0f} s")
    unexplained = [mutant for mutant in alive if mutant.name not in listed]
    for mutant in alive:
        why = listed.get(mutant.name)
        print(f"{'equivalent' if why else 'SURVIVED'}  line {mutant.line}: {mutant.name}{f'  ({why})' if why else ''}")
    if len(listed) > MOST_EQUIVALENTS:
        print(f"{len(listed)} equivalents are listed; at most {MOST_EQUIVALENTS} may be.")
    return 1 if unexplained or len(listed) > MOST_EQUIVALENTS else 0


if __name__ == "__main__":
    sys.exit(main())
