// Recording from the cockpit: start, end with an outcome, again, undo of that, the last 30 s. Asks the robot and shows its answer; keeps
// nothing itself.
import type {
  ChannelRecordStart,
  ChannelRecordStop,
  ChannelRecordUndo,
  ChannelResetScene,
  ChannelSaveLast,
} from "../generated/protocol";
import type { Draft } from "../socket";
import { toast } from "../toast";
import { WAIT_MS } from "./authority";
import type { Cockpit } from "./cockpit";
import { recordingOf } from "./view/recording";

type Request = Draft<ChannelRecordStart | ChannelRecordStop | ChannelRecordUndo | ChannelSaveLast | ChannelResetScene>;

export class Takes {
  /** Takes the offer to undo away: it is about the take that was discarded last. */
  private withdraw: () => void = () => undefined;

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

  /** A take of a campaign; `answered` hears what the robot refused, "" when it is done. */
  begin(instruction: string, of: { campaign: string; prompt: string }, answered: (problem: string) => void): void {
    this.send({ type: "record_start", instruction, ...of }, answered);
  }

  finish(outcome: "success" | "failure", answered: (problem: string) => void): void {
    this.send({ type: "record_stop", outcome }, answered);
  }

  /** Throws the take away, with a way back. */
  discard(words: string, answered: (problem: string) => void): void {
    this.send({ type: "record_stop", discard: true }, (problem) => {
      if (!problem) this.offerUndo(words);
      answered(problem);
    });
  }

  /** Throws the take away and begins the next once the robot has let go of it. */
  again(): void {
    if (!this.recording) return;
    const instruction = this.instruction();
    this.ask({ type: "record_stop", discard: true }, "", () => {
      this.offerUndo("The take was discarded. Recording again.");
      this.ask({ type: "record_start", instruction }, "");
    });
  }

  private offerUndo(words: string): void {
    this.withdraw();
    this.withdraw = toast(words, { action: { label: "Undo", run: () => this.undo() } });
  }

  /** Also without the lease: then the robot says why not, where a press that does nothing would say nothing. */
  private undo(): void {
    this.send({ type: "record_undo" }, (problem) => {
      if (problem) toast(problem, { kind: "warn" });
      else toast("The discarded take is kept. It is saved once nothing is being recorded.");
    });
  }

  saveLast(): void {
    this.ask({ type: "save_last", seconds: 30, instruction: this.instruction() }, "The last 30 s are being saved.");
  }

  resetScene(): void {
    this.ask({ type: "reset_scene" }, "The objects are back.");
  }

  private ask(message: Request, done: string, then?: () => void): void {
    if (!this.cockpit.inControl) return;
    this.send(message, (problem) => {
      if (!problem && done) toast(done);
      if (!problem) then?.();
    });
  }

  private send(message: Request, answered: (problem: string) => void): void {
    const { cockpit } = this;
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
      answered(problem);
      this.changed();
    });
    cockpit.connection.peer?.tell({ ...message, id });
  }
}
