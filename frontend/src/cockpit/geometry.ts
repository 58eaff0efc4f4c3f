// Directions of a camera's picture in the robot's base frame, and back: plain 3-vectors, metres, pixels. The optical axis is +z,
// x right, y down (as in protocol/embodiment.py). Rotations of the tool by Rodrigues' formula.
import type { Camera, Embodiment } from "../generated/protocol";

export type Vec = readonly [number, number, number];
export type Matrix = readonly [Vec, Vec, Vec];

export interface PictureFrame {
  right: Vec;
  up: Vec;
  /** Away from the camera, into the picture. */
  forward: Vec;
  /** Where the camera is. */
  origin: Vec;
}

export const dot = (a: Vec, b: Vec): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
export const scale = (a: Vec, k: number): Vec => [a[0] * k, a[1] * k, a[2] * k];
export const add = (a: Vec, b: Vec): Vec => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
export const minus = (a: Vec, b: Vec): Vec => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
export const size = (a: Vec): number => Math.sqrt(dot(a, a));

/** The vector, shortened to `most` when it is longer. */
export function limited(a: Vec, most: number): Vec {
  const length = size(a);
  return length > most ? scale(a, most / length) : a;
}

const apply = (m: Matrix, v: Vec): Vec => [dot(m[0], v), dot(m[1], v), dot(m[2], v)];

/** Rotation by a rotation vector (radians). */
export function rotation(r: Vec): Matrix {
  const angle = size(r);
  if (angle < 1e-9) return [[1, 0, 0], [0, 1, 0], [0, 0, 1]]; // biome-ignore format: a matrix
  const [x, y, z] = scale(r, 1 / angle);
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  const t = 1 - c;
  return [
    [t * x * x + c, t * x * y - s * z, t * x * z + s * y],
    [t * x * y + s * z, t * y * y + c, t * y * z - s * x],
    [t * x * z - s * y, t * y * z + s * x, t * z * z + c],
  ];
}

const numbers = (row: readonly number[] | undefined): readonly [number, number, number, number] => [
  row?.[0] ?? 0,
  row?.[1] ?? 0,
  row?.[2] ?? 0,
  row?.[3] ?? 0,
];

function stateNamed(embodiment: Embodiment, state: readonly number[], names: readonly string[]): Vec | null {
  const found = names.map((name) => state[embodiment.state.findIndex((quantity) => quantity.name === name)]);
  const [a, b, c] = found;
  return a === undefined || b === undefined || c === undefined ? null : [a, b, c];
}

/** Tool centre point in the base frame, when the body reports it. */
export function toolPosition(embodiment: Embodiment, state: readonly number[]): Vec | null {
  return stateNamed(embodiment, state, ["tool_x", "tool_y", "tool_z"]);
}

/** A direction of the tool's frame in the base frame: `tool_rx..rz` turns from "straight down" (x forward, z down) to now. */
function toolDirection(turn: Vec, v: Vec): Vec {
  return apply(rotation(turn), [v[0], -v[1], -v[2]]);
}

/** The picture's directions in the base frame; null where the camera rides on something whose pose is unknown. */
export function pictureFrame(camera: Camera, embodiment: Embodiment, state: readonly number[]): PictureFrame | null {
  const [r0, r1, r2] = [numbers(camera.T_mount[0]), numbers(camera.T_mount[1]), numbers(camera.T_mount[2])];
  const column = (i: 0 | 1 | 2 | 3): Vec => [r0[i], r1[i], r2[i]];
  if (camera.mount === "base" || camera.mount === "world")
    return { right: column(0), up: scale(column(1), -1), forward: column(2), origin: column(3) };
  const turn = stateNamed(embodiment, state, ["tool_rx", "tool_ry", "tool_rz"]);
  const tool = toolPosition(embodiment, state);
  if (camera.mount !== "tool" || !turn || !tool) return null;
  const turned = (v: Vec): Vec => toolDirection(turn, v);
  return {
    right: turned(column(0)),
    up: scale(turned(column(1)), -1),
    forward: turned(column(2)),
    origin: add(tool, turned(column(3))),
  };
}

/** How far in front of the camera a point is, metres along the optical axis. */
export function depth(frame: PictureFrame, point: Vec): number {
  return dot(minus(point, frame.origin), frame.forward);
}

/** Pixel (u right, v down) of a point in the base frame; null when it is behind the camera. */
export function project(camera: Camera, frame: PictureFrame, point: Vec): readonly [number, number] | null {
  const z = depth(frame, point);
  if (z < 1e-3) return null;
  const d = minus(point, frame.origin);
  const [kx, ky] = [numbers(camera.K[0]), numbers(camera.K[1])];
  return [(kx[0] * dot(d, frame.right)) / z + kx[2], (-ky[1] * dot(d, frame.up)) / z + ky[2]];
}

/** Displacement in the base frame of a shift by (du right, dv down) pixels at depth `z` metres, in the picture's plane. */
export function unproject(camera: Camera, frame: PictureFrame, du: number, dv: number, z: number): Vec {
  const [fx, fy] = [numbers(camera.K[0])[0] || 1, numbers(camera.K[1])[1] || 1];
  return add(scale(frame.right, (du / fx) * z), scale(frame.up, (-dv / fy) * z));
}

export type Turn = 0 | 1 | 2 | 3;

/** Quarter turns about z (counter-clockwise from above) from the base's x to the way into the picture. */
export function quarterTurn(forward: Vec): Turn {
  const quarters = Math.round(Math.atan2(forward[1], forward[0]) / (Math.PI / 2));
  return ((quarters + 4) % 4) as Turn;
}

/** A vector (x forward, y left) turned by quarter turns about z. */
export function turned(v: Vec, turn: Turn): Vec {
  const [x, y, z] = v;
  if (turn === 1) return [-y, x, z];
  if (turn === 2) return [-x, -y, z];
  if (turn === 3) return [y, -x, z];
  return v;
}
