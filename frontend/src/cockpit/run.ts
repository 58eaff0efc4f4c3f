// The robot's run, while there is one: asked of the server, ended, handed back to its policy. The lease itself is the controller's business.
import { call, Refused } from "../http";
import { say } from "../live_region";
import type { HelpDetail, RunDetail } from "../tasks/shapes";
import { toast } from "../toast";
import type { Cockpit } from "./cockpit";

const EVERY_MS = 700;
const AGAIN_MS = 200; // until the robot's word that nobody drives has reached the server
const PATIENCE_MS = 4000;

export class RunWatch {
  private askedMs = Number.NEGATIVE_INFINITY;
  private readonly leaving = new AbortController();
  private busy = false;

  constructor(
    private readonly cockpit: Cockpit,
    private readonly changed: () => void,
  ) {}

  close(): void {
    this.leaving.abort();
  }

  /** True while a run is open: then success, failure and handing back are about it. */
  get open(): boolean {
    return this.cockpit.model.run !== null;
  }

  tick(nowMs: number): void {
    if (document.hidden || this.busy || nowMs - this.askedMs < EVERY_MS || !this.cockpit.model.hello) return;
    this.askedMs = nowMs;
    void this.read();
  }

  private async read(): Promise<void> {
    this.busy = true;
    const { model } = this.cockpit;
    try {
      const run = await call<RunDetail | null>("GET", `/api/robots/${model.robot}/run`, undefined, this.leaving.signal);
      const help = run?.help ? await this.help(run.help) : null;
      if (model.run && !run) say("The run has ended.");
      model.run = run;
      model.help = help;
      this.changed();
    } catch (error) {
      if (!(error instanceof Refused) && !(error instanceof DOMException)) throw error;
    } finally {
      this.busy = false;
    }
  }

  private async help(page: string): Promise<HelpDetail | null> {
    const { help } = this.cockpit.model;
    const id = page.split("/")[2] ?? "";
    if (help?.id === id && help.state === "taken") return help;
    return call<HelpDetail>("GET", `/api/help/${id}`, undefined, this.leaving.signal);
  }

  /** Lets go, then asks the policy to go on as soon as the server knows that nobody drives. */
  async handBack(): Promise<void> {
    const { run } = this.cockpit.model;
    if (!run) return;
    if (this.cockpit.model.authority.lease.at === "mine") this.cockpit.handBack("handed_over");
    const endMs = performance.now() + PATIENCE_MS;
    for (;;) {
      try {
        await call("POST", `/api/runs/${run.id}/resume`, {});
        say("Handed back: the policy goes on.");
        break;
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        if (error.code !== "still_taken" || performance.now() > endMs) {
          toast(error.message, { kind: "warn", strong: "The policy does not go on." });
          break;
        }
      }
      await new Promise((done) => window.setTimeout(done, AGAIN_MS));
    }
    this.askedMs = Number.NEGATIVE_INFINITY;
  }

  async end(result: "success" | "failure"): Promise<void> {
    const { run } = this.cockpit.model;
    if (!run) return;
    if (this.cockpit.model.authority.lease.at === "mine") this.cockpit.handBack("released");
    try {
      await call("POST", `/api/runs/${run.id}/end`, { result });
      say(`The run ends: ${result}.`);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      toast(error.message, { kind: "warn", strong: "It was not ended." });
    }
    this.askedMs = Number.NEGATIVE_INFINITY;
  }
}
