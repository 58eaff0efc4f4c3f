// Dragging on the picture: the tool follows the pointer in the picture's plane, the wheel moves it away or nearer. The drag is a way still
// to go (metres), used up at a limited speed; letting go drops the rest. Pure.
import { add, limited, minus, scale, size, type Vec } from "./geometry";

const FOLLOW_PER_S = 5; // share of the way still to go that is asked for per second
const LONGEST_M = 0.15; // no more than this is ever pending
const WHEEL_M = 0.0003; // per unit of wheel delta: 30 mm for one notch of 100

export class Drag {
  private pending: Vec = [0, 0, 0];
  private down = false;

  get held(): boolean {
    return this.down;
  }

  grab(): void {
    this.down = true;
    this.pending = [0, 0, 0];
  }

  /** The pointer went on; `by` is the shift in the base frame. */
  by(shift: Vec): void {
    if (this.down) this.pending = limited(add(this.pending, shift), LONGEST_M);
  }

  /** One turn of the wheel; `forward` points away from the camera. Also without a grab, where the caller lets it. */
  wheel(deltaY: number, forward: Vec): void {
    this.pending = limited(add(this.pending, scale(forward, -deltaY * WHEEL_M)), LONGEST_M);
  }

  /** Pointer up, cancelled, or focus lost. */
  drop(): void {
    this.down = false;
    this.pending = [0, 0, 0];
  }

  /** Velocity (m/s) for the next `dtS`, at most `fastest`; what it covers is no longer pending. */
  take(dtS: number, fastest: number): Vec {
    if (size(this.pending) < 1e-4) {
      this.pending = [0, 0, 0];
      return this.pending;
    }
    const velocity = limited(scale(this.pending, FOLLOW_PER_S), fastest);
    this.pending = minus(this.pending, scale(velocity, dtS));
    return velocity;
  }
}
