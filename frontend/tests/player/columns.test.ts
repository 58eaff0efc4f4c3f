import { describe, expect, it } from "vitest";
import type { Column } from "../../src/episodes/shapes";
import { clampStretches, clampsAt, nextIntervention, parseColumns, Rows, type Series } from "../../src/player/columns";
import { laneRange, lanesOf, laneValue } from "../../src/player/lanes";
import { eventMarks, place, ticks } from "../../src/player/marks";

function column(kind: string, name: string, unit = ""): Column {
  return { kind, name, unit, low: null, high: null };
}

function series(kind: string, name: string, values: number[], unit = ""): Series {
  return { ...column(kind, name, unit), values: Float32Array.from(values) };
}

describe("columns", () => {
  it("lie one after the other", () => {
    const data = Float32Array.from([1, 2, 3, 4, 5, 6]).buffer;
    const parsed = parseColumns(data, [column("state", "a"), column("state", "b")], 3);
    expect(parsed.map((s) => [...s.values])).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
  });

  it("are refused when they are shorter than announced", () => {
    expect(() => parseColumns(new ArrayBuffer(20), [column("state", "a")], 6)).toThrow("20 bytes where 24");
  });

  it("give NaN where there is nothing", () => {
    const rows = new Rows([series("latency", "latency", [1, Number.NaN])], 2, 30);
    expect(rows.at(0, "latency")).toBe(1);
    expect(rows.at(1, "latency")).toBeNaN();
    expect(rows.at(0, "force")).toBeNaN();
  });

  it("tell how far apart the cameras were", () => {
    const lags = [series("lag", "scene", new Array(100).fill(8)), series("lag", "wrist", new Array(100).fill(9.5))];
    expect(new Rows(lags, 100, 30).cameraSpread()).toBeCloseTo(1.5);
    expect(new Rows(lags.slice(1), 100, 30).cameraSpread()).toBeNaN();
  });
});

describe("clamps", () => {
  const names = ["limit", "slew"];

  it("become stretches, joined over short gaps", () => {
    const bits = Float32Array.from([0, 1, 1, 0, 1, 0, 0, 0, 3, 2]);
    expect(clampStretches(bits, names, 1)).toEqual([
      { first: 1, last: 4, name: "limit" },
      { first: 8, last: 8, name: "limit" },
      { first: 8, last: 9, name: "slew" },
    ]);
  });

  it("are named by their bits", () => {
    expect(clampsAt(2, names)).toEqual(["slew"]);
    expect(clampsAt(Number.NaN, names)).toEqual([]);
  });
});

describe("takeovers", () => {
  const band = [
    { first: 0, last: 9, pilot: "hold" },
    { first: 10, last: 19, pilot: "operator" },
    { first: 20, last: 29, pilot: "policy" },
    { first: 30, last: 39, pilot: "operator" },
  ];

  it("are jumped through in a circle", () => {
    expect(nextIntervention(band, 0)).toBe(10);
    expect(nextIntervention(band, 10)).toBe(30);
    expect(nextIntervention(band, 30)).toBe(10);
    expect(nextIntervention(band.slice(0, 1), 0)).toBe(-1);
  });
});

describe("lanes", () => {
  const rows = new Rows(
    [
      series("asked", "vx", [0.1, 0.3], "m/s"),
      series("done", "vx", [0, 0.2], "m/s"),
      series("state", "joint_1", [1, 2], "rad"),
      series("state", "x", [0.5, 0.6], "m"),
      series("latency", "latency", [Number.NaN, 40], "ms"),
      series("uncertainty", "uncertainty", [Number.NaN, Number.NaN]),
    ],
    2,
    30,
  );

  it("put asked, dashed, beside done and leave out what was never measured", () => {
    const lanes = lanesOf(rows, "tool");
    expect(lanes.map((l) => l.label)).toEqual(["Move x", "Picture age"]);
    expect(lanes[0]?.lines.map((l) => l.dashed)).toEqual([true, false]);
    expect(lanesOf(rows, "joints").map((l) => l.label)).toEqual(["Joint 1", "Picture age"]);
    expect(lanesOf(rows, "all").map((l) => l.label)).toEqual(["Move x", "Joint 1", "X", "Picture age"]);
  });

  it("read what was done, with its unit", () => {
    const [move, age] = lanesOf(rows, "tool");
    if (!move || !age) throw new Error("lanes are missing");
    expect(laneValue(move, 1)).toBe("0.20 m/s");
    expect(laneValue(age, 0)).toBe("–");
    expect(laneRange(age)[1]).toBeGreaterThan(100);
  });

  it("have a range even when nothing moves", () => {
    const still = lanesOf(new Rows([series("asked", "vx", [0, 0])], 2, 30), "tool")[0];
    if (!still) throw new Error("lane is missing");
    const [low, high] = laneRange(still);
    expect(high).toBeGreaterThan(low);
  });
});

describe("marks", () => {
  const mark = (row: number, words = "edge of the workspace") => ({
    row,
    words,
    icon: "shield" as const,
    look: "warn" as const,
  });

  it("join when they would lie over each other and lose their words when there is no room", () => {
    const placed = place([mark(500), mark(100), mark(105), mark(180)], 1000);
    expect(placed.map((m) => [m.row, m.more, m.labelled])).toEqual([
      [100, 1, false],
      [180, 0, true],
      [500, 0, true],
    ]);
  });

  it("call it control only when the mode changed; a refusal is a note", () => {
    const event = {
      row: 1,
      time_s: 0,
      event: "refused",
      actor: "Mina",
      reason: "STALE",
      before: "TELEOP",
      after: "TELEOP",
    };
    const took = { ...event, event: "granted", reason: "GRANTED", before: "SAFE_HOLD" };
    expect(eventMarks([event, took]).map((m) => m.words)).toEqual(["refused: stale", "in control, Mina"]);
  });

  it("leave room for the number of those that joined", () => {
    const placed = place([mark(100), mark(110), mark(150), mark(170)], 1000);
    expect(placed.map((m) => [m.row, m.more])).toEqual([
      [100, 2],
      [170, 0],
    ]);
  });

  it("write at most eight times, none over the end", () => {
    expect(ticks(58.1)).toEqual([0, 10, 20, 30, 40, 50]);
    expect(ticks(3.2)).toEqual([0, 1, 2]);
    expect(ticks(1800).length).toBeLessThanOrEqual(8);
  });
});
