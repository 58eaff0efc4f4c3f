// <run-page data-url="/api/runs/id">: one run. While it runs: what it sees, thinks and doubts; End and Take over. Afterwards: the same on a
// scrubber with the recording, a person's word, and the way into a dataset.
import { call, Refused } from "../http";
import { icon } from "../icons";
import { bindKeys } from "../keys";
import { alarm, say } from "../live_region";
import type { Line, RunDetail } from "../tasks/shapes";
import { runChip, understood, when } from "../tasks/words";
import { clockTenths, safe } from "../text";
import { toast } from "../toast";
import { lanes, shownS } from "./lanes";
import { Lesson } from "./lesson";
import { RunPictures } from "./pictures";
import { thinking } from "./thinking";
import { Trace, upToDate } from "./trace";

const READ_MS = 200;
const DETAIL_MS = 1000;
const STEP_S = 1 / 30;
const DOUBT_OFF_S = 5; // who lets it go on over a doubt has judged that; nothing else is a word on what it sees

const FRAME = `<div class="rn">
  <header class="row wrap rn-head" data-part="head"></header>
  <div class="rn-main"><div class="rn-pictures" data-part="pictures"></div><div data-part="banner"></div>
    <div class="row rn-bar" data-part="bar" hidden><button type="button" class="btn ico" data-do="play" aria-label="Play or pause">${icon("play")}</button><input type="range" min="0" step="0.01" value="0" data-part="scrub" aria-label="Time in the run"><span class="mono nw" data-part="time">0:00.0</span></div>
    <section class="panel rn-lanes"><div data-part="lanes"></div><i class="rn-head-line" data-part="playhead"></i></section></div>
  <aside class="col"><section class="panel pb col" data-part="thinking"></section><section class="panel pb col" data-part="result"></section><section class="panel pb col" data-part="lesson"></section></aside>
</div>`;

class RunPage extends HTMLElement {
  private leaving = new AbortController();
  private run: RunDetail | null = null;
  private readonly trace = new Trace();
  private pictures: RunPictures | null = null;
  private readonly lesson = new Lesson(() => this.draw());
  private timers: number[] = [];
  private seconds = 0;
  private detailMs = Number.NEGATIVE_INFINITY;
  private reading = false;
  private asking = false;
  private phase = "";
  private lanesKey = "";

  connectedCallback(): void {
    this.leaving = new AbortController();
    const { signal } = this.leaving;
    this.innerHTML = FRAME;
    this.pictures = new RunPictures(this.at("pictures"));
    this.addEventListener("click", (event) => this.pressed(event), { signal });
    this.addEventListener("change", (event) => this.chosen(event), { signal });
    this.at("scrub").addEventListener("input", () => this.seek(Number((this.at("scrub") as HTMLInputElement).value)), {
      signal,
    });
    bindKeys(
      {
        Space: () => this.play(),
        ArrowLeft: () => this.seek(this.seconds - STEP_S),
        ArrowRight: () => this.seek(this.seconds + STEP_S),
        "Shift+ArrowLeft": () => this.seek(this.seconds - 1),
        "Shift+ArrowRight": () => this.seek(this.seconds + 1),
        Home: () => this.seek(0),
        j: () => this.nextEvent(),
        t: () => this.takeOver(),
        a: () => this.run?.episode?.may_curate && void this.lesson.add(this.run.episode),
        y: () => void this.word("success"),
        x: () => void this.word("failure"),
      },
      signal,
    );
    this.timers = [window.setInterval(() => void this.turn(), READ_MS)];
    const frame = (): void => {
      if (signal.aborted) return;
      this.follow();
      window.requestAnimationFrame(frame);
    };
    window.requestAnimationFrame(frame);
    void this.turn();
  }

  disconnectedCallback(): void {
    this.leaving.abort();
    for (const timer of this.timers) window.clearInterval(timer);
  }

  private at(name: string): HTMLElement {
    return this.querySelector(`[data-part="${name}"]`) as HTMLElement;
  }

  private get url(): string {
    return this.dataset.url ?? "";
  }

  private get over(): boolean {
    return this.run?.phase === "ended";
  }

  // -- what comes in ----------------------------------------------------------------------------

  private async turn(): Promise<void> {
    if (this.reading || document.hidden) return;
    this.reading = true;
    try {
      const nowMs = performance.now();
      const settled =
        this.over && this.run?.episode?.status !== "received" && (this.run?.episode || !this.run?.episode_id);
      const came = this.over && this.lanesKey !== "" ? 0 : await this.trace.read(this.url, this.leaving.signal);
      const phase = this.trace.newest?.phase ?? "";
      if (came > 0) this.heard();
      if (!settled && (nowMs - this.detailMs > DETAIL_MS || phase !== this.phase)) void this.detail(nowMs, phase);
      if (this.run && !this.over) this.pictures?.refresh(this.run, nowMs);
    } catch (error) {
      this.missed(error);
    } finally {
      this.reading = false;
    }
  }

  /** Beside the trace, which does not wait for it. */
  private async detail(nowMs: number, phase: string): Promise<void> {
    if (this.asking) return;
    this.asking = true;
    this.detailMs = nowMs;
    this.phase = phase;
    try {
      this.took(await call<RunDetail>("GET", this.url, undefined, this.leaving.signal));
    } catch (error) {
      this.missed(error);
    } finally {
      this.asking = false;
    }
  }

  private missed(error: unknown): void {
    if (error instanceof DOMException && error.name === "AbortError") return;
    if (!(error instanceof Refused) && !(error instanceof TypeError)) throw error;
    put(
      this.at("banner"),
      `<div class="banner warn">${icon("warning")}<span>The server is not reached. What stands here may be old.</span></div>`,
    );
  }

  /** The robot's word stands on the page before the server was asked for the rest. */
  private heard(): void {
    if (!this.run || this.over) return;
    const before = this.run.phase;
    this.run = upToDate(this.run, this.trace.newest);
    if (this.run.phase !== before) this.said(this.run);
    this.draw();
  }

  private took(run: RunDetail): void {
    const before = this.run;
    this.run = upToDate(run, this.trace.newest);
    if (run.episode) this.trace.startAt(Number(run.episode.started_ns));
    if (before && before.phase !== this.run.phase) this.said(this.run);
    if (run.phase === "ended") void this.lesson.load(run.episode);
    const films = this.pictures?.build(run) ?? false;
    if (this.over && (films || !before)) this.seek(0);
    this.draw();
  }

  private said(run: RunDetail): void {
    if (run.phase === "holding") alarm(run.explanation || "It holds.");
    else if (run.phase === "ended") say(`The run ended: ${run.result}.`);
    else say(`The run is ${run.phase}.`);
  }

  // -- what a person does -------------------------------------------------------------------------

  private pressed(event: Event): void {
    const target = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-do],[data-seek]") : null;
    if (!target) return;
    if (target.dataset.seek) this.seek(Number(target.dataset.seek));
    const acts: Record<string, () => void> = {
      play: () => this.play(),
      take: () => this.takeOver(),
      end: () => void this.end((target.dataset.result ?? "cancelled") as "success" | "failure" | "cancelled"),
      resume: () => void this.ask("resume", { doubt_off_s: this.run?.reason === "doubt" ? DOUBT_OFF_S : 0 }),
      word: () => void this.word((target.dataset.result ?? "failure") as "success" | "failure"),
      add: () => this.run?.episode && void this.lesson.add(this.run.episode),
      again: () => this.again(),
    };
    acts[target.dataset.do ?? ""]?.();
  }

  private chosen(event: Event): void {
    if (event.target instanceof HTMLSelectElement && event.target.matches("[data-dataset]"))
      this.lesson.choose(event.target.value);
  }

  private takeOver(): void {
    if (this.run && !this.over && this.run.may_drive) window.location.assign(this.run.cockpit);
  }

  private async end(result: "success" | "failure" | "cancelled"): Promise<void> {
    await this.ask("end", { result });
  }

  private async word(result: "success" | "failure"): Promise<void> {
    if (!this.run?.may_run) return;
    if (this.over) await this.ask("judge", { version: this.run.version, result });
    else await this.end(result);
  }

  private async ask(what: string, body: Record<string, unknown>): Promise<void> {
    try {
      this.took(await call<RunDetail>("POST", `${this.url}/${what}`, body));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      toast(error.message, { kind: "warn", strong: "Nothing was changed." });
      this.detailMs = Number.NEGATIVE_INFINITY;
    }
  }

  private again(): void {
    const { run } = this;
    if (!run) return;
    const words = new URLSearchParams({ sentence: run.sentence, policy: run.policy.id, robot: run.robot.id });
    window.location.assign(`/tasks/new/?${words}`);
  }

  // -- the scrubber -------------------------------------------------------------------------------

  private get lengthS(): number {
    return shownS(this.trace, this.run?.episode?.seconds ?? 0);
  }

  private play(): void {
    const lead = this.pictures?.lead;
    if (!this.over || !lead) return;
    for (const video of this.pictures?.videos ?? []) {
      if (lead.paused) void video.play();
      else video.pause();
    }
  }

  private seek(seconds: number): void {
    if (!this.over) return;
    for (const video of this.pictures?.videos ?? []) video.pause();
    this.seconds = Math.max(0, Math.min(this.lengthS, seconds));
    this.pictures?.seek(this.seconds);
    this.drawMoment();
  }

  private nextEvent(): void {
    const next = this.trace.events().find((one) => one.at > this.seconds + 0.05 && one.kind !== "clamp");
    if (next) this.seek(next.at);
  }

  /** The playhead follows the first video while it plays. */
  private follow(): void {
    const lead = this.pictures?.lead;
    if (this.over && lead && !lead.paused && Math.abs(lead.currentTime - this.seconds) > 0.01) {
      this.seconds = lead.currentTime;
      this.drawMoment();
    }
  }

  // -- drawing ------------------------------------------------------------------------------------

  private draw(): void {
    const { run } = this;
    if (!run) return;
    if (!this.over) this.seconds = this.trace.length;
    put(this.at("head"), head(run));
    put(this.at("banner"), banner(run));
    put(this.at("result"), result(run));
    put(this.at("lesson"), this.lesson.html(run));
    const key = `${this.trace.newest?.n} ${this.lengthS}`;
    if (key !== this.lanesKey) {
      this.lanesKey = key;
      this.at("lanes").innerHTML = lanes(this.trace, this.lengthS);
    }
    this.at("bar").hidden = !this.over;
    const scrub = this.at("scrub") as HTMLInputElement;
    scrub.max = String(this.lengthS);
    this.dataset.phase = run.phase;
    this.drawMoment();
  }

  private drawMoment(): void {
    const { run } = this;
    if (!run) return;
    const line: Line | undefined = this.over ? this.trace.at(this.seconds) : this.trace.newest;
    const thought = this.trace.thought(this.seconds);
    put(this.at("thinking"), thinking(line, thought));
    const shown = line !== undefined && (line.phase === "moving" || line.phase === "holding");
    this.pictures?.draw(run, thought, shown);
    (this.at("scrub") as HTMLInputElement).value = String(this.seconds);
    this.at("time").textContent = clockTenths(this.seconds);
    const share = Math.max(0, Math.min(1, this.seconds / this.lengthS));
    this.at("playhead").style.left = `calc(116px + (100% - 128px) * ${share.toFixed(4)})`;
  }
}

function put(part: HTMLElement, html: string): void {
  if (part.dataset.html === html) return;
  part.dataset.html = html;
  part.innerHTML = html;
}

function head(run: RunDetail): string {
  const ended = run.phase === "ended";
  const end = run.may_run
    ? `<button type="button" class="btn" data-do="end" data-result="success" title="It did it">${icon("check", "ok")}End: success<kbd>Y</kbd></button><button type="button" class="btn" data-do="end" data-result="failure" title="It did not">${icon("cross", "err")}End: failure<kbd>X</kbd></button><button type="button" class="btn quiet" data-do="end" data-result="cancelled">Cancel run</button>`
    : "";
  const take = run.may_drive
    ? `<button type="button" class="btn pri" data-do="take">${icon("hand")}Take over<kbd>T</kbd></button>`
    : "";
  const more = run.episode ? `<a class="btn" href="${safe(run.episode.url)}">${icon("film")}Review episode</a>` : "";
  const again = run.may_run ? `<button type="button" class="btn" data-do="again">${icon("loop")}Again</button>` : "";
  return `<h1 class="nw">Run ${run.number}.${run.fence}</h1><span class="s13 tk-said">${understood(run.sentence, run.parts)}</span>${runChip(run)}<span class="muted">${safe(run.robot.name)} · ${safe(run.policy.name)} · ${safe(run.started_by)}, ${when(run.started_at)}</span><span class="sp"></span>${ended ? more + again : end + take}`;
}

function banner(run: RunDetail): string {
  if (run.waits) return `<div class="banner warn">${icon("clock")}<span>${safe(run.waits)}</span></div>`;
  if (run.help)
    return `<div class="banner warn">${icon("question")}<span>${safe(run.explanation || "It asks for a person.")}</span><span class="sp"></span><a class="btn pri" href="${safe(run.help)}">See what it asks</a></div>`;
  if (run.phase === "holding" && run.may_run)
    return `<div class="banner warn">${icon("lock")}<span>${safe(run.explanation || "It stands still.")}</span><span class="sp"></span><button type="button" class="btn" data-do="resume">Go on</button></div>`;
  if (run.phase === "taken")
    return `<div class="banner quiet">${icon("hand")}<span>A person drives. The recording goes on.</span></div>`;
  return "";
}

function result(run: RunDetail): string {
  if (run.phase !== "ended")
    return `<h2>Result</h2><p class="t2">Open. A simulated world says by itself when it is done; elsewhere a person does.</p>`;
  const why = run.explanation && run.result !== "success" ? `<p class="t2">${safe(run.explanation)}</p>` : "";
  const pick = (word: "success" | "failure", key: string): string =>
    `<button type="button" class="btn" aria-pressed="${run.result === word}" data-do="word" data-result="${word}">${icon(word === "success" ? "check" : "cross", word === "success" ? "ok" : "err")}${word === "success" ? "It did it" : "It did not"}<kbd>${key}</kbd></button>`;
  const word = run.may_run ? `<div class="row">${pick("success", "Y")}${pick("failure", "X")}</div>` : "";
  return `<h2>Result</h2><p data-result="${run.result}" data-judge="${run.judge}">${runChip(run)}</p>${why}${word}`;
}

customElements.define("run-page", RunPage);
