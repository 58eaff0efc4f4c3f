// Recording from the cockpit: start, end with an outcome, again, the last 30 s. Asks the robot and shows its answer; keeps nothing itself.
import type { ChannelRecordStart, ChannelRecordStop, ChannelResetScene, ChannelSaveLast } from "../generated/protocol";
import type { Draft } from "../socket";
import { toast } from "../toast";
import { WAIT_MS } from "./authority";
import type { Cockpit } from "./cockpit";
import { recordingOf } from "./view/recording";

type Request = Draft<ChannelRecordStart | ChannelRecordStop | ChannelSaveLast | ChannelResetScene>;

export class Takes {
  constructor(
    private readonly cockpit: Cockpit,
    private readonly instruction: () => string,
    private readonly changed: () => void,
  ) {}

  private get recording(): boolean {
    return recordingOf(this.cockpit.model).state === "recording";
  }

  start(): void {
    if (!this.recording) this.ask({ type: "record_start", instruction: this.instruction() }, "");
  }

  end(outcome: "success" | "failure"): void {
    if (this.recording) this.ask({ type: "record_stop", outcome }, "");
  }

  /** Throws the take away and begins the next once the robot has let go of it. */
  again(): void {
    if (!this.recording) return;
    const instruction = this.instruction();
    this.ask({ type: "record_stop", discard: true }, "The take was discarded. Recording again.", () =>
      this.ask({ type: "record_start", instruction }, ""),
    );
  }

  saveLast(): void {
    this.ask({ type: "save_last", seconds: 30, instruction: this.instruction() }, "The last 30 s are being saved.");
  }

  resetScene(): void {
    this.ask({ type: "reset_scene" }, "The objects are back.");
  }

  private ask(message: Request, done: string, then?: () => void): void {
    const { cockpit } = this;
    if (!cockpit.inControl) return;
    const { model } = cockpit;
    const id = cockpit.asks.nextId("record");
    const late = window.setTimeout(() => {
      model.recordWait = true;
    }, WAIT_MS);
    model.recordProblem = "";
    cockpit.asks.expect(id, performance.now(), (problem) => {
      window.clearTimeout(late);
      model.recordWait = false;
      model.recordProblem = problem;
      if (!problem && done) toast(done);
      if (!problem) then?.();
      this.changed();
    });
    cockpit.connection.peer?.tell({ ...message, id });
  }
}
