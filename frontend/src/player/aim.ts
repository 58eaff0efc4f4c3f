// Where a mark is while a person places it: a point that grows to a box. Pure; all numbers are shares of the picture.

export interface Aim {
  x: number;
  y: number;
  width: number;
  height: number;
}

export const CENTRE: Aim = { x: 0.5, y: 0.5, width: 0, height: 0 };
const LEAST = 0.01;

function within(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}

/** Moved by whole steps, never out of the picture. */
export function moved(aim: Aim, dx: number, dy: number): Aim {
  return { ...aim, x: within(aim.x + dx, 0, 1 - aim.width), y: within(aim.y + dy, 0, 1 - aim.height) };
}

/** Grown or shrunk at its right and lower edge; below 1 % it is a point again. */
export function grown(aim: Aim, dx: number, dy: number): Aim {
  const width = within(aim.width + dx, 0, 1 - aim.x);
  const height = within(aim.height + dy, 0, 1 - aim.y);
  if (width <= 0 && height <= 0) return { ...aim, width: 0, height: 0 };
  return { ...aim, width: Math.max(width, LEAST), height: Math.max(height, LEAST) };
}

/** Between two corners in any order; a press without a drag is a point. */
export function between(one: { x: number; y: number }, other: { x: number; y: number }): Aim {
  const [x0, x1] = [within(Math.min(one.x, other.x), 0, 1), within(Math.max(one.x, other.x), 0, 1)];
  const [y0, y1] = [within(Math.min(one.y, other.y), 0, 1), within(Math.max(one.y, other.y), 0, 1)];
  const box = x1 - x0 >= LEAST && y1 - y0 >= LEAST;
  return { x: x0, y: y0, width: box ? x1 - x0 : 0, height: box ? y1 - y0 : 0 };
}

/** Place of the aim as style. */
export function styleOf(aim: Aim): string {
  const pct = (share: number): string => `${(100 * share).toFixed(3)}%`;
  return `left:${pct(aim.x)};top:${pct(aim.y)};width:${pct(aim.width)};height:${pct(aim.height)}`;
}
