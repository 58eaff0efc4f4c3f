// Thins long columns to what a plot can show: per pixel the lowest and the highest value, in the order they came. Pure.

export interface Thinned {
  /** Row of each point, rising. */
  rows: Float64Array;
  /** One array per column; null is a gap. */
  values: (number | null)[][];
}

/** At most two points a pixel; a peak of a single row is never lost. Short columns come back whole. */
export function thin(columns: readonly Float32Array[], pixels: number): Thinned {
  const count = columns[0]?.length ?? 0;
  if (count <= 2 * pixels) {
    const rows = Float64Array.from({ length: count }, (_, i) => i);
    return { rows, values: columns.map((column) => Array.from(column, gap)) };
  }
  const rows = new Float64Array(2 * pixels);
  for (let p = 0; p < pixels; p += 1) {
    const [from, to] = bucket(p, pixels, count);
    rows[2 * p] = from;
    rows[2 * p + 1] = from + (to - from) / 2;
  }
  return { rows, values: columns.map((column) => extremes(column, pixels)) };
}

function bucket(pixel: number, pixels: number, count: number): [number, number] {
  return [Math.floor((pixel * count) / pixels), Math.floor(((pixel + 1) * count) / pixels)];
}

function gap(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}

function extremes(column: Float32Array, pixels: number): (number | null)[] {
  const found: (number | null)[] = [];
  for (let p = 0; p < pixels; p += 1) {
    const [from, to] = bucket(p, pixels, column.length);
    let [low, high] = [-1, -1];
    for (let row = from; row < to; row += 1) {
      const value = column[row] as number;
      if (Number.isNaN(value)) continue;
      if (low < 0 || value < (column[low] as number)) low = row;
      if (high < 0 || value > (column[high] as number)) high = row;
    }
    if (low < 0) found.push(null, null);
    else found.push(column[Math.min(low, high)] as number, column[Math.max(low, high)] as number);
  }
  return found;
}
