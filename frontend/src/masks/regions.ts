// Masked regions as geometry: polygons whose corners are shares (0 to 1) of the picture. Pure.

export type Point = readonly [number, number];
export type Region = readonly Point[];

export interface Rect {
  left: number;
  top: number;
  width: number;
  height: number;
}

export const MOST_REGIONS = 8;
export const MOST_CORNERS = 16;
/** Smaller than this share of a side is a slip of the hand. */
export const LEAST = 0.01;

const inside = (value: number): number => Math.min(1, Math.max(0, value));
/** A tenth of a thousandth of the picture: finer than any camera here sees. */
const neat = (value: number): number => Math.round(inside(value) * 10_000) / 10_000;

export function neatPoint(x: number, y: number): Point {
  return [neat(x), neat(y)];
}

export function fromRect(rect: Rect): Region {
  const [right, bottom] = [rect.left + rect.width, rect.top + rect.height];
  return [
    neatPoint(rect.left, rect.top),
    neatPoint(right, rect.top),
    neatPoint(right, bottom),
    neatPoint(rect.left, bottom),
  ];
}

/** The rectangle between two corners of it, whichever they are. */
export function between(a: Point, b: Point): Rect {
  const [left, top] = [Math.min(a[0], b[0]), Math.min(a[1], b[1])];
  return { left, top, width: Math.abs(a[0] - b[0]), height: Math.abs(a[1] - b[1]) };
}

/** The sides of an upright rectangle, null for any other polygon. */
export function asRect(region: Region): Rect | null {
  if (region.length !== 4) return null;
  const box = bounds(region);
  const same = fromRect(box).every(([x, y], i) => region[i]?.[0] === x && region[i]?.[1] === y);
  return same ? box : null;
}

export function bounds(region: Region): Rect {
  const [xs, ys] = [region.map(([x]) => x), region.map(([, y]) => y)];
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  return { left, top, width: Math.max(...xs) - left, height: Math.max(...ys) - top };
}

/** Moved as far as it goes: no corner leaves the picture and the shape stays. */
export function moved(region: Region, dx: number, dy: number): Region {
  const box = bounds(region);
  const x = Math.min(1 - box.left - box.width, Math.max(-box.left, dx));
  const y = Math.min(1 - box.top - box.height, Math.max(-box.top, dy));
  return region.map(([px, py]) => neatPoint(px + x, py + y));
}

export function withCorner(region: Region, index: number, to: Point): Region {
  return region.map((point, i) => (i === index ? neatPoint(to[0], to[1]) : point));
}

/** One side of an upright rectangle changed; what would leave the picture is cut. */
export function withSide(rect: Rect, side: keyof Rect, value: number): Region {
  const next = { ...rect, [side]: inside(value) };
  next.width = Math.max(LEAST, Math.min(next.width, 1 - Math.min(next.left, 1 - LEAST)));
  next.height = Math.max(LEAST, Math.min(next.height, 1 - Math.min(next.top, 1 - LEAST)));
  next.left = Math.min(next.left, 1 - LEAST);
  next.top = Math.min(next.top, 1 - LEAST);
  return fromRect(next);
}

/** Share of the picture that a region covers (shoelace formula). */
export function area(region: Region): number {
  const twice = region.reduce((sum, [x, y], i) => {
    const [nx, ny] = region[(i + 1) % region.length] ?? [0, 0];
    return sum + x * ny - nx * y;
  }, 0);
  return Math.abs(twice) / 2;
}
