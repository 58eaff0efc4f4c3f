// Marks on the time line: clamps and events placed so that they never lie over each other; and the ticks of the clock. Pure.
import type { EpisodeEvent } from "../episodes/shapes";
import type { IconName } from "../icons";
import { reasonWords } from "../mode";
import { type Clamped, clampWords } from "./columns";

export interface Mark {
  row: number;
  icon: IconName;
  look: "warn" | "acc" | "muted" | "err" | "";
  words: string;
  /** The whole sentence, where the words are short for it. */
  title?: string;
}

export interface Placed extends Mark {
  /** Percent of the width. */
  left: number;
  /** False where the words would lie over the next mark: the icon stands alone, the words are its title. */
  labelled: boolean;
  /** How many further marks stand at the same place. */
  more: number;
}

const ICON_PCT = 3.2;
const COUNTED_PCT = 6; // an icon with a number beside it
const LETTER_PCT = 0.85;

export function clampMarks(stretches: readonly Clamped[], hz: number): Mark[] {
  return stretches.map((s) => {
    const seconds = (s.last - s.first + 1) / hz;
    const words = seconds < 0.1 ? clampWords(s.name) : `${clampWords(s.name)} ${seconds.toFixed(1)} s`;
    return { row: s.first, icon: "shield", look: "warn", words };
  });
}

/** Changes of who drives have their own look; whatever changed nothing, such as a refusal, is a plain note. */
export function eventMarks(events: readonly EpisodeEvent[]): Mark[] {
  return events.map((e) => {
    const by = e.actor ? `, ${e.actor}` : "";
    const words = `${reasonWords(e.event)}${e.reason && e.reason !== e.event ? `: ${reasonWords(e.reason)}` : ""}`;
    if (e.before === e.after) return { row: e.row, icon: "flag", look: "", words };
    if (e.after === "ESTOP") return { row: e.row, icon: "stop", look: "err", words: `remote stop${by}` };
    if (e.after === "TELEOP") return { row: e.row, icon: "hand", look: "acc", words: `in control${by}` };
    if (e.after === "SAFE_HOLD") return { row: e.row, icon: "lock", look: "muted", words: `hold, ${words}` };
    return { row: e.row, icon: "flag", look: "", words };
  });
}

/** Left to right; marks that would touch the one before join it. */
export function place(marks: readonly Mark[], rows: number): Placed[] {
  const placed: Placed[] = [];
  for (const mark of [...marks].sort((a, b) => a.row - b.row)) {
    const left = Math.min(100 - ICON_PCT, (100 * mark.row) / Math.max(1, rows));
    const before = placed.at(-1);
    const wide = before && before.more > 0 ? COUNTED_PCT : ICON_PCT;
    if (before && left - before.left < wide) {
      before.more += 1;
      before.left = Math.min(before.left, 100 - COUNTED_PCT);
    } else placed.push({ ...mark, left, labelled: false, more: 0 });
  }
  placed.forEach((mark, i) => {
    const room = (placed[i + 1]?.left ?? 100) - mark.left;
    mark.labelled = room > (mark.more > 0 ? COUNTED_PCT : ICON_PCT) + mark.words.length * LETTER_PCT;
  });
  return placed;
}

const STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600];

/** Seconds at which the clock is written, at most eight of them. */
export function ticks(seconds: number): number[] {
  const step = STEPS_S.find((s) => seconds / s <= 8) ?? 1200;
  const found = [];
  for (let at = 0; at <= seconds - step * 0.35; at += step) found.push(at);
  return found;
}
