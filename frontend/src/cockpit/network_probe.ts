// Runs the network test: a hundred probes in two seconds on the channel of the commands, then a second for the last to come back.
import { readProbe } from "./command";
import { type NetworkTest, ProbeTest } from "./preflight";

const PROBES = 100;

export class NetworkProbe {
  private test: ProbeTest | null = null;
  private left = 0;

  constructor(private readonly send: (nowMs: number) => number) {}

  begin(): void {
    this.test = new ProbeTest();
    this.left = PROBES;
  }

  forget(): void {
    this.test = null;
    this.left = 0;
  }

  /** 50 times a second. */
  turn(nowMs: number): void {
    if (!this.test || this.left === 0) return;
    this.left -= 1;
    this.test.send(this.send(nowMs));
  }

  back(raw: ArrayBuffer, nowMs: number): void {
    const probe = readProbe(raw);
    if (probe) this.test?.back(probe.n, nowMs - probe.sentUs / 1000);
  }

  /** Once a second. */
  second(): void {
    if (this.left === 0) this.test?.finish();
  }

  get result(): NetworkTest | null {
    return this.test?.result ?? null;
  }
}
