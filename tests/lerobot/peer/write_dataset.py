"""A dataset by LeRobot's own writer, with its own defaults.  `write_dataset.py ROOT`; what went in lies in ROOT.npz."""

from __future__ import annotations

import sys

from real import LeRobotDataset  # isort: skip
import numpy as np

FPS, WIDTH, HEIGHT = 20, 96, 72
EPISODES = ((30, "pick cube"), (22, "place cube"), (25, "pick cube"))
CAMERAS = ("top", "wrist")
JOINTS = ["shoulder.pos", "elbow.pos", "gripper.pos"]


def picture(episode: int, row: int, camera: int) -> np.ndarray:
    """A ramp that moves with the row, uint8[H,W,3]."""
    across = (np.arange(WIDTH) * 2 + 6 * row + 40 * episode) % 200 + 20
    shade = np.tile(across[None, :, None], (HEIGHT, 1, 3)).astype(np.uint8)
    return shade if camera == 0 else shade[:, ::-1]


def main(root: str) -> None:
    joints = {"dtype": "float32", "shape": (3,), "names": JOINTS}
    features = {"observation.state": joints, "action": joints}
    for camera in CAMERAS:
        shape = {"shape": (HEIGHT, WIDTH, 3), "names": ["height", "width", "channels"]}
        features[f"observation.images.{camera}"] = {"dtype": "video", **shape}
    dataset = LeRobotDataset.create("local/written", FPS, features, root=root, robot_type="so101")
    random = np.random.default_rng(5)
    states, actions, pictures = [], [], []
    for number, (length, task) in enumerate(EPISODES):
        states.append(np.cumsum(random.normal(size=(length, 3)) / 50, axis=0).astype(np.float32))
        actions.append(np.roll(states[-1], -1, axis=0))
        pictures.append(np.stack([[picture(number, row, c) for c in range(2)] for row in range(length)]))
        for row in range(length):
            shown = {f"observation.images.{camera}": pictures[-1][row, c] for c, camera in enumerate(CAMERAS)}
            dataset.add_frame({"observation.state": states[-1][row], "action": actions[-1][row], "task": task, **shown})
        dataset.save_episode()
    dataset.finalize()
    kept = {f"{kind}{number}": value for kind, values in (("state", states), ("action", actions), ("pictures", pictures))
            for number, value in enumerate(values)}  # fmt: skip
    np.savez_compressed(f"{root}.npz", **kept)


if __name__ == "__main__":
    main(sys.argv[1])
