// A run's trace: lines as they come, and what can be read from them: who moved the robot when, what it was at, where it doubted. No drawing.
import type { Line, Phase, RunDetail } from "../tasks/shapes";

/** Of what the server hands out at once: a shorter piece was the last there is (a line is at most 128 KiB, a piece 256). */
const SHORT = 128 << 10;

export type Pilot = "policy" | "operator" | "hold";

export interface Span<T> {
  from: number;
  to: number;
  what: T;
}

const PILOT: Readonly<Record<Phase, Pilot>> = {
  ordered: "hold",
  starting: "hold",
  moving: "policy",
  holding: "hold",
  taken: "operator",
  ended: "hold",
};

export class Trace {
  readonly lines: Line[] = [];
  private next = 0;
  private zeroNs = 0;

  /** Seconds are counted from here; without a recording from the first line. */
  startAt(ns: number): void {
    this.zeroNs = ns;
  }

  private get zero(): number {
    return this.zeroNs || (this.lines[0]?.time_ns ?? 0);
  }

  seconds(line: Line): number {
    return (line.time_ns - this.zero) / 1e9;
  }

  get newest(): Line | undefined {
    return this.lines[this.lines.length - 1];
  }

  get length(): number {
    const last = this.newest;
    return last ? Math.max(0, this.seconds(last)) : 0;
  }

  /** Reads on to the end of what there is now; how many lines came. */
  async read(url: string, signal?: AbortSignal): Promise<number> {
    const before = this.lines.length;
    for (;;) {
      const answer = await fetch(`${url}/trace?at=${this.next}`, {
        credentials: "same-origin",
        signal: signal ?? null,
      });
      if (!answer.ok) return this.lines.length - before;
      const text = await answer.text();
      const after = Number(answer.headers.get("X-Next") ?? this.next);
      const bytes = after - this.next;
      this.take(text);
      this.next = after;
      if (bytes < SHORT) return this.lines.length - before;
    }
  }

  /** Lines of text; what cannot be read, or comes twice, is passed over. */
  take(text: string): void {
    for (const raw of text.split("\n")) {
      if (!raw) continue;
      try {
        const line = JSON.parse(raw) as Line;
        if (typeof line.n === "number" && line.n > (this.newest?.n ?? -1)) this.lines.push(line);
      } catch {
        // a line that a crash cut
      }
    }
  }

  /** The last line at or before this second. */
  at(seconds: number): Line | undefined {
    let low = 0;
    let high = this.lines.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const line = this.lines[middle] as Line;
      if (this.seconds(line) <= seconds + 1e-6) low = middle + 1;
      else high = middle;
    }
    return this.lines[low - 1];
  }

  /** What it thought at this second: a word between two chunks says nothing of it. */
  thought(seconds: number): Line | undefined {
    const last = this.at(seconds);
    for (let i = last ? this.lines.indexOf(last) : -1; i >= 0; i--)
      if (this.lines[i]?.reasoning || this.lines[i]?.doubt !== undefined) return this.lines[i];
    return last;
  }

  private spans<T>(of: (line: Line, before: T | undefined) => T | undefined): Span<T>[] {
    const out: Span<T>[] = [];
    for (const line of this.lines) {
      const t = this.seconds(line);
      const last = out[out.length - 1];
      const what = of(line, last?.what);
      if (last) last.to = t;
      if (what !== undefined && what !== last?.what) out.push({ from: t, to: t, what });
    }
    return out;
  }

  pilots(): Span<Pilot>[] {
    return this.spans((line) => (line.phase === "ended" ? undefined : PILOT[line.phase]));
  }

  subtasks(): Span<string>[] {
    return this.spans((line, before) =>
      line.phase === "taken" ? "by hand" : (line.reasoning?.subtask ?? (before === "by hand" ? "" : before)),
    );
  }

  /** Moments that are looked for: a hold and its reason, a takeover, the end, clamps that begin. */
  events(): { at: number; what: string; kind: Phase | "clamp" }[] {
    const out: { at: number; what: string; kind: Phase | "clamp" }[] = [];
    let before: Line | undefined;
    for (const line of this.lines) {
      const at = this.seconds(line);
      if (line.phase !== before?.phase || (line.phase === "holding" && line.reason !== before?.reason))
        out.push({ at, what: line.reason || line.phase, kind: line.phase });
      if ((line.clamps?.length ?? 0) > 0 && (before?.clamps?.length ?? 0) === 0)
        out.push({ at, what: (line.clamps ?? []).join(", "), kind: "clamp" });
      before = line;
    }
    return out;
  }

  /** A value over time, at most `most` points; where many fall together the largest stays. */
  series(of: (line: Line) => number | undefined, most = 600): [number, number][] {
    const all = this.lines.flatMap((line): [number, number][] => {
      const value = of(line);
      return value === undefined ? [] : [[this.seconds(line), value]];
    });
    const step = Math.ceil(all.length / most);
    if (step <= 1) return all;
    const out: [number, number][] = [];
    for (let i = 0; i < all.length; i += step)
      out.push(all.slice(i, i + step).reduce((best, one) => (one[1] > best[1] ? one : best)));
    return out;
  }
}

/** The row with what the robot has said since it was read; how it ended is the server's to say. */
export function upToDate(run: RunDetail, line: Line | undefined): RunDetail {
  if (!line || run.phase === "ended" || line.phase === "ended" || line.n <= (run.newest?.n ?? -1)) return run;
  return { ...run, phase: line.phase, reason: line.reason ?? "", explanation: line.sentence ?? "", newest: line };
}
