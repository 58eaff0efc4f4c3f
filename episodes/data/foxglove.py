"""The message schemas of an MCAP export, as JSON Schema: those that Foxglove knows by name, and ours for rows.

Names and fields of `foxglove.*` as in https://docs.foxglove.dev/docs/sdk/schemas; JSON carries bytes as base64.
"""

from __future__ import annotations

from typing import Any

from protocol.embodiment import Axis, Quantity

Schema = dict[str, Any]
_NUMBER, _TEXT = {"type": "number"}, {"type": "string"}
_TIME = {
    "type": "object",
    "title": "time",
    "properties": {"sec": {"type": "integer", "minimum": 0}, "nsec": {"type": "integer", "minimum": 0, "maximum": 999_999_999}},
}
_VECTOR = {"type": "object", "properties": dict.fromkeys("xyz", _NUMBER)}
_QUATERNION = {"type": "object", "properties": dict.fromkeys("xyzw", _NUMBER)}


def _schema(title: str, /, **properties: Any) -> Schema:
    return {"title": title, "type": "object", "properties": {"timestamp": _TIME, **properties}}


VIDEO = _schema("foxglove.CompressedVideo", frame_id=_TEXT, data={"type": "string", "contentEncoding": "base64"}, format=_TEXT)
LOG = _schema("foxglove.Log", level={"type": "integer"}, message=_TEXT, name=_TEXT, file=_TEXT, line={"type": "integer"})
CALIBRATION = _schema(
    "foxglove.CameraCalibration",
    frame_id=_TEXT,
    width={"type": "integer"},
    height={"type": "integer"},
    distortion_model=_TEXT,
    **{name: {"type": "array", "items": _NUMBER} for name in ("D", "K", "R", "P")},
)
TRANSFORM = _schema(
    "foxglove.FrameTransform", parent_frame_id=_TEXT, child_frame_id=_TEXT, translation=_VECTOR, rotation=_QUATERNION
)
JOINTS = _schema(
    "foxglove.JointStates",
    joints={
        "type": "array",
        "items": {"type": "object", "properties": {"name": _TEXT, "position": _NUMBER, "velocity": _NUMBER}},
    },
)
ROW = _schema(
    "reins.Row",
    index={"type": "integer"},
    pilot=_TEXT,
    clamps={"type": "array", "items": _TEXT, "description": "why what was done differs from what was asked"},
    latency_ms={"type": ["number", "null"]},
    uncertainty={"type": ["number", "null"]},
    **{name: {"type": "integer"} for name in ("lease_epoch", "lease_seq", "fence", "chunk")},
)


def numbers(name: str, parts: tuple[Quantity, ...] | tuple[Axis, ...]) -> Schema:
    """One property for each number of a vector, with its unit, so that each can be plotted by its own name."""
    return _schema(name, **{part.name: {"type": ["number", "null"], "description": part.unit} for part in parts})
