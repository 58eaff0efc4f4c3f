import { describe, expect, test } from "vitest";
import { depth, pictureFrame, project, quarterTurn, rotation, size, unproject } from "../../src/cockpit/geometry";
import { fitted, towards } from "../../src/cockpit/gesture";
import type { Camera, Embodiment } from "../../src/generated/protocol";

// A camera one metre in front of the robot, looking back at it along -x; image right is the robot's +y.
const front: Camera = {
  name: "scene",
  width: 640,
  height: 480,
  fps: 30,
  K: [
    [500, 0, 319.5],
    [0, 500, 239.5],
    [0, 0, 1],
  ],
  mount: "base",
  T_mount: [
    [0, 0, -1, 1],
    [1, 0, 0, 0],
    [0, -1, 0, 0],
    [0, 0, 0, 1],
  ],
};
const wrist: Camera = {
  ...front,
  name: "wrist",
  mount: "tool",
  T_mount: [
    [1, 0, 0, 0],
    [0, 1, 0, 0],
    [0, 0, 1, -0.1],
    [0, 0, 0, 1],
  ],
};
const quantity = (name: string) => ({ name, unit: "m", low: -1, high: 1 });
const arm: Embodiment = {
  name: "arm",
  state: ["tool_x", "tool_y", "tool_z", "tool_rx", "tool_ry", "tool_rz"].map(quantity),
  action: [],
  control_hz: 50,
  record_hz: 30,
  policy_hz: 10,
  cameras: [front, wrist],
};
const near = (v: readonly number[]) => v.map((x) => expect.closeTo(x, 6));

describe("directions of the picture", () => {
  test("a camera in front of the robot sees its left at the right", () => {
    const frame = pictureFrame(front, arm, []);
    expect(frame?.right).toEqual(near([0, 1, 0]));
    expect(frame?.up).toEqual(near([0, 0, 1]));
    expect(frame?.forward).toEqual(near([-1, 0, 0]));
    expect(frame && quarterTurn(frame.forward)).toBe(2);
  });

  test("a camera on the tool looks down with it and turns with it", () => {
    const down = pictureFrame(wrist, arm, [0.5, 0, 0.3, 0, 0, 0]);
    expect(down?.forward).toEqual(near([0, 0, -1]));
    expect(down?.origin).toEqual(near([0.5, 0, 0.4]));
    const turnedLeft = pictureFrame(wrist, arm, [0.5, 0, 0.3, 0, 0, Math.PI / 2]);
    expect(turnedLeft?.right).toEqual(near([0, 1, 0]));
  });

  test("a camera on something unknown has none", () => {
    expect(pictureFrame({ ...front, mount: "drone" }, arm, [])).toBeNull();
    expect(pictureFrame(wrist, { ...arm, state: [] }, [])).toBeNull();
  });

  test("a quarter turn about z", () => {
    expect(rotation([0, 0, Math.PI / 2])[1]).toEqual(near([1, 0, 0]));
    expect(quarterTurn([1, 0.2, -0.5])).toBe(0);
    expect(quarterTurn([0, 1, 0])).toBe(1);
    expect(quarterTurn([0, -1, 0])).toBe(3);
  });
});

describe("from picture to robot and back", () => {
  const frame = pictureFrame(front, arm, []);

  test("a shift of the picture comes back as the same pixels", () => {
    if (!frame) throw new Error("no frame");
    const point = [0.4, 0.1, 0.05] as const;
    const z = depth(frame, point);
    expect(z).toBeCloseTo(0.6);
    const at = project(front, frame, point);
    const shift = unproject(front, frame, 25, -40, z);
    const moved = project(front, frame, [point[0] + shift[0], point[1] + shift[1], point[2] + shift[2]]);
    expect([(moved?.[0] ?? 0) - (at?.[0] ?? 0), (moved?.[1] ?? 0) - (at?.[1] ?? 0)]).toEqual(near([25, -40]));
  });

  test("what is behind the camera has no pixel", () => {
    expect(frame && project(front, frame, [1.5, 0, 0])).toBeNull();
  });

  test("a click steps towards it, at most 50 mm", () => {
    const scene = { embodiment: arm, camera: front, state: [0.4, 0, 0, 0, 0, 0] };
    const small = towards(scene, 319.5 + 10, 239.5);
    expect(small).toEqual(near([0, 0.012, 0]));
    const far = towards(scene, 639, 239.5);
    expect(far && size(far)).toBeCloseTo(0.05);
  });

  test("the picture is fitted whole into the box", () => {
    expect(fitted({ width: 1000, height: 480 }, front)).toEqual({ perPx: 1, left: 180, top: 0 });
    expect(fitted({ width: 320, height: 480 }, front)).toEqual({ perPx: 2, left: 0, top: 120 });
  });
});
