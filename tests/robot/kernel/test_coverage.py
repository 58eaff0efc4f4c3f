"""The pure kernel files are covered whole, lines and branches, with nothing excluded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.robot.kernel.mutants import HERE, KERNEL, PLUGINS, PURE, QUICK, ROOT

SETTINGS = """
[run]
branch = True
data_file = {data}
include = {files}

[report]
exclude_lines =
    nothing is left out by a comment
partial_branches =
    nothing is left out by a comment
"""


def test_every_line_and_branch_of_the_pure_kernel_is_tested(tmp_path: Path) -> None:
    files = [str(KERNEL / f"{name}.py") for name in PURE]
    rcfile, report = tmp_path / "coveragerc", tmp_path / "report.json"
    rcfile.write_text(SETTINGS.format(data=tmp_path / "data", files="\n    ".join(files)))
    coverage = [sys.executable, "-m", "coverage"]
    tests = [str(HERE / f"{name}.py") for name in QUICK]
    options = ["-q", "--noconftest", "-c", os.devnull, f"--rootdir={ROOT}", *(f"-pno:{name}" for name in PLUGINS)]
    ran = subprocess.run(
        [*coverage, "run", f"--rcfile={rcfile}", "-m", "pytest", *options, *tests],
        cwd=ROOT, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    subprocess.run([*coverage, "json", f"--rcfile={rcfile}", "-o", str(report)], check=True, capture_output=True)
    told = json.loads(report.read_text())["files"]
    assert len(told) == len(PURE)
    gaps = {
        name: (file["missing_lines"], file["missing_branches"], file["excluded_lines"])
        for name, file in told.items()
        if file["missing_lines"] or file["missing_branches"] or file["excluded_lines"]
    }
    assert gaps == {}
