// The numbers of the last seconds and what they amount to: quantiles, rate. No clock of its own: times are passed in.

/** Quantile `q` of 0 to 1 by the nearest rank; null of nothing. */
export function quantile(values: readonly number[], q: number): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const rank = Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1));
  return sorted[rank] ?? null;
}

export class Recent {
  private times: number[] = [];
  private values: number[] = [];

  constructor(private readonly spanMs: number) {}

  add(nowMs: number, value: number): void {
    this.times.push(nowMs);
    this.values.push(value);
    this.forget(nowMs);
  }

  private forget(nowMs: number): void {
    const keep = this.times.findIndex((time) => time >= nowMs - this.spanMs);
    if (keep === 0) return;
    this.times = keep < 0 ? [] : this.times.slice(keep);
    this.values = keep < 0 ? [] : this.values.slice(keep);
  }

  quantile(q: number, nowMs: number): number | null {
    this.forget(nowMs);
    return quantile(this.values, q);
  }

  /** How many per second over the span. */
  rate(nowMs: number): number {
    this.forget(nowMs);
    return (this.values.length * 1000) / this.spanMs;
  }

  all(nowMs: number): readonly number[] {
    this.forget(nowMs);
    return this.values;
  }

  clear(): void {
    this.times = [];
    this.values = [];
  }
}
