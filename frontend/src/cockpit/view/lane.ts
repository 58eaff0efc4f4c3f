// Small line plots on canvas: a few series over a span, a dashed limit. At most ten times a second; no axes of their own.

export interface Scale {
  low: number;
  high: number;
  limit?: number;
}

export interface Series {
  values: readonly (number | null)[];
  colour: string;
  dashed: boolean;
}

interface Sheet {
  pen: CanvasRenderingContext2D;
  width: number;
  height: number;
  colour(name: string): string;
}

function sheet(canvas: HTMLCanvasElement): Sheet | null {
  const pen = canvas.getContext("2d");
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (!pen || width === 0 || height === 0) return null;
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
  }
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  const style = getComputedStyle(canvas);
  return { pen, width, height, colour: (name) => style.getPropertyValue(`--${name}`) };
}

function line(s: Sheet, xs: readonly number[], values: readonly (number | null)[], scale: Scale): void {
  const y = (value: number): number =>
    s.height -
    1.5 -
    ((Math.min(scale.high, Math.max(scale.low, value)) - scale.low) / (scale.high - scale.low)) * (s.height - 3);
  s.pen.beginPath();
  let down = false;
  values.forEach((value, i) => {
    const x = xs[i];
    if (value === null || x === undefined) {
      down = false;
      return;
    }
    if (down) s.pen.lineTo(x, y(value));
    else s.pen.moveTo(x, y(value));
    down = true;
  });
  s.pen.stroke();
}

function limitLine(s: Sheet, scale: Scale): void {
  if (scale.limit === undefined) return;
  s.pen.strokeStyle = s.colour("warn");
  s.pen.lineWidth = 1.2;
  s.pen.setLineDash([4, 3]);
  line(s, [0, s.width], [scale.limit, scale.limit], scale);
  s.pen.setLineDash([]);
}

/** One series, evenly spaced, newest right. */
export function drawLine(canvas: HTMLCanvasElement, values: readonly (number | null)[], scale: Scale): void {
  const s = sheet(canvas);
  if (!s) return;
  limitLine(s, scale);
  s.pen.strokeStyle = s.colour("d1");
  s.pen.lineWidth = 1.4;
  const gap = s.width / Math.max(1, values.length - 1);
  line(s, values.map((_, i) => i * gap), values, scale); // biome-ignore format: short
}

/** Several series at the same times; `ends` are the times of the left and right edge. */
export function drawSeries(
  canvas: HTMLCanvasElement,
  times: readonly number[],
  series: readonly Series[],
  scale: Scale,
  ends: readonly [number, number],
): void {
  const s = sheet(canvas);
  if (!s) return;
  const xs = times.map((time) => ((time - ends[0]) / (ends[1] - ends[0])) * s.width);
  s.pen.strokeStyle = s.colour("line");
  s.pen.lineWidth = 1;
  if (scale.low < 0 && scale.high > 0) line(s, [0, s.width], [0, 0], scale);
  limitLine(s, scale);
  for (const one of series) {
    s.pen.strokeStyle = s.colour(one.colour);
    s.pen.lineWidth = one.dashed ? 1.2 : 1.5;
    s.pen.setLineDash(one.dashed ? [3, 3] : []);
    line(s, xs, one.values, scale);
  }
  s.pen.setLineDash([]);
}
