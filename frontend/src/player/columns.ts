// The rows of an episode as float columns, and the questions the player asks of them. Pure.
import type { Column, EpisodeDetail, Stretch } from "../episodes/shapes";

export interface Series extends Column {
  values: Float32Array;
}

/** Column i fills floats [i*rows, (i+1)*rows), little endian. Throws when the sizes do not fit together. */
export function parseColumns(data: ArrayBuffer, columns: readonly Column[], rows: number): Series[] {
  const expected = columns.length * rows * 4;
  if (data.byteLength !== expected) {
    throw new RangeError(`The rows have ${data.byteLength} bytes where ${expected} were announced.`);
  }
  return columns.map((column, i) => ({ ...column, values: new Float32Array(data, i * rows * 4, rows) }));
}

export class Rows {
  constructor(
    readonly series: readonly Series[],
    readonly count: number,
    readonly hz: number,
  ) {}

  of(kind: string): Series[] {
    return this.series.filter((s) => s.kind === kind);
  }

  find(kind: string, name?: string): Series | undefined {
    return this.series.find((s) => s.kind === kind && (name === undefined || s.name === name));
  }

  /** NaN where there is no such column or no value. */
  at(row: number, kind: string, name?: string): number {
    return this.find(kind, name)?.values[row] ?? Number.NaN;
  }

  /** 95th percentile of how far apart the cameras' pictures of one row were taken, ms; NaN with fewer than two. */
  cameraSpread(): number {
    const lags = this.of("lag");
    if (lags.length < 2) return Number.NaN;
    const spread: number[] = [];
    for (let row = 0; row < this.count; row += 1) {
      const now = lags.map((lag) => lag.values[row] ?? Number.NaN);
      if (now.every(Number.isFinite)) spread.push(Math.max(...now) - Math.min(...now));
    }
    spread.sort((a, b) => a - b);
    return spread[Math.min(spread.length - 1, Math.floor(spread.length * 0.95))] ?? Number.NaN;
  }
}

export interface Clamped {
  first: number;
  last: number;
  name: string;
}

/** Stretches during which a clamp was on, joined over gaps of up to `gap` rows, in order of time. */
export function clampStretches(bits: Float32Array, names: readonly string[], gap: number): Clamped[] {
  const found: Clamped[] = [];
  names.forEach((name, bit) => {
    let open: Clamped | null = null;
    for (let row = 0; row < bits.length; row += 1) {
      if ((((bits[row] ?? 0) >>> bit) & 1) === 0) continue;
      if (open && row - open.last <= gap + 1) open.last = row;
      else {
        open = { first: row, last: row, name };
        found.push(open);
      }
    }
  });
  return found.sort((a, b) => a.first - b.first);
}

const CLAMP_WORDS: Record<string, string> = {
  not_finite: "not a number",
  limit: "at an axis limit",
  speed: "at the speed limit",
  latency: "slowed: old picture",
  slew: "eased in",
  workspace: "edge of the workspace",
  deadman: "deadman up",
  stale_command: "no fresh command",
  stale_picture: "picture too old",
  neutral_first: "neutral first",
};

export function clampWords(name: string): string {
  return CLAMP_WORDS[name] ?? name.replaceAll("_", " ");
}

/** Names of the set bits of one row. */
export function clampsAt(bits: number, names: readonly string[]): string[] {
  return Number.isFinite(bits) ? names.filter((_, bit) => (bits >>> bit) & 1) : [];
}

/** Row where a person next takes control after `row`, from the first again when there is none later; -1 without any. */
export function nextIntervention(band: readonly Stretch[], row: number): number {
  const starts = band.filter((s) => s.pilot === "operator").map((s) => s.first);
  return starts.find((first) => first > row) ?? starts[0] ?? -1;
}

export function pilotAt(episode: Pick<EpisodeDetail, "band">, row: number): string {
  return episode.band.find((s) => s.first <= row && row <= s.last)?.pilot ?? "hold";
}
