"""What stands on the table, and in what light: the tabletop as MJCF.  Appearance and shapes only, no behaviour."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from protocol.embodiment import Embodiment
from robot.world.meshes import bars, lathe, write_stl
from robot.world.sawyer import arm_model, camera_xml

TABLE_X_M, TABLE_Y_M = (0.24, 1.02), (-0.62, 0.62)
MAT_X_M, MAT_Y_M = (0.36, 0.90), (-0.42, 0.42)
TRAY_M = (0.70, -0.29)
TRAY_HALF_M = (0.085, 0.085)
BOWL_RADIUS_M = 0.075
CUBE_HALF_M = 0.022


@dataclass(frozen=True, slots=True)
class Thing:
    """A loose object: its name, its shape ("box", "cylinder", "bowl") and its colour."""

    name: str
    shape: str
    rgb: tuple[float, float, float]
    footprint_m: float


THINGS = (
    Thing("red cube", "box", (0.80, 0.20, 0.16), 0.04),
    Thing("blue cube", "box", (0.20, 0.40, 0.78), 0.04),
    Thing("yellow cube", "box", (0.90, 0.68, 0.20), 0.04),
    Thing("green cylinder", "cylinder", (0.22, 0.60, 0.36), 0.035),
    Thing("bowl", "bowl", (0.86, 0.82, 0.74), 0.09),
)

SURFACES = ("mat", "table", "tray", "wall", "floor")  # whose colour can be changed

# A lamp over the table whose light falls off (planes are drawn in pieces, so they show it), and a cool fill.
LAMP_M = (0.75, -0.35, 1.25)
_LAMPS = f"""
<light pos="{LAMP_M[0]} {LAMP_M[1]} {LAMP_M[2]}" dir="-0.12 0.28 -1" castshadow="false" cutoff="75" exponent="6"
  attenuation="0.55 0.25 0.35" diffuse="0.85 0.80 0.73" specular="0.45 0.45 0.45"/>
<light pos="1.2 1.2 1.4" dir="-0.75 -0.8 -0.45" directional="true" castshadow="false" diffuse="0.20 0.22 0.26"
  specular="0.15 0.15 0.17"/>
"""

_BOWL_OUTLINE = [
    (0.0, 0.0), (0.042, 0.0), (0.048, 0.003), (0.062, 0.016), (0.072, 0.036), (0.0755, 0.050), (0.0735, 0.0525),
    (0.0705, 0.050), (0.066, 0.036), (0.056, 0.020), (0.044, 0.009), (0.0, 0.006),
]  # fmt: skip

_MATERIALS = """
<material name="arm" rgba="0.66 0.69 0.73 1" specular="0.6" shininess="0.5"/>
<material name="arm_dark" rgba="0.25 0.28 0.32 1" specular="0.6" shininess="0.5"/>
<material name="finger" rgba="0.20 0.21 0.235 1" specular="0.4" shininess="0.4"/>
<material name="pad" rgba="0.11 0.11 0.12 1" specular="0.1"/>
<material name="wall" rgba="0.24 0.275 0.32 1" specular="0"/>
<material name="panel" rgba="0.20 0.235 0.28 1" specular="0"/>
<material name="seam" rgba="0.13 0.15 0.18 1" specular="0"/>
<material name="floor" rgba="0.13 0.145 0.165 1" specular="0"/>
<material name="table" rgba="0.64 0.555 0.465 1" specular="0.1" shininess="0.1"/>
<material name="edge" rgba="0.38 0.32 0.265 1" specular="0.05"/>
<material name="mat" rgba="0.22 0.265 0.31 1" specular="0.1" shininess="0.1"/>
<material name="line" rgba="0.31 0.36 0.405 1" specular="0"/>
<material name="tray" rgba="0.44 0.47 0.51 1" specular="0.3" shininess="0.3"/>
"""

_DEFAULTS = """
<geom contype="0" conaffinity="0"/>
<default class="seen"><geom contype="0" conaffinity="0" mass="0"/></default>
<default class="seen_solid"><geom contype="2" conaffinity="0" mass="0" friction="0.6 0.01 0.001"/></default>
<default class="solid"><geom contype="2" conaffinity="0" mass="0" friction="0.8 0.02 0.001"/></default>
<default class="pad"><geom contype="2" conaffinity="0" mass="0" condim="4" friction="1.6 0.05 0.001"
  solimp="0.97 0.99 0.002" solref="0.008 1" priority="1"/></default>
<default class="ground"><geom contype="1" conaffinity="3" condim="4" friction="0.9 0.02 0.002"/></default>
<default class="thing"><geom contype="1" conaffinity="3" condim="4" friction="0.9 0.02 0.002"
  solimp="0.95 0.99 0.001" solref="0.01 1"/></default>
"""


def tabletop_model(embodiment: Embodiment) -> mujoco.MjModel:
    """The whole world for one arm with the cameras of `embodiment`, compiled."""
    cameras = {camera.mount: camera for camera in embodiment.cameras}
    arm = arm_model(cameras.get("tool"))
    files = {**arm.files, **_strips(), "bowl.stl": write_stl(lathe(_BOWL_OUTLINE, 28))}
    strips = "".join(f'<mesh name="{name}" file="{name}.stl"/>' for name in ("lines", "seams", "panels"))
    seen = "".join(camera_xml(c) for c in embodiment.cameras if c.mount == "base")
    xml = f"""<mujoco model="tabletop">
<compiler angle="radian" autolimits="true"/>
<statistic extent="1.2" center="0.6 0 0.2"/>
<option timestep="0.0025" integrator="implicitfast" cone="elliptic" impratio="10" iterations="30">
<flag multiccd="enable"/></option>
<visual><map znear="0.015" zfar="12"/><quality shadowsize="0" offsamples="0" numslices="24" numstacks="2"/>
<headlight ambient="0.34 0.34 0.36" diffuse="0.14 0.14 0.14" specular="0.05 0.05 0.05"/>
<global offwidth="1280" offheight="960"/></visual>
<default>{_DEFAULTS}</default>
<asset>{_MATERIALS}{arm.assets}{strips}<mesh name="bowl" file="bowl.stl" inertia="shell"/></asset>
<worldbody>{_table()}{arm.body}{"".join(_thing(t) for t in THINGS)}{seen}{_room()}</worldbody>
<actuator>{arm.actuators}</actuator>
<equality>{arm.equality}</equality>
<sensor><touch name="pad_left" site="pad_left"/><touch name="pad_right" site="pad_right"/></sensor>
</mujoco>"""
    return mujoco.MjModel.from_xml_string(xml, files)


def _strips() -> dict[str, bytes]:
    """The mat's grid lines, the seams of the wall and its panels, each as one mesh file."""
    (x0, x1), (y0, y1) = MAT_X_M, MAT_Y_M
    cx, cy, hx, hy = (x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / 2, (y1 - y0) / 2
    lines = [((float(x), cy, 0.0006), (0.0011, hy, 0.00005)) for x in np.linspace(x0, x1, 7)]
    lines += [((cx, float(y), 0.0006), (hx, 0.0011, 0.00005)) for y in np.linspace(y0, y1, 9)]
    seams = [((-0.94, float(y), 0.6), (0.008, 0.005, 1.6)) for y in np.arange(-2.4, 2.5, 0.8)]
    seams += [((-0.94, 0.0, -0.12), (0.008, 4.0, 0.005))]
    seams += [((-0.94, y, 0.36), (0.012, 0.30, 0.17)) for y in (0.85, -0.80)]
    panels = [((-0.93, y, 0.36), (0.006, 0.29, 0.16)) for y in (0.85, -0.80)]
    parts = {"lines": lines, "seams": seams, "panels": panels}
    return {f"{name}.stl": write_stl(bars(boxes)) for name, boxes in parts.items()}


def _room() -> str:
    """Floor, wall and lamps.  Last in the model, so that what stands before them spares their pixels."""
    parts = '<geom class="ground" type="plane" pos="0 0 -0.9" size="4 4 1" material="floor"/>'
    parts += '<geom type="plane" pos="-0.95 0 0.6" size="1.6 3 1" zaxis="1 0 0" material="wall"/>'
    parts += '<geom type="mesh" mesh="seams" material="seam"/><geom type="mesh" mesh="panels" material="panel"/>'
    return f'<body name="room">{parts}</body>{_LAMPS}'


def _table() -> str:
    (x0, x1), (y0, y1) = TABLE_X_M, TABLE_Y_M
    cx, cy, hx, hy = (x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / 2, (y1 - y0) / 2
    parts = f"""
<geom name="table" class="ground" type="box" pos="{cx} {cy} -0.03" size="{hx} {hy} 0.03" rgba="0 0 0 0"/>
<geom type="plane" pos="{x1} {cy} -0.03" size="0.03 {hy} 1" zaxis="1 0 0" material="edge"/>
<geom type="plane" pos="{cx} {y0} -0.03" size="{hx} 0.03 1" zaxis="0 -1 0" material="edge"/>
<geom type="plane" pos="{cx} {y1} -0.03" size="{hx} 0.03 1" zaxis="0 1 0" material="edge"/>
{_mat()}{_rim()}
<geom type="cylinder" pos="0 0 -0.45" size="0.10 0.45" material="arm_dark"/>
<geom type="cylinder" pos="0 0 -0.005" size="0.125 0.012" material="finger"/>"""
    return parts + _tray()


def _rim() -> str:
    """The table top around the mat, as four pieces: nothing is drawn under the mat."""
    (x0, x1), (y0, y1), (m0, m1), (n0, n1) = TABLE_X_M, TABLE_Y_M, MAT_X_M, MAT_Y_M
    pieces = ((x0, m0, y0, y1), (m1, x1, y0, y1), (m0, m1, y0, n0), (m0, m1, n1, y1))
    return "".join(
        f'<geom type="plane" material="table" pos="{(a + b) / 2} {(c + d) / 2} 0" size="{(b - a) / 2} {(d - c) / 2} 1"/>'
        for a, b, c, d in pieces
    )


def _mat() -> str:
    """A dark mat with a grid of thin lines; drawn as strips: a texture would cost a third of the frame."""
    (x0, x1), (y0, y1) = MAT_X_M, MAT_Y_M
    cx, cy, hx, hy = (x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / 2, (y1 - y0) / 2
    parts = f'<geom type="plane" pos="{cx} {cy} 0.0002" size="{hx} {hy} 0.01" material="mat"/>'
    parts += '<geom type="mesh" mesh="lines" material="line"/>'
    return parts


def _tray() -> str:
    (x, y), (hx, hy) = TRAY_M, TRAY_HALF_M
    parts = f'<geom class="ground" type="box" pos="{x} {y} 0.003" size="{hx} {hy} 0.003" material="tray"/>'
    for sx, sy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        size = f"{0.004 if sx else hx} {0.004 if sy else hy} 0.011"
        parts += f'<geom class="ground" type="box" pos="{x + sx * hx} {y + sy * hy} 0.011" size="{size}" material="tray"/>'
    return f'<body name="tray">{parts}</body>'


def _thing(thing: Thing) -> str:
    rgba = " ".join(map(str, thing.rgb)) + " 1"
    half = CUBE_HALF_M
    if thing.shape == "box":
        geoms = f'<geom class="thing" type="box" size="{half} {half} {half}" rgba="{rgba}" mass="0.1"/>'
    elif thing.shape == "cylinder":
        geoms = f'<geom class="thing" type="cylinder" size="{half} {half}" rgba="{rgba}" mass="0.1"/>'
    else:
        geoms = f'<geom class="seen" type="mesh" mesh="bowl" rgba="{rgba}"/>{_bowl_walls()}'
    return f'<body name="{thing.name}"><freejoint name="{thing.name}"/>{geoms}</body>'


def _bowl_walls() -> str:
    """Twelve leaning boards and a floor: what others touch of the bowl."""
    parts = '<geom class="thing" type="cylinder" pos="0 0 0.003" size="0.047 0.003" mass="0.25" rgba="0 0 0 0"/>'
    for angle in np.arange(12) * np.pi / 6:
        x, y = 0.0605 * np.cos(angle), 0.0605 * np.sin(angle)
        parts += (
            f'<geom class="thing" type="box" pos="{x:.5f} {y:.5f} 0.0265" size="0.003 0.018 0.026" '
            f'xyaxes="{0.87 * np.cos(angle):.5f} {0.87 * np.sin(angle):.5f} -0.49 {-np.sin(angle):.5f} '
            f'{np.cos(angle):.5f} 0" mass="0.01" rgba="0 0 0 0"/>'
        )
    return parts
