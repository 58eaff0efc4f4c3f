"""How fast a dataset version becomes a LeRobot dataset: `python bench/export.py [--episodes 6] [--rounds 2]`.

Two cameras of 320x240 at 30 a second, textured and noisy, recorded with the recording's own encoder.  Every row starts at
the same episode folders and ends with a finished dataset; decoding is counted, starting Python is not.  Frames are pictures
of all cameras.

reins: encoded anew with our defaults (H264 CRF 14, key frame every 2).  lerobot: LeRobot 0.4.4's own writer with its own
defaults (SVT-AV1 preset 12 CRF 30, key frame every 2; PNG files on the way, by 4 threads a camera as its recorder has).
lerobot_h264: the same with H264 (CRF 30, key frame every 2).  lerobot_stream: its streaming encoder, without PNG files.
reins_av1: ours with SVT-AV1.  reins_copy: packets as they were recorded.  Rounds take turns, the best of each row counts.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import av
import msgspec
import numpy as np

from bench.clip import pictures
from bench.common import ROOT, Pressure, report
from episodes.data.lerobot.export import export
from episodes.data.lerobot.work import Options
from episodes.data.manifest import Manifest, ManifestEpisode
from protocol.embodiment import Axis, Camera, Embodiment, Quantity
from protocol.episode_folder import META, decode_meta, hash_file
from protocol.row import Row
from robot.recorder.episode_recorder import About, EpisodeRecorder, Limits
from robot.recorder.finalise import Home
from robot.recorder.ticks import NewPicture, TickMaker

PYTHON = ROOT / ".venv-lerobot" / "bin" / "python"
WIDTH, HEIGHT, ROWS = 320, 240, 150
START_NS = 1_760_000_000_000_000_000
_K = ((300.0, 0.0, 160.0), (0.0, 300.0, 120.0), (0.0, 0.0, 1.0))
_EYE = ((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0), (0.0, 0.0, 0.0, 1.0))
CAMERAS = ("scene", "wrist")
BODY = Embodiment(
    name="bench",
    state=tuple(Quantity(f"q{i}", "rad", -3.0, 3.0) for i in range(14)),
    action=tuple(Axis(f"v{i}", "rad/s", -1.0, 1.0, 10.0) for i in range(7)),
    control_hz=50.0,
    record_hz=30.0,
    policy_hz=10.0,
    cameras=tuple(Camera(name, WIDTH, HEIGHT, 30.0, _K, "base", _EYE) for name in CAMERAS),
)
LEROBOT = {"lerobot": ("libsvtav1", ""), "lerobot_h264": ("h264", ""), "lerobot_stream": ("libsvtav1", "streaming")}
REINS = {"reins": Options(), "reins_av1": Options(codec="av1"), "reins_copy": Options(copy=True)}


def record(folder: Path, clip: list[np.ndarray[Any, Any]], shift: int) -> Path:
    """An episode folder as a robot uploads it."""
    recorder = EpisodeRecorder(Home(folder), About("bench", BODY, "bench"), Limits(), sync_s=10)
    recorder.start("Put the cube in the tray", START_NS)
    maker = TickMaker(BODY)
    for i in range(ROWS):
        mono_s, time_ns = 100 + i / 30, START_NS + round(i * 1e9 / 30)
        state = tuple(float(np.sin(i / 20 + n)) for n in range(14))
        row = Row(i, mono_s, time_ns, "TELEOP", "", "operator", "p", "P", 1, 1, 0, state, state[:7], state[:7], 0, 80.0)
        new = {name: NewPicture(clip[(i + shift + 45 * n) % len(clip)], time_ns) for n, name in enumerate(CAMERAS)}
        recorder.tick(maker.make(mono_s, time_ns, row, new, key=i == 0))
    return recorder.stop("success")


def version(base: Path, count: int) -> tuple[Manifest, dict[str, Path]]:
    small = pictures()[:, ::2, ::2]
    clip = [av.VideoFrame.from_ndarray(np.ascontiguousarray(p), format="rgb24").reformat(format="yuv420p") for p in small]
    planes = [frame.to_ndarray() for frame in clip]
    folders = [record(base / str(n), planes, 11 * n) for n in range(count)]
    episodes = []
    for folder in folders:
        meta = decode_meta((folder / META).read_bytes())
        files = {META: hash_file(folder / META).sha256} | {path: file.sha256 for path, file in meta.files.items()}
        episodes.append(
            ManifestEpisode(id=meta.id, files=files, first=0, last=meta.rows - 1, instruction=meta.instruction, outcome="success")
        )
    body = msgspec.to_builtins(BODY)
    made = Manifest(embodiment_hash=BODY.hash, embodiment=body, episodes=tuple(sorted(episodes, key=lambda e: e.id)))
    return made, {folder.name: folder for folder in folders}


def by_reins(made: Manifest, folders: dict[str, Path], options: Options, target: Path) -> float:
    began = time.monotonic()
    export(made, folders.__getitem__, target, options)
    return time.monotonic() - began


def by_lerobot(spec: Path, codec: str, streaming: str, target: Path) -> float:
    command = [str(PYTHON), str(ROOT / "bench" / "lerobot_writer.py"), str(spec), str(target), codec, streaming]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return float(json.loads(done.stdout.strip().splitlines()[-1])["seconds"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--rows", nargs="+", default=[*REINS, *LEROBOT], choices=[*REINS, *LEROBOT])
    options = parser.parse_args()
    if any(name in LEROBOT for name in options.rows):
        subprocess.run(["make", "--no-print-directory", "lerobot-env"], cwd=ROOT, check=True, stdout=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="reins-export-") as text:
        base = Path(text)
        made, folders = version(base / "recorded", options.episodes)
        spec = base / "spec.json"
        sizes = dict.fromkeys(CAMERAS, (HEIGHT, WIDTH))
        listed = [{"folder": str(folders[e.id]), "rows": e.rows, "task": e.instruction, "cameras": sizes} for e in made.episodes]
        spec.write_text(json.dumps(listed))
        pressure = Pressure()
        report("export", measure(made, folders, spec, base, options.rows, options.rounds), pressure)


def measure(
    made: Manifest, folders: dict[str, Path], spec: Path, base: Path, names: list[str], rounds: int
) -> list[dict[str, Any]]:
    frames = made.rows * len(CAMERAS)
    ways: dict[str, Callable[[Path], float]] = {
        **{name: partial(by_reins, made, folders, settings) for name, settings in REINS.items()},
        **{name: partial(by_lerobot, spec, *settings) for name, settings in LEROBOT.items()},
    }
    best: dict[str, float] = {}
    size: dict[str, int] = {}
    for number in range(rounds):
        for name in names:
            target = base / f"{name}-{number}"
            seconds = ways[name](target)
            best[name] = min(seconds, best.get(name, seconds))
            size[name] = sum(path.stat().st_size for path in target.rglob("*.mp4"))
            print(f"{name}: {frames / seconds:.0f} frames/s", file=sys.stderr, flush=True)
    rows = []
    for name in names:
        row: dict[str, Any] = {"name": name, "frames_per_s": round(frames / best[name], 1)}
        row["kb_per_frame"] = round(size[name] / frames / 1000, 2)
        if "lerobot" in best:
            row["times_lerobot"] = round(best["lerobot"] / best[name], 2)
        rows.append(row)
    return rows


if __name__ == "__main__":
    main()
