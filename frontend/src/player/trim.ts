// Which rows of an episode are kept, and what I, O and P make of them. Pure; the server keeps the result.
import type { Change } from "../episodes/store";

/** Rows first..last, both kept. */
export interface Span {
  first: number;
  last: number;
}

interface Trimmed {
  rows: number;
  trim_first: number | null;
  trim_last: number | null;
}

export function kept(episode: Trimmed): Span {
  return { first: episode.trim_first ?? 0, last: episode.trim_last ?? episode.rows - 1 };
}

export function isTrimmed(episode: Trimmed): boolean {
  return episode.trim_first !== null || episode.trim_last !== null;
}

/** Keeps from `row` on; at the row where it begins already, the trim is taken away. An end that lies before moves out of the way. */
export function trimIn(episode: Trimmed, row: number): Change {
  if (row === episode.trim_first) return { trim_first: null };
  return row > kept(episode).last ? { trim_first: row, trim_last: null } : { trim_first: row };
}

export function trimOut(episode: Trimmed, row: number): Change {
  if (row === episode.trim_last) return { trim_last: null };
  return row < kept(episode).first ? { trim_first: null, trim_last: row } : { trim_last: row };
}

/** Takes what the check proposes; null when there is nothing proposed or it is taken already. */
export function takeProposed(episode: Trimmed & { proposed_trim: Span | null }): Change | null {
  const proposed = episode.proposed_trim;
  if (!proposed) return null;
  const now = kept(episode);
  if (now.first === proposed.first && now.last === proposed.last) return null;
  return { trim_first: proposed.first, trim_last: proposed.last };
}
