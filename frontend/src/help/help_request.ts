// <help-request data-url="/api/help/id">: what was seen before it asked, why, and the answers: take over, go on, end.
import { call, Refused } from "../http";
import { icon } from "../icons";
import { bindKeys } from "../keys";
import { say } from "../live_region";
import { drawOver } from "../run/overlay";
import type { HelpDetail } from "../tasks/shapes";
import { gauge, runChip, understood } from "../tasks/words";
import { clock, fixed, safe } from "../text";
import { toast } from "../toast";
import { Clip } from "./clip";
import { answered, holdChip, question, waited } from "./words";

const AGAIN_MS = 1000;
const FRAME_S = 0.1;

const FRAME = `<div class="hq">
  <header class="row wrap" data-part="head"></header>
  <div class="col"><div class="cam hq-cam"><img alt="" data-part="still" hidden><canvas data-part="over"></canvas><div class="hud"><b data-part="camera"></b><span class="muted" data-part="what">before the hold, not live</span></div><p class="hq-none" data-part="none" hidden></p></div>
    <div class="row hq-bar" data-part="bar" hidden><button type="button" class="btn ico" data-do="play" aria-label="Play or pause">${icon("pause")}</button><span class="mono nw" data-part="time">−15.0 s</span><input type="range" max="0" step="0.05" data-part="scrub" aria-label="Time before the hold"><span data-part="cameras" class="row"></span></div></div>
  <aside class="col"><section class="panel pb col" data-part="ask"></section><section class="panel pb col" data-part="answers"></section><section class="panel pb col" data-part="why"></section></aside>
</div>`;

class HelpRequest extends HTMLElement {
  private leaving = new AbortController();
  private row: HelpDetail | null = null;
  private readonly clip = new Clip();
  private readMs = 0;
  private timers: number[] = [];
  private has: "" | "asked" | "there" | "none" = "";
  private lastMs = 0;

  connectedCallback(): void {
    this.leaving = new AbortController();
    const { signal } = this.leaving;
    this.innerHTML = FRAME;
    this.addEventListener("click", (event) => this.pressed(event), { signal });
    this.at("scrub").addEventListener("input", () => this.seek(Number((this.at("scrub") as HTMLInputElement).value)), {
      signal,
    });
    bindKeys(
      {
        Space: () => this.play(),
        ArrowLeft: () => this.seek(this.clip.at - FRAME_S),
        ArrowRight: () => this.seek(this.clip.at + FRAME_S),
        t: () => this.takeOver(),
        g: () => void this.answer("go_on"),
        x: () => void this.answer("end"),
        c: () => this.nextCamera(),
      },
      signal,
    );
    this.timers = [window.setInterval(() => void this.load(), AGAIN_MS), window.setInterval(() => this.play_on(), 50)];
    void this.load();
  }

  disconnectedCallback(): void {
    this.leaving.abort();
    this.clip.close();
    for (const timer of this.timers) window.clearInterval(timer);
  }

  private at(name: string): HTMLElement {
    return this.querySelector(`[data-part="${name}"]`) as HTMLElement;
  }

  private get url(): string {
    return this.dataset.url ?? "";
  }

  private async load(): Promise<void> {
    if (document.hidden) return;
    try {
      this.took(await call<HelpDetail>("GET", this.url, undefined, this.leaving.signal));
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return;
      if (!(error instanceof Refused)) throw error;
      put(this.at("answers"), `<p class="warn">${safe(error.message)}</p>`);
    }
  }

  private took(row: HelpDetail): void {
    this.row = row;
    this.readMs = performance.now();
    this.dataset.state = row.state;
    if (row.pictures > 0 && this.has === "") void this.pictures();
    this.draw();
  }

  private async pictures(): Promise<void> {
    this.has = "asked";
    this.has = (await this.clip.load(`${this.url}/clip`, this.leaving.signal).catch(() => false)) ? "there" : "none";
    (this.at("scrub") as HTMLInputElement).min = String(this.clip.first);
    this.at("bar").hidden = this.has !== "there";
    this.at("cameras").innerHTML = this.clip.cameras
      .map((name) => `<button type="button" class="btn" data-camera="${safe(name)}">${safe(name)}</button>`)
      .join("");
    this.draw();
  }

  // -- what a person does -------------------------------------------------------------------------

  private pressed(event: Event): void {
    const button =
      event.target instanceof Element ? event.target.closest<HTMLElement>("[data-do],[data-camera]") : null;
    if (!button) return;
    if (button.dataset.camera) this.clip.camera = button.dataset.camera;
    const acts: Record<string, () => void> = {
      play: () => this.play(),
      take: () => this.takeOver(),
      go: () => void this.answer("go_on"),
      end: () => void this.answer("end"),
      right: () => void this.verdict(false),
      needless: () => void this.verdict(true),
    };
    acts[button.dataset.do ?? ""]?.();
    this.still();
  }

  private get waits(): boolean {
    return this.row?.state === "open" || this.row?.state === "taken";
  }

  private takeOver(): void {
    if (this.row?.may_drive && this.waits) window.location.assign(this.row.cockpit);
  }

  private async answer(answer: "go_on" | "end"): Promise<void> {
    const { row } = this;
    if (!row?.may_run || !this.waits) return;
    await this.ask(
      "answer",
      { version: row.version, answer },
      answer === "go_on" ? "It was told to go on." : "It was told to end.",
    );
  }

  private async verdict(needless: boolean): Promise<void> {
    await this.ask("verdict", { needless }, "Kept.");
  }

  private async ask(what: string, body: Record<string, unknown>, words: string): Promise<void> {
    try {
      this.took(await call<HelpDetail>("POST", `${this.url}/${what}`, body));
      say(words);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      toast(error.message, { kind: "warn", strong: "Nothing was changed." });
      void this.load();
    }
  }

  // -- the clip -----------------------------------------------------------------------------------

  private play(): void {
    this.clip.playing = !this.clip.playing;
  }

  private seek(seconds: number): void {
    this.clip.seek(seconds);
    this.still();
  }

  private nextCamera(): void {
    const all = this.clip.cameras;
    this.clip.camera = all[(all.indexOf(this.clip.camera) + 1) % all.length] ?? "";
    this.still();
  }

  private play_on(): void {
    const nowMs = performance.now();
    const past = this.lastMs ? (nowMs - this.lastMs) / 1000 : 0;
    this.lastMs = nowMs;
    if (this.clip.playing && this.has === "there") {
      this.clip.tick(past);
      this.still();
    }
  }

  private still(): void {
    const now = this.clip.now;
    const image = this.at("still") as HTMLImageElement;
    image.hidden = !now;
    if (now && image.src !== now.url) image.src = now.url;
    this.at("camera").textContent = this.clip.camera;
    const seconds = Math.min(0, this.clip.at);
    this.at("time").textContent = `${fixed(seconds, 1)} s`;
    (this.at("scrub") as HTMLInputElement).value = String(seconds);
    const button = this.querySelector(".hq-bar [data-do=play]");
    if (button) put(button as HTMLElement, icon(this.clip.playing ? "pause" : "play"));
    this.overlay();
  }

  /** What it thought when it asked belongs to the end of the clip. */
  private overlay(): void {
    const { row } = this;
    if (!row) return;
    const { detail } = row;
    const camera = this.clip.camera || Object.keys(detail.cameras)[0] || "";
    const over = { camera, given: detail.cameras[camera] ?? ([96, 72] as const), embodiment: detail.embodiment };
    const near = this.has === "there" && this.clip.at > -0.6;
    drawOver(this.at("over") as HTMLCanvasElement, over, near ? row.reasoning : null);
    const [w, h] = over.given;
    (this.querySelector(".hq-cam") as HTMLElement).style.aspectRatio = `${w}/${h}`;
  }

  // -- drawing ------------------------------------------------------------------------------------

  private draw(): void {
    const { row } = this;
    if (!row) return;
    put(this.at("head"), head(row));
    put(this.at("ask"), ask(row, waited(row, this.readMs, performance.now())));
    put(this.at("answers"), answers(row, this.waits));
    put(this.at("why"), why(row));
    const none = this.at("none");
    none.hidden = this.has === "there" || this.has === "asked";
    none.textContent =
      row.pictures === 0
        ? "There are no pictures of the moments before: the policy runs on the robot itself, or the server had just begun."
        : "The pictures are not there any more.";
    this.still();
  }
}

function put(part: HTMLElement, html: string): void {
  if (part.dataset.html === html) return;
  part.dataset.html = html;
  part.innerHTML = html;
}

function head(row: HelpDetail): string {
  return `<h1>${safe(row.run.robot.name)} asks</h1><span class="s13 tk-said">${understood(row.run.sentence, row.detail.parts)}</span>${runChip(row.run)}<span class="muted">${safe(row.run.policy.name)}</span><span class="sp"></span><a class="btn" href="${safe(row.run.url)}">Open the run</a><a class="btn quiet" href="/help/">All requests</a>`;
}

function ask(row: HelpDetail, seconds: number): string {
  const done = row.state === "answered" || row.state === "ended";
  const state = done
    ? `<span class="chip ok">${icon("check")}${safe(answered(row))}</span>`
    : row.state === "taken"
      ? `<span class="chip acc">${icon("person")}${safe(row.taken_by || "Somebody")} looks after it</span>`
      : "";
  return `<h2>${holdChip(row)}<span class="sp"></span>${done ? "" : `<span class="s11 muted">waiting <b>${clock(seconds)}</b></span>`}</h2><p class="hp-ask">${safe(question(row))}</p>${state}`;
}

function answers(row: HelpDetail, waits: boolean): string {
  if (!waits) {
    const verdict =
      row.needless === null ? "" : `<p class="s11 muted">Said to be ${row.needless ? "needless" : "right to ask"}.</p>`;
    return `<h2>Over</h2><p class="t2">${safe(answered(row))}${row.taken_by ? `, ${safe(row.taken_by)}` : ""}.</p>${verdict}${judged(row)}`;
  }
  if (!row.may_run) return '<h2>Answer</h2><p class="t2">Operators, dispatchers and engineers answer it.</p>';
  const take = row.may_drive
    ? `<button type="button" class="btn pri lg" data-do="take">${icon("hand")}Take over<kbd>T</kbd></button>`
    : '<p class="s11 muted">Your role does not drive this robot.</p>';
  return `<h2>Answer</h2><button type="button" class="btn lg" data-do="go">${icon("play")}Go on<kbd>G</kbd></button>${row.run.reason === "doubt" ? '<p class="s11 muted">It does not ask again for 5 s.</p>' : ""}${take}<button type="button" class="btn lg" data-do="end">${icon("cross", "err")}End: failure<kbd>X</kbd></button>${judged(row)}`;
}

function judged(row: HelpDetail): string {
  if (!row.may_run) return "";
  const pressed = (value: boolean): string => `aria-pressed="${row.needless === value}"`;
  return `<div class="row"><span class="muted s11">Right to ask?</span><button type="button" class="btn" data-do="right" ${pressed(false)}>Yes</button><button type="button" class="btn" data-do="needless" ${pressed(true)}>Needless</button></div>`;
}

function why(row: HelpDetail): string {
  const doubt =
    row.doubt === null
      ? ""
      : `<div class="row"><b class="mid warn">${fixed(row.doubt)}</b><span class="t2">${row.limit === null ? "" : `over ${fixed(row.limit)}`}</span></div>${gauge(row.doubt, row.limit)}`;
  const { reasoning } = row;
  const target = reasoning?.target;
  const said = reasoning
    ? `<dl class="kv"><dt>It was at</dt><dd>${safe(reasoning.subtask.replaceAll("_", " "))}</dd>${target ? `<dt>It takes it to be about</dt><dd>${safe(target.name)}, ${Math.round(target.confidence * 100)} % sure</dd>` : ""}</dl>`
    : "";
  const known = row.candidates.map((name) => `<span class="chip">${safe(name)}</span>`).join("");
  return `<h2>Why it stopped</h2>${doubt}${said}<p class="s11 muted">It was taught</p><p class="row wrap">${known}</p>`;
}

customElements.define("help-request", HelpRequest);
