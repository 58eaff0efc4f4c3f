// The campaign in the cockpit: joins the state machine (turns.ts) with the server, the robot's recorder and what this browser remembers.
import type { CampaignPage, CampaignRow, CampaignTurn } from "../campaigns/shapes";
import { call, Refused } from "../http";
import { say } from "../live_region";
import type { Cockpit } from "./cockpit";
import type { Takes } from "./takes";
import { type Effect, type Event, type Outcome, step } from "./turns";
import { recordingOf } from "./view/recording";

const SEAT_MS = 20_000; // tells the server who is at which prompt, and brings the counts of others
const COMING_MS = 2500; // while a take of ours is on its way
const MOST = 50; // takes that the server looks for at once
const LIST_MS = 30_000; // campaigns are opened at any time

export class Campaign {
  private asked = 0;
  private askedMs = Number.NEGATIVE_INFINITY;
  private listedMs = Number.NEGATIVE_INFINITY;
  private readonly leaving = new AbortController();

  constructor(
    private readonly cockpit: Cockpit,
    private readonly takes: Takes,
    private readonly changed: () => void,
  ) {}

  close(): void {
    this.leaving.abort();
  }

  private get place(): string {
    return `reins.campaign.${this.cockpit.model.robot}`;
  }

  // -- what a person does -------------------------------------------------------------------------

  choose(id: string): void {
    window.localStorage.setItem(this.place, id);
    this.happen({ what: "choose", campaign: id });
  }

  /** These tell whether the key meant the campaign; otherwise it means a take without one. */
  enter(): boolean {
    return this.means(this.cockpit.inControl || this.at === "resting" || this.at === "asking", { what: "enter" });
  }

  keep(outcome: Outcome): boolean {
    return this.underWay && this.means(this.cockpit.inControl, { what: "keep", outcome });
  }

  again(): boolean {
    return (this.underWay || this.at === "counting") && this.means(this.cockpit.inControl, { what: "again" });
  }

  private get at(): string {
    return this.cockpit.model.turns.phase.at;
  }

  private get underWay(): boolean {
    return this.at === "starting" || this.at === "recording" || this.at === "ending";
  }

  private means(may: boolean, event: Event): boolean {
    if (this.at === "off") return false;
    if (may) this.happen(event);
    return true;
  }

  // -- as time goes by ----------------------------------------------------------------------------

  /** Ten times a second. */
  tick(nowMs: number): void {
    const { model } = this.cockpit;
    if (!model.hello?.may_drive) return;
    if (nowMs - this.listedMs > LIST_MS && !document.hidden) void this.list(nowMs);
    if (model.telemetry) {
      const recording = recordingOf(model);
      this.happen({ what: "robot", recording, may: this.cockpit.inControl }, nowMs);
    }
    const { phase, kept, prompt } = model.turns;
    if (phase.at === "off" || document.hidden) return;
    const every = Object.keys(kept).length > 0 ? COMING_MS : SEAT_MS;
    const due = nowMs - this.askedMs > every;
    if (due && phase.at === "asking") void this.ask(phase.stay);
    else if (due && (this.cockpit.inControl || every === COMING_MS)) void this.ask(prompt?.id ?? "");
  }

  private happen(event: Event, nowMs = performance.now()): void {
    const { model } = this.cockpit;
    const before = model.turns;
    const { next, effects } = step(before, event, nowMs);
    model.turns = next;
    for (const effect of effects) this.carryOut(effect);
    if (next.phase.at !== before.phase.at || event.what !== "robot") this.changed();
  }

  private carryOut(effect: Effect): void {
    const answered = (problem: string): void => {
      if (problem) this.happen({ what: "refused", by: "robot", sentence: problem });
    };
    if (effect.do === "ask") void this.ask(effect.stay);
    else if (effect.do === "say") say(effect.text);
    else if (effect.do === "stop") this.takes.finish(effect.outcome, answered);
    else if (effect.do === "discard") this.takes.discard("The take was discarded. The same prompt again.", answered);
    else this.takes.begin(effect.prompt.instruction, { campaign: effect.campaign, prompt: effect.prompt.id }, answered);
  }

  // -- the server ---------------------------------------------------------------------------------

  private async list(nowMs: number): Promise<void> {
    this.listedMs = nowMs;
    const { model } = this.cockpit;
    try {
      const address = `/api/campaigns?robot=${model.robot}&state=open`;
      const page = await call<CampaignPage>("GET", address, undefined, this.leaving.signal);
      this.listed(page.items);
    } catch (error) {
      this.failed(error);
    }
  }

  /** The chosen one stays in the list when it rests, so that it can be left. */
  private listed(open: readonly CampaignRow[]): void {
    const { model } = this.cockpit;
    const first = model.campaigns === null;
    const { campaign, turn } = model.turns;
    const gone = campaign && turn && !open.some((one) => one.id === campaign) ? [turn] : [];
    model.campaigns = [...open, ...gone].map(({ id, name, due }) => ({ id, name, due }));
    const remembered = window.localStorage.getItem(this.place);
    if (first && open.some((one) => one.id === remembered)) this.choose(remembered ?? "");
    this.changed();
  }

  /** The newest question alone is answered. */
  private async ask(stay: string): Promise<void> {
    const { model } = this.cockpit;
    const { campaign, kept } = model.turns;
    this.asked += 1;
    const mine = this.asked;
    this.askedMs = performance.now();
    try {
      const body = { robot: model.robot, stay, kept: Object.fromEntries(Object.entries(kept).slice(-MOST)) };
      const turn = await call<CampaignTurn>("POST", `/api/campaigns/${campaign}/turn`, body, this.leaving.signal);
      if (mine === this.asked) this.happen({ what: "turn", turn });
    } catch (error) {
      if (mine === this.asked) this.failed(error);
    }
  }

  private failed(error: unknown): void {
    if (error instanceof DOMException && error.name === "AbortError") return;
    if (!(error instanceof Refused)) throw error;
    this.happen({ what: "refused", by: "server", sentence: error.message });
  }
}
