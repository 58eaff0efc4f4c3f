// <training-page>: one training while it learns and after. The queue beside it, curves, what it sees, everything needed to repeat it.
import { call, Refused } from "../http";
import { icon } from "../icons";
import { bindKeys } from "../keys";
import { say } from "../live_region";
import { safe } from "../text";
import { toast } from "../toast";
import { Charts } from "./charts";
import { chartsOf } from "./chosen_charts";
import { Curves } from "./curves";
import { head, learnsFrom, log, machine, notice, queue, repeat } from "./markup";
import type { Line } from "./reported";
import { sampleMarkup } from "./sample_view";
import type { Samples, TrainingDetail, TrainingRow } from "./shapes";

const LOOK_MS = 1500;
const CALM_MS = 5000; // while it waits, or the server is away

class TrainingPage extends HTMLElement {
  private leaving = new AbortController();
  private now: TrainingDetail | null = null;
  private rows: TrainingRow[] = [];
  private curves = new Curves();
  private charts: Charts | null = null;
  private samples: Samples = { frames: [], said: [] };
  private at = -1; // which check of the samples; -1: the newest
  private next = 0;
  private timer = 0;
  private lost = false;

  connectedCallback(): void {
    this.leaving = new AbortController();
    const { signal } = this.leaving;
    this.innerHTML = `<div class="banner quiet">${icon("clock")}<span>Asking the server for the training.</span></div>`;
    this.addEventListener("click", (event) => this.pressed(event), { signal });
    this.addEventListener("input", (event) => this.slid(event), { signal });
    bindKeys({ x: () => this.querySelector<HTMLButtonElement>("[data-do=cancel]")?.click() }, signal);
    window.addEventListener("resize", () => this.charts?.fit(), { signal });
    const themes = new MutationObserver(() => this.charts?.recolour());
    themes.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    signal.addEventListener("abort", () => themes.disconnect());
    void this.look();
  }

  disconnectedCallback(): void {
    this.leaving.abort();
    window.clearTimeout(this.timer);
    this.charts?.clear();
  }

  private get url(): string {
    return this.dataset.url ?? "";
  }

  private async look(): Promise<void> {
    try {
      await this.read();
      if (this.lost) say("The server answers again.");
      this.lost = false;
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return;
      if (!(error instanceof Refused)) throw error;
      this.away(error);
    }
    const open = !this.now || ["queued", "running"].includes(this.now.state);
    const quick = this.now?.state === "running" && !this.lost;
    if (open || this.lost) this.timer = window.setTimeout(() => void this.look(), quick ? LOOK_MS : CALM_MS);
  }

  private async read(): Promise<void> {
    const { signal } = this.leaving;
    const before = this.now;
    [this.now, this.rows] = await Promise.all([
      call<TrainingDetail>("GET", this.url, undefined, signal),
      call<TrainingRow[]>("GET", "/api/trainings", undefined, signal),
    ]);
    let more = true;
    let checks = 0;
    while (more) {
      const found = await call<{ lines: Line[]; next: number; more: boolean }>(
        "GET",
        `${this.url}/curves?after=${this.next}`,
        undefined,
        signal,
      );
      this.curves.add(found.lines);
      checks += found.lines.filter((line) => line.event === "checked" || line.event === "began").length;
      this.next = found.next;
      more = found.more;
    }
    if (checks || !before) this.samples = await call<Samples>("GET", `${this.url}/samples`, undefined, signal);
    if (before && before.state !== this.now.state) say(`The training is ${this.now.state}.`);
    this.draw(checks > 0 || !before);
  }

  private away(error: Refused): void {
    if (!this.now) {
      this.innerHTML = `<div class="empty">${icon("warning")}<b>The training could not be loaded</b><p>${safe(error.message)}</p><button type="button" class="btn pri" data-do="retry">Try again</button></div>`;
      say(error.message);
    } else if (!this.lost) {
      toast(error.message, { kind: "warn", strong: "Not up to date.", lifeMs: 6000 });
    }
    this.lost = true;
  }

  // -- drawing -------------------------------------------------------------------------------------

  private draw(samples: boolean): void {
    const row = this.now as TrainingDetail;
    if (!this.charts) {
      this.innerHTML = `<div data-part="head"></div><div data-part="notice"></div><div class="tn2"><div data-part="queue"></div><div class="learnt"><div class="charts" data-part="charts"></div><div data-part="samples"></div><div data-part="log"></div></div><div class="facts" data-part="side"></div></div>`;
      this.charts = new Charts(this.hole("charts"));
    }
    this.put("head", head(row));
    this.put("notice", notice(row));
    this.put("queue", queue(this.rows, row.id));
    this.put("side", learnsFrom(row) + repeat(row) + machine(row));
    this.put("log", log(this.curves.log));
    const charts = chartsOf(this.curves);
    if (Object.keys(charts).length) this.charts.show(charts);
    else this.hole("charts").innerHTML = empty(row);
    if (samples) this.drawSamples();
  }

  private drawSamples(): void {
    const last = this.samples.said.length - 1;
    const at = this.at < 0 ? last : Math.min(this.at, last);
    const focused = document.activeElement?.getAttribute("data-part") === "at";
    this.put("samples", sampleMarkup(this.now?.url ?? "", this.samples, at));
    if (focused) this.querySelector<HTMLInputElement>("input[data-part=at]")?.focus();
  }

  private hole(name: string): HTMLElement {
    return this.querySelector(`[data-part="${name}"]`) as HTMLElement;
  }

  /** Only what changed is written, so that what is selected or has the focus stays. */
  private put(name: string, markup: string): void {
    const place = this.hole(name);
    if (place.dataset.shown === markup) return;
    place.dataset.shown = markup;
    place.innerHTML = markup;
  }

  // -- acting --------------------------------------------------------------------------------------

  private slid(event: Event): void {
    const input = event.target as HTMLInputElement;
    if (input.dataset.part !== "at") return;
    const at = Number(input.value);
    this.at = at === this.samples.said.length - 1 ? -1 : at;
    this.drawSamples();
  }

  private pressed(event: Event): void {
    const button = event.target instanceof Element ? event.target.closest<HTMLButtonElement>("[data-do]") : null;
    if (button?.dataset.do === "retry") void this.look();
    if (button?.dataset.do === "cancel") void this.cancel(button);
    if (button?.dataset.do === "copy") void this.copy();
  }

  private async cancel(button: HTMLButtonElement): Promise<void> {
    if (button.dataset.sure !== "yes") {
      button.dataset.sure = "yes";
      button.textContent = "Cancel it for good?";
      say("Press again to cancel the training.");
      return;
    }
    button.disabled = true;
    try {
      this.now = await call<TrainingDetail>("POST", `${this.url}/cancel`);
      this.draw(false);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      toast(error.message, { kind: "err", strong: "Not cancelled." });
      button.disabled = false;
    }
  }

  private async copy(): Promise<void> {
    const row = this.now as TrainingDetail;
    const all = {
      dataset: row.dataset,
      dataset_digest: row.dataset_digest,
      base: row.base?.id ?? null,
      recipe: row.recipe,
      config: row.config,
      seed: row.seed,
      code: row.code_version,
      machine: row.machine,
    }; // prettier-ignore
    await navigator.clipboard.writeText(JSON.stringify(all, null, 2));
    toast("Copied: dataset, configuration, seed, code and machine.");
  }
}

function empty(row: TrainingDetail): string {
  if (row.state === "running")
    return `<div class="empty">${icon("plot")}<b>${safe(row.doing || "Being begun")}</b><p>Curves appear with the first steps.</p></div>`;
  if (row.state === "queued")
    return `<div class="empty">${icon("clock")}<b>It has not begun</b><p>${safe(row.waits)}</p></div>`;
  return `<div class="empty">${icon("plot")}<b>No curves</b><p>It ended before its first step.</p></div>`;
}

customElements.define("training-page", TrainingPage);
