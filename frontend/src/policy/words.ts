// What is said of a policy, in words. Pure but for icons.
import { icon } from "../icons";
import type { PolicyRow, Stage } from "./shapes";

const CHIPS: Record<Stage, [string, "clock" | "play" | "check" | "cross" | "shield"]> = {
  candidate: ["", "clock"],
  shadow: ["", "shield"],
  canary: ["acc", "play"],
  production: ["ok", "check"],
  retired: ["", "cross"],
};

export const MEANS: Record<Stage, string> = {
  candidate: "Looked at by people; runs when somebody asks for it by name.",
  shadow: "Answers beside the one that drives; nothing follows it.",
  canary: "Drives on some robots.",
  production: "Drives wherever it can.",
  retired: "Drives nowhere any more.",
};

export function stageChip(row: PolicyRow): string {
  if (row.withdrawn_reason) return `<span class="chip err">${icon("cross")}withdrawn</span>`;
  const [look, shape] = CHIPS[row.stage];
  return `<span class="chip ${look}">${icon(shape)}${row.stage}</span>`;
}

export interface Rate {
  name: string;
  share: number;
  low: number;
  high: number;
  n: number;
}

/** Figures that have an interval, and the others as they are. */
export function figures(given: Record<string, unknown>): {
  rates: Rate[];
  errors: [string, number][];
  others: [string, string][];
} {
  const rates: Rate[] = [];
  const errors: [string, number][] = [];
  const others: [string, string][] = [];
  for (const [name, value] of Object.entries(given)) {
    const found = value as Record<string, unknown> | null;
    const plain = name.replaceAll("_", " ");
    if (typeof value === "number") errors.push([plain.replace("held out", "").trim() || "all, weighted", value]);
    else if (found && typeof found === "object" && typeof found.success === "number" && typeof found.low === "number")
      rates.push({
        name: plain,
        share: found.success,
        low: found.low,
        high: counted(found.high, 1),
        n: counted(found.n, 0),
      });
    else if (name !== "doubt") others.push([plain, typeof value === "string" ? value : told(value)]);
  }
  return { rates, errors, others };
}

/** A card is whatever somebody wrote. */
function counted(value: unknown, otherwise: number): number {
  return typeof value === "number" ? value : otherwise;
}

function told(value: unknown): string {
  if (value === null || typeof value !== "object") return String(value);
  return Object.entries(value as Record<string, unknown>)
    .map(([name, inner]) => `${name.replaceAll("_", " ")} ${typeof inner === "object" ? JSON.stringify(inner) : inner}`)
    .join(", ");
}

/** Sentences without their object, so that forty become ten. */
export function patterns(instructions: readonly string[], things: readonly string[]): string[] {
  const longest = [...things].sort((a, b) => b.length - a.length);
  const plain = instructions.map((said) => {
    const thing = longest.find((one) => said.toLowerCase().includes(one.toLowerCase()));
    if (!thing) return said;
    const at = said.toLowerCase().indexOf(thing.toLowerCase());
    return `${said.slice(0, at)}…${said.slice(at + thing.length)}`;
  });
  return [...new Set(plain)];
}
