// <help-queue>: runs that wait for a person, the most urgent first; keys answer the first one.
import { call, Refused } from "../http";
import { icon } from "../icons";
import { bindKeys } from "../keys";
import { alarm, say } from "../live_region";
import type { HelpRow, HelpQueue as Queue } from "../tasks/shapes";
import { gauge, runChip, when } from "../tasks/words";
import { count, fixed, safe, span } from "../text";
import { toast } from "../toast";
import { answered, holdChip, question, ring, waited } from "./words";

const AGAIN_MS = 700;

class HelpQueue extends HTMLElement {
  private leaving = new AbortController();
  private queue: Queue | null = null;
  private readMs = 0;
  private timers: number[] = [];
  private chosen = ""; // id: the order changes while people look, and a key must not act on another than they saw
  private known = new Set<string>();

  connectedCallback(): void {
    this.leaving = new AbortController();
    const { signal } = this.leaving;
    this.innerHTML = `<div class="head"><h1>Help</h1><span class="muted" data-part="how"></span><span class="sp"></span><span data-part="first"></span></div><div class="hp2"><div data-part="list"><div class="banner quiet">${icon("clock")}<span>Asking the server who waits.</span></div></div><aside class="col" data-part="aside"></aside></div>`;
    this.addEventListener("click", (event) => this.pressed(event), { signal });
    bindKeys(
      {
        Enter: () => this.open(this.row?.url),
        t: () => this.row?.may_drive && this.open(this.row.cockpit),
        g: () => this.row?.id === this.chosen && void this.goOn(this.row),
        ArrowDown: () => this.choose(1),
        ArrowUp: () => this.choose(-1),
      },
      signal,
    );
    this.timers = [window.setInterval(() => void this.load(), AGAIN_MS), window.setInterval(() => this.age(), 1000)];
    void this.load();
  }

  disconnectedCallback(): void {
    this.leaving.abort();
    for (const timer of this.timers) window.clearInterval(timer);
  }

  private at(name: string): HTMLElement {
    return this.querySelector(`[data-part="${name}"]`) as HTMLElement;
  }

  private get row(): HelpRow | undefined {
    return this.queue?.open[this.place];
  }

  /** Where the chosen one stands now; the first where none was chosen. */
  private get place(): number {
    return Math.max(0, this.queue?.open.findIndex((one) => one.id === this.chosen) ?? 0);
  }

  private open(url: string | undefined): void {
    if (url) window.location.assign(url);
  }

  private choose(by: number): void {
    const most = (this.queue?.open.length ?? 1) - 1;
    this.chosen = this.queue?.open[Math.max(0, Math.min(most, this.place + by))]?.id ?? "";
    this.draw();
  }

  private async load(): Promise<void> {
    if (document.hidden) return;
    try {
      const queue = await call<Queue>("GET", "/api/help", undefined, this.leaving.signal);
      const before = JSON.stringify([this.queue?.open.map(still), this.queue?.closed]);
      if (!this.queue?.open.length) this.chosen = queue.open[0]?.id ?? "";
      this.queue = queue;
      this.readMs = performance.now();
      this.greet(queue);
      if (before !== JSON.stringify([queue.open.map(still), queue.closed])) this.draw();
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return;
      if (!(error instanceof Refused)) throw error;
      this.at("how").textContent = error.message;
    }
  }

  private greet(queue: Queue): void {
    const fresh = queue.open.filter((one) => !this.known.has(one.id));
    if (this.known.size > 0 && fresh[0]) alarm(`${fresh[0].run.robot.name} asks: ${question(fresh[0])}`);
    for (const one of queue.open) this.known.add(one.id);
  }

  private pressed(event: Event): void {
    const button = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-do]") : null;
    const row = this.queue?.open.find((one) => one.id === button?.dataset.id);
    if (button?.dataset.do === "go-on" && row) void this.goOn(row);
  }

  private async goOn(row: HelpRow): Promise<void> {
    if (!row.may_run) return;
    try {
      await call("POST", `/api/help/${row.id}/answer`, { version: row.version, answer: "go_on" });
      say(`${row.run.robot.name} was told to go on.`);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      toast(error.message, { kind: "warn", strong: "It was not told." });
    }
    void this.load();
  }

  private age(): void {
    const nowMs = performance.now();
    for (const row of this.queue?.open ?? []) {
      const part = this.querySelector(`[data-age="${row.id}"]`);
      if (part) part.innerHTML = ring(waited(row, this.readMs, nowMs));
    }
  }

  private draw(): void {
    const { queue } = this;
    if (!queue) return;
    const waits = queue.open.filter((one) => one.state === "open").length;
    const taken = queue.open.length - waits;
    this.at("how").textContent =
      `${count(waits, "request")} ${waits === 1 ? "waits" : "wait"}, ${taken} being looked after. First in line is who has waited longest for the gravest reason.`;
    this.at("first").innerHTML = queue.open[0]
      ? `<a class="btn pri" href="${safe(queue.open[0].url)}">Start with the first${this.place === 0 ? "<kbd>Enter</kbd>" : ""}</a>`
      : "";
    this.at("list").innerHTML = queue.open.length
      ? `<section class="panel hp-list">${queue.open.map((row, at) => this.one(row, at)).join("")}</section>`
      : `<div class="empty">${icon("check")}<b>Nobody waits</b><p>A run that is in doubt, or does not get further, stands here with what it saw.</p></div>`;
    for (const image of this.querySelectorAll<HTMLImageElement>(".hp-thumb img"))
      image.addEventListener("error", () => image.remove(), { once: true });
    this.at("aside").innerHTML = aside(queue);
    this.age();
  }

  private one(row: HelpRow, at: number): string {
    const mine = row.state === "taken";
    const who = mine
      ? `<span class="chip acc">${icon("person")}${safe(row.taken_by || "Somebody")} looks after it</span>`
      : "";
    const doubt =
      row.doubt === null
        ? ""
        : `<span class="muted">Doubt</span><span>${gauge(row.doubt, row.limit)}</span><span><b class="warn">${fixed(row.doubt)}</b>${row.limit === null ? "" : ` of ${fixed(row.limit)}`}</span>`;
    const take = row.may_drive
      ? `<a class="btn" href="${safe(row.cockpit)}">${icon("hand")}Take over${at === this.place ? "<kbd>T</kbd>" : ""}</a>`
      : "";
    const go = row.may_run
      ? `<button type="button" class="btn" data-do="go-on" data-id="${row.id}">Go on${row.id === this.chosen ? "<kbd>G</kbd>" : ""}</button>`
      : "";
    return `<article class="hp-row ${mine ? "taken" : ""}" aria-current="${at === this.place}" data-request="${safe(row.id)}"><span class="hp-rank">${at + 1}</span><a class="hp-thumb cam" href="${safe(row.url)}"><img src="/api/robots/${safe(row.run.robot.id)}/snapshot.jpg" alt="What ${safe(row.run.robot.name)} sees"></a><div class="col"><div class="row"><b>${safe(row.run.robot.name)}</b>${holdChip(row)}<span class="muted el">${safe(row.run.sentence)}</span></div><a class="hp-ask ink" href="${safe(row.url)}">${safe(question(row))}</a><div class="row wrap">${go}${take}${who}</div></div><div class="hp-why">${doubt}</div><span data-age="${safe(row.id)}"></span></article>`;
  }
}

/** Without what moves by itself. */
function still(row: HelpRow): unknown {
  return { ...row, waiting_s: 0, urgency: 0 };
}

function aside(queue: Queue): string {
  const rows = queue.closed
    .slice(0, 8)
    .map(
      (row) =>
        `<tr><td><a class="ink" href="${safe(row.run.url)}">${safe(row.run.robot.name)}</a></td><td>${safe(answered(row))}<br><span class="s11 muted">${safe(row.taken_by)}${row.taken_by ? " · " : ""}${row.closed_at ? when(row.closed_at) : ""}</span></td><td>${row.run.phase === "ended" ? runChip(row.run) : ""}</td><td class="n">${row.took_s === null ? "" : span(row.took_s)}</td></tr>`,
    )
    .join("");
  const none = '<p class="pb muted">Nothing yet.</p>';
  return `<section class="panel"><div class="ph"><h2>Just done</h2><span class="sp muted s11">${queue.closed_today} in 24 h</span></div>${rows ? `<table class="tbl"><tbody>${rows}</tbody></table>` : none}</section>`;
}

customElements.define("help-queue", HelpQueue);
