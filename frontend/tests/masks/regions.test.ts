// Masked regions stay polygons within the picture whatever a hand or a field does to them.
import { describe, expect, it } from "vitest";
import { area, asRect, between, fromRect, moved, type Region, withCorner, withSide } from "../../src/masks/regions";

const BOX = fromRect({ left: 0.1, top: 0.2, width: 0.3, height: 0.4 });
const TRIANGLE: Region = [
  [0, 0],
  [0.5, 0],
  [0, 0.5],
];

describe("rectangles", () => {
  it("are known from their corners and no other polygon is", () => {
    expect(asRect(BOX)).toMatchObject({ left: 0.1, top: 0.2 });
    expect(asRect(TRIANGLE)).toBeNull();
    expect(asRect(withCorner(BOX, 0, [0.15, 0.2]))).toBeNull();
  });

  it("lie between two corners, whichever", () => {
    expect(fromRect(between([0.4, 0.6], [0.1, 0.2]))).toEqual(BOX);
  });

  it("end at the border when a side is typed too large", () => {
    const wide = asRect(withSide({ left: 0.1, top: 0.2, width: 0.3, height: 0.4 }, "width", 5));
    expect((wide?.left ?? 0) + (wide?.width ?? 0)).toBeCloseTo(1);
    expect(asRect(withSide({ left: 0.1, top: 0.2, width: 0.3, height: 0.4 }, "left", 1))?.width).toBeGreaterThan(0);
  });
});

describe("moving", () => {
  it("keeps the shape and stops at the border", () => {
    const there = moved(BOX, 5, -5);
    expect(there.map(([x]) => x)).toEqual([0.7, 1, 1, 0.7]);
    expect(there[0]?.[1]).toBe(0);
    expect(area(there)).toBeCloseTo(area(BOX));
  });
});

it("covers half of its rectangle as a triangle", () => {
  expect(area(TRIANGLE)).toBeCloseTo(0.125);
});
