// How long to wait before trying a connection again. Pure: chance comes in from outside.

export const FIRST_MS = 500;
export const LONGEST_MS = 8000;

/** Milliseconds before attempt number `attempt` (1 = first retry): doubles, capped, spread over the upper half so that pages do not return together. */
export function waitMs(attempt: number, random: () => number): number {
  const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.max(0, attempt - 1));
  return Math.round(ceiling * (0.5 + 0.5 * random()));
}
