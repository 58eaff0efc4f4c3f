// <dataset-page>: one dataset. Its draft and rules, frozen versions with their lineage and exports, what changed, statistics.
import type { DatasetDetail, DraftRow, Job } from "../datasets/shapes";
import { hours } from "../episodes/facets";
import type { Saved } from "../episodes/library_shapes";
import { saved as savedFilters } from "../episodes/library_store";
import { Refused } from "../http";
import { icon } from "../icons";
import { bindKeys } from "../keys";
import { say } from "../live_region";
import { count, safe } from "../text";
import { toast } from "../toast";
import { draftFrame, draftRows, readWeights } from "./draft_markup";
import { statistics } from "./statistics_markup";
import { Store } from "./store";
import { Typed } from "./typed";
import { changes, changesFrame, jobList, lineage, versionsFrame } from "./versions_markup";

const TABS = [
  ["draft", "Draft"],
  ["versions", "Versions"],
  ["changes", "Changes"],
  ["statistics", "Statistics"],
] as const;
type Tab = (typeof TABS)[number][0];
const LOOK_MS = 1000;
const LOST_MS = 3000;

class DatasetPage extends HTMLElement {
  private leaving = new AbortController();
  private loading = new AbortController();
  private store!: Store;
  private now: DatasetDetail | null = null;
  private saved: Saved[] = [];
  private tab: Tab = "draft";
  private takenOut = false;
  private rows: DraftRow[] = [];
  private next = "";
  private chosen = 0;
  private from = "";
  private to = "draft";
  private of = "draft";
  private timer = 0;
  private lost = false; // whether the last look at running work was refused
  private readonly typed = new Typed();

  connectedCallback(): void {
    this.leaving = new AbortController();
    const { signal } = this.leaving;
    this.store = new Store(this.dataset.url ?? "");
    this.readAddress();
    this.innerHTML = `<div class="banner quiet">${icon("clock")}<span>Asking the server for the dataset.</span></div>`;
    this.addEventListener("click", (event) => this.pressed(event), { signal });
    this.addEventListener("input", (event) => this.wrote(event), { signal });
    this.addEventListener("change", (event) => this.chose(event), { signal });
    this.addEventListener("submit", (event) => this.submitted(event), { signal });
    const tabs = TABS.map(([name], n) => [String(n + 1), () => this.show(name)] as const);
    bindKeys(
      {
        ...Object.fromEntries(tabs),
        f: () => this.querySelector<HTMLInputElement>("input[name=reason]")?.focus(),
        u: () => document.querySelector<HTMLButtonElement>('.toast:last-child [data-key="u"]')?.click(),
      },
      signal,
    );
    void this.load();
  }

  disconnectedCallback(): void {
    this.leaving.abort();
    this.loading.abort();
    window.clearTimeout(this.timer);
  }

  private readAddress(): void {
    const given = new URLSearchParams(window.location.search);
    this.chosen = Number(given.get("version")) || 0;
    const tab = given.get("tab") ?? (this.chosen ? "versions" : "draft");
    this.tab = TABS.some(([name]) => name === tab) ? (tab as Tab) : "draft";
  }

  private async load(): Promise<void> {
    await this.guarded("Not loaded.", async () => {
      const { signal } = this.leaving;
      [this.now, this.saved] = await Promise.all([this.store.one(signal), savedFilters(signal)]);
      this.draw();
    });
  }

  // -- drawing -------------------------------------------------------------------------------------

  private draw(): void {
    const d = this.now;
    if (!d) return;
    this.chosen ||= d.history[0]?.number ?? 0;
    this.from ||= String(d.history[0]?.number ?? "");
    this.typed.across(this, () => {
      this.innerHTML = `${header(d, this.tab)}<div data-part="body"></div>`;
      this.show(this.tab);
    });
  }

  private show(tab: Tab): void {
    if (!this.now) return;
    this.tab = tab;
    this.loading.abort();
    this.loading = new AbortController();
    for (const button of this.querySelectorAll<HTMLElement>("[data-do=tab]"))
      button.setAttribute("aria-pressed", String(button.dataset.value === tab));
    this.querySelector("[data-form=freeze] .btn")?.classList.toggle("pri", tab === "draft"); // one such button a view
    const query = new URLSearchParams({ tab, ...(tab === "versions" ? { version: String(this.chosen) } : {}) });
    window.history.replaceState(null, "", `?${query}`);
    if (tab === "draft") void this.showDraft();
    if (tab === "versions") void this.showVersions();
    if (tab === "changes") void this.showChanges();
    if (tab === "statistics") void this.showStatistics();
  }

  private async showDraft(): Promise<void> {
    const d = this.now as DatasetDetail;
    this.typed.across(this, () => {
      this.at("body").innerHTML = draftFrame(d, this.takenOut, this.saved);
    });
    await this.guarded("Not loaded.", async () => {
      const page = await this.store.draft("", this.takenOut, this.loading.signal);
      this.rows = page.items;
      this.next = page.next;
      this.drawRows();
    });
  }

  private drawRows(): void {
    this.at("rows").innerHTML = draftRows(this.rows, this.next !== "", this.takenOut, this.now?.may_curate ?? false);
  }

  private async showVersions(): Promise<void> {
    const d = this.now as DatasetDetail;
    this.at("body").innerHTML = versionsFrame(d, this.chosen);
    if (!this.chosen) return;
    await this.guarded("Not loaded.", async () => {
      const found = await this.store.lineage(this.chosen, this.loading.signal);
      this.at("lineage").innerHTML = lineage(found, d);
      this.watch();
    });
  }

  private async showChanges(): Promise<void> {
    const d = this.now as DatasetDetail;
    this.at("body").innerHTML = changesFrame(d, this.from, this.to);
    if (!this.from) return;
    this.at("changes").innerHTML = wait("Comparing.");
    await this.guarded("Not compared.", async () => {
      const found = await this.store.changes(this.from, this.to, this.loading.signal);
      this.at("changes").innerHTML = changes(found);
    });
  }

  private async showStatistics(): Promise<void> {
    const d = this.now as DatasetDetail;
    const options = [["draft", "the draft now"], ...d.history.map((v) => [String(v.number), `version ${v.number}`])];
    const made = options.map(
      ([value, text]) => `<option value="${value}"${value === this.of ? " selected" : ""}>${text}</option>`,
    );
    this.at("body").innerHTML =
      `<div class="row strip"><span class="muted">Of</span><span class="field"><select data-field="of" aria-label="Of which">${made.join("")}</select></span></div><div data-part="numbers">${wait("Reading the columns of its episodes.")}</div>`;
    await this.guarded("Not counted.", async () => {
      const found = await this.store.statistics(this.of, this.loading.signal);
      this.at("numbers").innerHTML = statistics(found);
    });
  }

  /** Looks at running work until it has ended. */
  private watch(): void {
    window.clearTimeout(this.timer);
    const live = (job: Job): boolean => job.state === "queued" || job.state === "running";
    if (this.tab !== "versions" || !this.now?.jobs.some(live)) return;
    this.timer = window.setTimeout(() => void this.look(live), this.lost ? LOST_MS : LOOK_MS);
  }

  /** A refused look is told once and repeated: the server may be on its way back. */
  private async look(live: (job: Job) => boolean): Promise<void> {
    try {
      const before = this.now?.jobs.filter(live).map((job) => job.id) ?? [];
      const jobs = await this.store.jobs(this.loading.signal);
      if (!this.now) return;
      this.now.jobs = jobs;
      this.lost = false;
      const place = this.querySelector<HTMLElement>('[data-part="jobs"]');
      const mine = jobs.filter((job) => job.number === this.chosen);
      if (place) place.innerHTML = jobList(mine, this.now.may_curate);
      for (const job of jobs) if (before.includes(job.id) && !live(job)) say(`${job.kind} ${job.state}`);
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return;
      if (!(error instanceof Refused)) throw error;
      if (!this.lost) toast("It goes on. This page looks again.", { kind: "warn", strong: error.message });
      this.lost = true;
    }
    this.watch();
  }

  // -- acts ----------------------------------------------------------------------------------------

  private pressed(event: Event): void {
    const button = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-do]") : null;
    const { do: act = "", value = "", id = "", number = "", kind = "", picked = "" } = button?.dataset ?? {};
    if (act === "tab") this.show(value as Tab);
    if (act === "retry") void this.load();
    if (act === "taken-out") {
      this.takenOut = value === "yes";
      this.show("draft");
    }
    if (act === "more") void this.more();
    if (act === "take-out") void this.pick({ [id]: "removed" }, `Taken out${picked === "added" ? " again" : ""}.`);
    if (act === "put-back") void this.pick({ [id]: "" }, "Put back: the filter decides again.");
    if (act === "version" && Number(number) !== this.chosen) {
      this.chosen = Number(number);
      this.show("versions");
    }
    if (act === "job") void this.begin(Number(number), kind as Job["kind"]);
    if (act === "cancel") void this.cancel(id);
    if (act === "copy") void navigator.clipboard.writeText(value).then(() => toast("The hash is copied."));
  }

  private wrote(event: Event): void {
    const { form } = event.target as HTMLInputElement;
    if (form?.dataset.form) this.typed.note(form);
  }

  private chose(event: Event): void {
    const field = event.target as HTMLSelectElement;
    if (field.name === "saved" && field.form) {
      (field.form.elements.namedItem("query") as HTMLInputElement).value = field.value;
      (field.form.elements.namedItem("follows") as HTMLInputElement).checked = true;
    }
    this.wrote(event);
    if (field.dataset.field === "before") this.from = field.value;
    if (field.dataset.field === "after") this.to = field.value;
    if (field.dataset.field === "of") this.of = field.value;
    if (field.dataset.field) this.show(this.tab);
  }

  private submitted(event: Event): void {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    if (form.dataset.form === "rules") void this.keepRules(form);
    if (form.dataset.form === "freeze") void this.freeze(form);
  }

  private async keepRules(form: HTMLFormElement): Promise<void> {
    const value = (name: string): string => (form.elements.namedItem(name) as HTMLInputElement).value.trim();
    const weights = readWeights(value("weights"));
    if (!weights) {
      toast("Write a tag and its weight, with commas between, such as: correction 3, slow 0.5", { kind: "err" });
      return;
    }
    const before = this.now as DatasetDetail;
    const wish = {
      follows: (form.elements.namedItem("follows") as HTMLInputElement).checked,
      query: value("query").replace(/^.*\?/, ""),
      validation_share: Number(value("share")) / 100,
      seed: Number(value("seed")),
      weights,
    };
    await this.guarded("Not kept.", async () => {
      this.now = await this.store.change(before.version, wish);
      this.typed.forget("rules");
      this.draw();
      const { follows, query, validation_share, seed } = before;
      const undo = async (): Promise<void> => {
        this.now = await this.store.change(this.now?.version ?? 0, {
          follows,
          query,
          validation_share,
          seed,
          weights: before.weights,
        });
        this.draw();
      };
      toast(`The draft now has ${count(this.now.episodes, "episode")}.`, {
        action: { label: "Undo", key: "U", run: () => void this.guarded("Not undone.", undo) },
      });
    });
  }

  private async freeze(form: HTMLFormElement): Promise<void> {
    const reason = (form.elements.namedItem("reason") as HTMLInputElement).value.trim();
    const known = this.now as DatasetDetail;
    const button = form.querySelector("button");
    button?.setAttribute("disabled", "");
    await this.guarded("Not frozen.", async () => {
      const made = await this.store.freeze(known.version, reason);
      this.typed.forget("freeze");
      const same = known.history.some((v) => v.number === made.number);
      toast(
        same
          ? `Nothing changed since version ${made.number}: the same content has the same hash, ${made.digest.slice(0, 10)}.`
          : `Version ${made.number} is frozen: ${count(made.episodes, "episode")}, hash ${made.digest.slice(0, 10)}.`,
      );
      this.chosen = made.number;
      this.from = String(made.number);
      this.tab = "versions";
      this.now = await this.store.one(this.leaving.signal);
      this.draw();
    });
    button?.removeAttribute("disabled");
  }

  private async pick(picks: Record<string, string>, words: string): Promise<void> {
    await this.guarded("Not changed.", async () => {
      const done = await this.store.pick(picks);
      const undo = async (): Promise<void> => {
        await this.store.pick(done.undo);
        await this.load();
      };
      toast(words, { action: { label: "Undo", key: "U", run: () => void this.guarded("Not undone.", undo) } });
    });
    await this.load();
  }

  private async more(): Promise<void> {
    await this.guarded("Not loaded.", async () => {
      const page = await this.store.draft(this.next, this.takenOut, this.loading.signal);
      this.rows.push(...page.items);
      this.next = page.next;
      this.drawRows();
    });
  }

  private async begin(number: number, kind: Job["kind"]): Promise<void> {
    await this.guarded("Not begun.", async () => {
      await this.store.begin(number, kind);
      if (this.now) this.now.jobs = await this.store.jobs(this.loading.signal);
      this.show("versions");
    });
  }

  private async cancel(id: string): Promise<void> {
    await this.guarded("Not cancelled.", async () => {
      await this.store.cancel(id);
    });
    this.watch();
  }

  private async guarded(strong: string, act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return;
      if (!(error instanceof Refused)) throw error;
      const place = this.querySelector('[data-part="changes"], [data-part="numbers"], [data-part="rows"]');
      if (!this.now) this.innerHTML = failed(error.message);
      else if (place && strong.startsWith("Not c") && place.querySelector(".banner"))
        place.innerHTML = failed(error.message);
      else toast(error.message, { kind: "err", strong });
      say(error.message);
      if (error.code === "stale_version") await this.load(); // what was typed stays, and the next try has their version
    }
  }

  private at(name: string): HTMLElement {
    return this.querySelector(`[data-part="${name}"]`) as HTMLElement;
  }
}

function header(d: DatasetDetail, tab: Tab): string {
  const tabs = TABS.map(
    ([name, title], n) =>
      `<button type="button" data-do="tab" data-value="${name}" aria-pressed="${name === tab}">${title}${name === "versions" ? ` ${d.versions}` : ""}<kbd>${n + 1}</kbd></button>`,
  ).join("");
  const freeze = d.may_curate
    ? `<form class="row" data-form="freeze"><label class="field wide"><span class="sr">Why this version is frozen</span><input name="reason" maxlength="500" placeholder="Why: what is new in it" autocomplete="off"></label><button class="btn pri"${d.episodes ? "" : " disabled"}>${icon("lock")}${d.episodes ? `Freeze version ${(d.newest?.number ?? 0) + 1}` : "Nothing to freeze"}<kbd>F</kbd></button></form>`
    : "";
  return `<div class="head"><h1>${safe(d.name)}</h1><span class="chip">${count(d.episodes, "episode")} · ${hours(d.seconds)}</span><span class="muted s11 el">${safe(d.description)}</span><span class="sp"></span>${freeze}</div><div class="row strip"><span class="seg tabs" role="group" aria-label="Part of the page">${tabs}</span></div>`;
}

function wait(words: string): string {
  return `<div class="banner quiet">${icon("clock")}<span>${words}</span></div>`;
}

function failed(sentence: string): string {
  return `<div class="empty">${icon("warning")}<b>${safe(sentence)}</b><button type="button" class="btn" data-do="retry">Look again</button></div>`;
}

customElements.define("dataset-page", DatasetPage);
