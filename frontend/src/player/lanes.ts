// Which plots the player draws, from the columns an episode has: asked beside done, what the body did, how old the picture was. Pure.
import { fixed } from "../text";
import type { Rows, Series } from "./columns";

export type LaneSet = "tool" | "joints" | "all";

export interface Line {
  series: Series;
  /** asked = dashed. */
  dashed: boolean;
}

export interface Lane {
  label: string;
  unit: string;
  lines: Line[];
  /** CSS variable of the colour, without the dashes. */
  colour: string;
  /** Dashed limit line, in the unit. */
  limit?: number;
}

const COLOURS = ["d1", "d2", "d3", "d5", "d7", "d4", "d6"];

const NAMES: Record<string, string> = {
  vx: "Move x",
  vy: "Move y",
  vz: "Move z",
  wx: "Turn x",
  wy: "Turn y",
  wz: "Turn z",
};

export function laneName(name: string): string {
  const words = (NAMES[name] ?? name).replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Lanes of a set, in the order they are drawn; `limit`: from where on a run asks for help. */
export function lanesOf(rows: Rows, set: LaneSet, limit?: number): Lane[] {
  const lanes: Lane[] = [];
  if (set !== "joints") lanes.push(...pairs(rows));
  const states = rows.of("state").filter((s) => set !== "tool" || !isJoint(s));
  if (set !== "tool") lanes.push(...states.filter(isJoint).map((s, i) => single(s, i)));
  if (set === "all") lanes.push(...states.filter((s) => !isJoint(s)).map((s, i) => single(s, i + 2)));
  const latency = rows.find("latency");
  if (latency?.values.some(Number.isFinite)) {
    lanes.push({ label: "Picture age", unit: "ms", lines: [solid(latency)], colour: "text-2", limit: 100 });
  }
  const doubt = rows.find("uncertainty");
  if (doubt?.values.some(Number.isFinite))
    lanes.push({
      label: "Doubt",
      unit: "",
      lines: [solid(doubt)],
      colour: "text",
      ...(limit === undefined ? {} : { limit }),
    });
  return lanes;
}

function isJoint(series: Series): boolean {
  return /joint|^j\d|^q\d/i.test(series.name) || series.unit === "rad";
}

function solid(series: Series): Line {
  return { series, dashed: false };
}

function single(series: Series, index: number): Lane {
  return {
    label: laneName(series.name),
    unit: series.unit,
    lines: [solid(series)],
    colour: COLOURS[index % COLOURS.length] ?? "d1",
  };
}

function pairs(rows: Rows): Lane[] {
  return rows.of("asked").map((asked, index) => {
    const done = rows.find("done", asked.name);
    const lines = [{ series: asked, dashed: true }, ...(done ? [solid(done)] : [])];
    const grips = /grip/i.test(asked.name);
    return {
      label: laneName(asked.name),
      unit: asked.unit,
      lines,
      colour: grips ? "d4" : (COLOURS[index % COLOURS.length] ?? "d1"),
    };
  });
}

/** " m/s"; a bare ratio, written "1", has no unit to show. */
export function unitWords(unit: string): string {
  return unit === "" || unit === "1" ? "" : ` ${unit}`;
}

/** The number beside a lane's name: the last line (done) at this row. */
export function laneValue(lane: Lane, row: number): string {
  const value = lane.lines.at(-1)?.series.values[row] ?? Number.NaN;
  if (!Number.isFinite(value)) return "–";
  return `${fixed(value, lane.unit === "ms" ? 0 : 2)}${unitWords(lane.unit)}`;
}

/** Low and high of the plotted numbers with a little air; never an empty range. */
export function laneRange(lane: Lane): [number, number] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { series } of lane.lines) {
    for (const value of series.values) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  if (lane.limit !== undefined) high = Math.max(high, lane.limit);
  if (!(low <= high)) return [-1, 1];
  const air = Math.max((high - low) * 0.08, lane.unit === "ms" ? 1 : 0.01);
  return [low - air, high + air];
}
