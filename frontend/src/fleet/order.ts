// The order of the list and the counts above it. Pure. Need first; who needs nobody stands below; ties by name, so that rows keep their place.
import type { RobotRow } from "../generated/protocol";
import type { Look } from "../mode";
import type { Doing } from "./sentence";

const RANK: Record<Look, number> = {
  hold: 1,
  asked: 2,
  align: 2,
  human: 3,
  auto: 4,
  paused: 4,
  idle: 5,
  charge: 6,
  stop: 7,
  off: 8,
};

export interface Entry {
  row: RobotRow;
  doing: Doing;
}

/** Ids in order of need. */
export function byNeed(entries: readonly Entry[]): string[] {
  const rank = (entry: Entry): number => (entry.doing.needs ? 0 : RANK[entry.doing.chip.look]);
  const names = new Intl.Collator("en", { numeric: true });
  return [...entries]
    .sort((a, b) => rank(a) - rank(b) || names.compare(a.row.name, b.row.name))
    .map((entry) => entry.row.id);
}

/** `wanted` without moving anything: newcomers go to the end, leavers drop out. Used while a pointer is over the list. */
export function keptOrder(shown: readonly string[], wanted: readonly string[]): string[] {
  const still = new Set(wanted);
  const there = new Set(shown);
  return [...shown.filter((id) => still.has(id)), ...wanted.filter((id) => !there.has(id))];
}

export interface Tile {
  figure: string;
  words: string;
  warn?: boolean;
}

/** The strip above the list. */
export function tiles(entries: readonly Entry[]): Tile[] {
  const looks = (...wanted: Look[]): number => entries.filter((e) => wanted.includes(e.doing.chip.look)).length;
  const states = entries.map((e) => (e.row.online ? e.row.state : null));
  const needs = entries.filter((e) => e.doing.needs).length;
  const human = looks("human");
  const auto = looks("auto", "paused");
  const stopped = looks("stop");
  const recording = states.filter((s) => s?.recording?.state === "recording").length;
  const pending = states.reduce((sum, s) => sum + (s?.recording?.pending ?? 0), 0);
  const watchers = states.reduce((sum, s) => sum + (s?.watchers ?? 0), 0);
  return [
    { figure: String(needs), words: needs === 1 ? "needs you" : "need you", warn: needs > 0 },
    { figure: String(human + auto), words: `working, ${human} driven by hand` },
    { figure: String(looks("idle", "charge")), words: "ready, nobody drives" },
    { figure: String(stopped + looks("off")), words: `not working: ${stopped} stopped, ${looks("off")} offline` },
    { figure: String(recording), words: pending > 0 ? `recording, ${pending} to upload` : "recording now" },
    { figure: String(watchers), words: watchers === 1 ? "page watches live" : "pages watch live" },
  ];
}
