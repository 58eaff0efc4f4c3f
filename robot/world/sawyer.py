"""The 7-joint Sawyer arm and a driven gripper as MJCF, from the assets of the metaworld package.  Text only."""

from __future__ import annotations

import importlib.util
import math
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from protocol.embodiment import Camera
from protocol.errors import Refused
from robot.world.embodiments import GRIP_FORCE_N, JOINT_LIMITS_RAD, JOINT_TORQUES_NM
from robot.world.meshes import simplified_stl

Matrix = NDArray[np.float64]

JOINTS = tuple(f"right_j{i}" for i in range(7))
FINGER_TRAVEL_M = 0.04  # each; both open the gripper to 80 mm
TOOL_OFFSET_M = 0.158  # from the flange to the point between the finger tips, along the tool's z
TIP_M = 0.011  # the fingers reach this far beyond the tool point

_LINKS = ("right_arm_base_link", *(f"right_l{i}" for i in range(7)), "head", "right_hand")
_CELL_M = 0.013
_CONVEX = ("base", "eGripperBase", "l6", "l4", "l2", "head")  # links that look like their hull
STIFFNESS = (3000.0, 3000.0, 1500.0, 1500.0, 400.0, 400.0, 250.0)  # N m/rad
DAMPING = (160.0, 160.0, 80.0, 80.0, 16.0, 14.0, 8.0)  # N m s/rad of the servo; about critical for this arm
_SHELL = {"head": "arm_dark", "l1": "arm_dark", "l3": "arm_dark", "l5": "arm_dark", "l6": "arm_dark"}


@dataclass(frozen=True, slots=True)
class ArmModel:
    """Pieces of MJCF for `<asset>`, `<worldbody>`, `<actuator>`, `<equality>`, and the mesh files they name."""

    assets: str
    body: str
    actuators: str
    equality: str
    files: dict[str, bytes]


def package_assets() -> Path:
    """The folder of the metaworld package's assets; Refused("simulation_missing") where it is not installed."""
    spec = importlib.util.find_spec("metaworld")
    if spec is None or spec.origin is None:
        raise Refused(
            "simulation_missing",
            "A simulated body needs the packages in robot/requirements-simulated.txt. Install them and start again.",
        )
    return Path(spec.origin).parent / "assets"


def arm_model(wrist: Camera | None) -> ArmModel:
    """The arm with its base at the origin, x forward; `wrist` is mounted in the tool frame."""
    folder = package_assets() / "objects"
    text = (folder / "assets" / "xyz_base.xml").read_text()
    root = ET.fromstring(re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL))  # noqa: S314  a file of an installed package
    base = next(b for b in root.iter("body") if b.get("name") == "right_arm_base_link")
    files: dict[str, bytes] = {}
    _prune(base)
    for mesh in sorted({g.get("mesh", "") for g in base.iter("geom")} - {""}):
        source = folder / "meshes" / "xyz_base" / f"{mesh}.stl"
        files[f"{mesh}.stl"] = simplified_stl(source, _CELL_M, mesh in _CONVEX)
    hand = next(b for b in base.iter("body") if b.get("name") == "right_hand")
    hand.extend(ET.fromstring(f"<x>{_gripper(wrist)}</x>"))  # noqa: S314  text of this file
    return ArmModel(
        assets="".join(f'<mesh name="{name[:-4]}" file="{name}"/>' for name in files),
        body=ET.tostring(base, encoding="unicode"),
        actuators=_actuators(),
        equality='<joint joint1="finger_left" joint2="finger_right" polycoef="0 1 0 0 0" solref="0.005 1"/>',
        files=files,
    )


def _prune(body: ET.Element) -> None:
    """Keep links, joints, inertia and the meshes to see; say which touch the table."""
    for child in list(body):
        wanted = child.tag in ("inertial", "joint") or (child.tag == "body" and child.get("name") in _LINKS)
        if child.tag == "geom" and child.get("type") == "mesh":
            wanted = True
            mesh = child.get("mesh", "")
            for key in ("rgba", "contype", "conaffinity", "group"):
                child.attrib.pop(key, None)
            child.set("class", "seen")
            child.set("material", _SHELL.get(mesh, "arm"))
            if mesh in ("l4", "l5", "l6", "eGripperBase"):
                child.set("class", "seen_solid")
        if not wanted:
            body.remove(child)
        elif child.tag == "body":
            _prune(child)
    body.set("gravcomp", "1")
    body.attrib.pop("childclass", None)
    for joint in body.findall("joint"):
        low, high = JOINT_LIMITS_RAD[int(joint.get("name", "")[-1])]
        joint.set("range", f"{low} {high}")
        joint.set("damping", "0.5")
        joint.set("armature", "0.1" if joint.get("name", "")[-1] in "0123" else "0.03")
        joint.set("actuatorgravcomp", "true")


def _finger(side: str, sign: int) -> str:
    """One finger: a carriage on the rail, a blade, a rubber pad; `sign` is its side along the tool's y."""
    return f"""
<body name="finger_{side}_body" pos="0 0 0.05" gravcomp="1">
  <inertial pos="0 {sign * 0.012} 0.05" mass="0.12" diaginertia="1e-4 1e-4 2e-5"/>
  <joint name="finger_{side}" type="slide" axis="0 {sign} 0" range="0 {FINGER_TRAVEL_M}" damping="4" armature="0.2"/>
  <geom class="seen" type="box" pos="0 {sign * 0.012} 0.008" size="0.014 0.011 0.012" material="finger"/>
  <geom class="solid" type="box" pos="0 {sign * 0.011} 0.066" size="0.009 0.005 0.053" material="finger"/>
  <geom name="pad_{side}" class="pad" type="box" pos="0 {sign * 0.003} 0.097" size="0.0095 0.003 0.022" material="pad"/>
  <site name="pad_{side}" type="box" pos="0 {sign * 0.003} 0.097" size="0.012 0.006 0.025" rgba="0 0 0 0"/>
</body>"""


def _gripper(wrist: Camera | None) -> str:
    camera = "" if wrist is None else f"<body name='tool' pos='0 0 {TOOL_OFFSET_M}'>{camera_xml(wrist)}</body>"
    return f"""
<geom class="seen_solid" type="box" pos="0 0 0.052" size="0.020 0.060 0.008" material="finger"/>
{_finger("left", 1)}{_finger("right", -1)}
<site name="tool" pos="0 0 {TOOL_OFFSET_M}" size="0.004" rgba="0 0 0 0"/>
{camera}"""


def mujoco_view(camera: Camera) -> tuple[Matrix, Matrix, float]:
    """Position [3] m, axes [3,3] and vertical field of view in degrees of a MuJoCo camera (y up, looks along -z)."""
    pose = np.array(camera.T_mount)
    fovy = math.degrees(2 * math.atan(camera.height / 2 / camera.K[1][1]))
    return pose[:3, 3], pose[:3, :3] * [1.0, -1.0, -1.0], fovy


def camera_xml(camera: Camera) -> str:
    """A MuJoCo camera with the place and the field of view of ours (y down, looks along +z)."""
    position, axes, fovy = mujoco_view(camera)
    place, turn = " ".join(map(str, position)), " ".join(map(str, axes[:, :2].T.ravel()))
    return f'<camera name="{camera.name}" pos="{place}" xyaxes="{turn}" fovy="{fovy}"/>'


def _actuators() -> str:
    joints = "".join(
        f'<position name="{name}" joint="{name}" kp="{kp}" kv="{kv}" forcerange="{-limit} {limit}"/>'
        for name, kp, kv, limit in zip(JOINTS, STIFFNESS, DAMPING, JOINT_TORQUES_NM, strict=True)
    )
    force = GRIP_FORCE_N / 2
    return f"""{joints}
<position name="grip_left" joint="finger_left" kp="900" kv="40" forcerange="{-force} {force}"/>
<position name="grip_right" joint="finger_right" kp="900" kv="40" forcerange="{-force} {force}"/>"""
