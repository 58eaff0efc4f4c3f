// The curves of one training, put together from the lines it reports. Pure. A training that went on after a kill did some steps twice: the later count.
import type { Line } from "./reported";

export interface Series {
  steps: number[];
  values: (number | null)[];
}

const HELD = "held_out";

export class Curves {
  private readonly points = new Map<string, Map<number, number>>();
  readonly log: Line[] = [];
  last = 0;
  first = Number.NaN; // when it was first heard of, s since 1970

  add(lines: readonly Line[]): void {
    for (const line of lines) {
      if (Number.isNaN(this.first)) this.first = line.at;
      if (line.event === "began") this.cut(line.step ?? 0);
      if (line.event === "step" || line.event === "checked") this.keep(line);
      if (line.event !== "reading") this.log.push(line);
    }
    if (this.log.length > 400) this.log.splice(0, this.log.length - 400);
  }

  private keep(line: Line): void {
    const step = line.step ?? 0;
    this.last = Math.max(this.last, step);
    for (const [name, value] of Object.entries(line)) {
      if (typeof value !== "number" || name === "at" || name === "step") continue;
      let found = this.points.get(name);
      if (!found) {
        found = new Map();
        this.points.set(name, found);
      }
      found.set(step, value);
    }
  }

  private cut(step: number): void {
    this.last = step;
    for (const found of this.points.values()) for (const at of [...found.keys()]) if (at > step) found.delete(at);
  }

  /** Names of losses of heads that are known of, the largest first: what nobody could label is always 0. */
  heads(of = "loss_"): string[] {
    const names = [...this.points.keys()].filter((name) => name.startsWith(of));
    const size = (name: string): number => Math.max(0, ...(this.points.get(name)?.values() ?? []));
    return names.filter((name) => size(name) > 0).sort((a, b) => size(b) - size(a));
  }

  heldOutHeads(): string[] {
    return this.heads(`${HELD}_`);
  }

  has(name: string): boolean {
    return (this.points.get(name)?.size ?? 0) > 0;
  }

  newest(name: string): number | null {
    const found = this.points.get(name);
    return found?.size ? (found.get(Math.max(...found.keys())) ?? null) : null;
  }

  /** Several curves over the steps at which any of them is known; null where one is not. */
  together(names: readonly string[]): { steps: number[]; values: (number | null)[][] } {
    const found = names.map((name) => this.points.get(name) ?? new Map<number, number>());
    const steps = [...new Set(found.flatMap((one) => [...one.keys()]))].sort((a, b) => a - b);
    return { steps, values: found.map((one) => steps.map((step) => one.get(step) ?? null)) };
  }
}

/** Curves of several trainings over one axis of steps. */
export function beside(all: readonly Curves[], name: string): { steps: number[]; values: (number | null)[][] } {
  const each = all.map((curves) => curves.together([name]));
  const steps = [...new Set(each.flatMap((one) => one.steps))].sort((a, b) => a - b);
  const values = each.map((one) => {
    const at = new Map(one.steps.map((step, i) => [step, one.values[0]?.[i] ?? null]));
    return steps.map((step) => at.get(step) ?? null);
  });
  return { steps, values };
}
