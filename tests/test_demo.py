"""What a new demo shows in its library: scripted episodes, one task after the other, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.demo import TASKS, Demo
from robot.supervise import Child, Supervisor


class Children(Supervisor):
    """Starts nothing; the last one added runs until `end`."""

    def __init__(self) -> None:
        super().__init__(lambda name, line: None)
        self.added: list[Child] = []
        self.running = False

    def add(self, child: Child) -> None:
        self.added.append(child)
        self.running = True

    def ended(self, name: str) -> int | None:
        assert name == self.added[-1].name
        return None if self.running else 0


def demo(folder: Path, episodes: int = 4) -> tuple[Demo, Children]:
    made = Demo("127.0.0.1", 1, 1, folder, episodes)
    made.supervisor = children = Children()
    return made, children


def test_tasks_are_shown_one_after_the_other_and_only_once_calm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 100.0
    monkeypatch.setattr("config.demo.time.monotonic", lambda: now_s)
    made, children = demo(tmp_path)
    made.ready_s = 100.0
    made._show()
    assert children.added == []
    now_s = 200.0
    for number in range(1, len(TASKS) + 1):
        made._show()
        made._show()
        assert len(children.added) == number
        children.running = False
    made._show()
    tasks = [list(child.argv)[list(child.argv).index("--task") + 1] for child in children.added]  # type: ignore[arg-type]
    assert tuple(tasks) == TASKS
    assert not any(child.restart for child in children.added)


@pytest.mark.parametrize(("old", "episodes"), [(True, 4), (False, 0)])
def test_an_old_demo_and_one_that_wants_none_are_left_alone(tmp_path: Path, old: bool, episodes: int) -> None:
    if old:
        (tmp_path / "reins.sqlite3").touch()
    made, children = demo(tmp_path, episodes)
    made.ready_s = float("-inf")
    made._show()
    assert children.added == []
