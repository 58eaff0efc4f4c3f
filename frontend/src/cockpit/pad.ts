// A gamepad of the standard mapping as a wish: left stick moves, right stick turns and lifts, D-pad rolls and pitches, LB is the deadman,
// RT the gripper, B the remote stop. Pure: who reads the pad, and when, is elsewhere.
import { NOTHING, type Wish } from "./drive";
import { type Turn, turned } from "./geometry";

export interface PadReading {
  axes: readonly number[];
  buttons: readonly { pressed: boolean; value: number }[];
}

export interface PadWish {
  wish: Wish;
  deadman: boolean;
  stop: boolean;
  /** 0 open to 1 closed, or null while the trigger has not been touched. */
  grip: number | null;
}

export const PAD_REST: PadWish = { wish: NOTHING, deadman: false, stop: false, grip: null };

const DEAD_ZONE = 0.12;
const [B, LB, RT, UP, DOWN, LEFT, RIGHT] = [1, 4, 7, 12, 13, 14, 15];

/** No jump at the edge of the dead zone, finer near the middle. */
export function stick(x: number, y: number): readonly [number, number] {
  const length = Math.hypot(x, y);
  if (!(length > DEAD_ZONE)) return [0, 0];
  const reach = Math.min(1, (length - DEAD_ZONE) / (1 - DEAD_ZONE));
  const curved = 0.4 * reach + 0.6 * reach ** 3;
  return [(x / length) * curved, (y / length) * curved];
}

/** Reads one pad over time: after it was plugged in or lost, LB and B count only once each has been seen up. */
export class Pad {
  private driveArmed = false;
  private stopArmed = false;
  private triggerUsed = false;

  read(reading: PadReading | null, turn: Turn): PadWish {
    if (!reading) {
      this.forget();
      this.stopArmed = false;
      return PAD_REST;
    }
    const pressed = (i: number): boolean => reading.buttons[i]?.pressed === true;
    if (!pressed(LB)) this.driveArmed = true;
    if (!pressed(B)) this.stopArmed = true;
    const trigger = reading.buttons[RT]?.value ?? 0;
    if (trigger > 0.05) this.triggerUsed = true;
    return {
      wish: padWish(reading, pressed, turn),
      deadman: this.driveArmed && pressed(LB),
      stop: this.stopArmed && pressed(B),
      grip: this.triggerUsed ? trigger : null,
    };
  }

  /** Control changed: LB has to be let go first, the trigger touched anew. The stop never waits for that. */
  forget(): void {
    this.driveArmed = false;
    this.triggerUsed = false;
  }
}

function padWish(reading: PadReading, pressed: (i: number) => boolean, turn: Turn): Wish {
  const axis = (i: number): number => reading.axes[i] ?? 0;
  const [lx, ly] = stick(axis(0), axis(1));
  const [rx, ry] = stick(axis(2), axis(3));
  const between = (less: number, more: number): number => (pressed(more) ? 0.5 : 0) - (pressed(less) ? 0.5 : 0);
  return {
    move: turned([-ly, -lx, -ry], turn),
    spin: turned([between(LEFT, RIGHT), between(UP, DOWN), -rx], turn),
  };
}
