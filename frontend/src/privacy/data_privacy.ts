// <data-privacy>: what an organisation keeps and for how long, deleting a person's episodes, and where pictures are masked.
import { call, Refused } from "../http";
import { icon } from "../icons";
import { say } from "../live_region";
import { bytes, safe } from "../text";
import { toast } from "../toast";
import { forgetHtml, previewHtml, recordsHtml } from "./forget";
import { forecastWords, readRules, siteHtml } from "./rules";
import type { ErasurePreview, Forecast, Holding, SiteRules } from "./shapes";

const LOOK_MS = 2000;

class DataPrivacy extends HTMLElement {
  private leaving = new AbortController();
  private holdings: Holding[] = [];
  private asking = new AbortController();
  private readonly previewing = new Map<string, AbortController>(); // by organisation
  private timer = 0;
  private lost = false; // whether the last look was refused
  private readonly drawn = new WeakMap<HTMLElement, string>();

  connectedCallback(): void {
    this.leaving = new AbortController();
    const { signal } = this.leaving;
    this.innerHTML = `<div class="head"><h1>Data and privacy</h1></div><div data-part="body"><p class="muted">Loading</p></div>`;
    this.addEventListener("input", (event) => this.typed(event), { signal });
    this.addEventListener("change", (event) => void this.chosen(event), { signal });
    this.addEventListener("click", (event) => void this.pressed(event), { signal });
    void this.load();
  }

  disconnectedCallback(): void {
    this.leaving.abort();
    this.asking.abort();
    for (const previewing of this.previewing.values()) previewing.abort();
    window.clearTimeout(this.timer);
  }

  private async load(): Promise<void> {
    try {
      this.holdings = await call<Holding[]>("GET", "/api/privacy", undefined, this.leaving.signal);
      this.at("body").innerHTML = this.holdings.map(holdingHtml).join("");
      for (const holding of this.holdings) this.redraw(holding);
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return;
      if (!(error instanceof Refused)) throw error;
      this.at("body").innerHTML =
        `<div class="empty">${icon("warning")}<b>This could not be loaded</b><p>${safe(error.message)}</p><button type="button" class="btn pri" data-do="retry">Try again</button></div>`;
      return;
    }
    this.follow();
  }

  /** Goes on looking while something is being deleted. */
  private follow(): void {
    window.clearTimeout(this.timer);
    if (this.lost || this.holdings.some((one) => one.erasures.some((erasure) => erasure.state !== "done")))
      this.timer = window.setTimeout(() => void this.look(), LOOK_MS);
  }

  /** Draws only what an erasure changes, so that rules and words being written stay. A refused look is told once and repeated. */
  private async look(): Promise<void> {
    try {
      const found = await call<Holding[]>("GET", "/api/privacy", undefined, this.leaving.signal);
      this.lost = false;
      for (const now of found) {
        const before = this.holdings.find((one) => one.id === now.id);
        // the sites stay as they were drawn: rules are saved with the version that the person sees
        if (before) this.redraw(Object.assign(before, { ...now, sites: before.sites }));
      }
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return;
      if (!(error instanceof Refused)) throw error;
      if (!this.lost) toast("This page looks again.", { kind: "warn", strong: error.message });
      this.lost = true;
    }
    this.follow();
  }

  /** Writes the parts whose words changed; who is chosen for deleting is left alone. */
  private redraw(holding: Holding): void {
    const parts = { storage: storageHtml(holding), forget: forgetHtml(holding), records: recordsHtml(holding) };
    for (const [part, html] of Object.entries(parts)) {
      const place = this.querySelector(`[data-organisation="${holding.id}"] [data-part="${part}"]`) as HTMLElement;
      const chosen = place.querySelector<HTMLSelectElement>("select[name=person]");
      if (this.drawn.get(place) === html || chosen?.value || chosen === document.activeElement) continue;
      this.drawn.set(place, html);
      place.innerHTML = html;
    }
  }

  // -- rules ------------------------------------------------------------------------------------

  private typed(event: Event): void {
    const panel = (event.target as Element).closest<HTMLElement>("[data-site]");
    if (panel) void this.foresee(panel);
  }

  private async foresee(panel: HTMLElement): Promise<void> {
    const rules = readRules(panel.querySelectorAll("input"));
    const save = panel.querySelector<HTMLButtonElement>("[data-do=save]");
    if (save) save.disabled = rules === null;
    if (rules === null) return;
    for (const box of panel.querySelectorAll<HTMLInputElement>("input[type=checkbox]"))
      box.disabled = !rules.some((rule) => box.name === `frozen.${rule.kind}`);
    this.asking.abort();
    this.asking = new AbortController();
    try {
      const url = `/api/sites/${panel.dataset.site}/retention/preview`;
      const found = await call<Forecast[]>("POST", url, { rules }, this.asking.signal);
      for (const cell of panel.querySelectorAll<HTMLElement>("[data-forecast]"))
        cell.textContent = forecastWords(found.find((one) => one.kind === cell.dataset.forecast));
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return;
      if (!(error instanceof Refused)) throw error;
      toast(error.message, { kind: "err" });
    }
  }

  private async save(panel: HTMLElement): Promise<void> {
    const site = this.holdings.flatMap((one) => one.sites).find((one) => String(one.id) === panel.dataset.site);
    const rules = readRules(panel.querySelectorAll("input"));
    const grace = panel.querySelector<HTMLInputElement>("input[name=grace]")?.valueAsNumber;
    if (!site || !rules) return;
    try {
      const wanted = { rules, grace_days: grace, version: site.version };
      const saved = await call<SiteRules>("PUT", `/api/sites/${site.id}/retention`, wanted);
      Object.assign(site, saved);
      panel.outerHTML = siteHtml(saved, saved.forecast, false);
      toast("They are followed once a day.", { strong: "Rules saved." });
      say("Rules saved.");
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      toast(error.message, { kind: "err", strong: "The rules were not saved." });
    }
  }

  // -- a person ---------------------------------------------------------------------------------

  private async chosen(event: Event): Promise<void> {
    const choice = event.target;
    if (!(choice instanceof HTMLSelectElement) || choice.name !== "person") return;
    const panel = choice.closest<HTMLElement>("[data-forget]") as HTMLElement;
    const part = panel.querySelector('[data-part="preview"]') as HTMLElement;
    const organisation = panel.dataset.forget ?? "";
    const person = choice.value;
    part.innerHTML = "";
    this.previewing.get(organisation)?.abort(); // a late answer must not stand under another person's name
    if (!person) return;
    const previewing = new AbortController();
    this.previewing.set(organisation, previewing);
    try {
      const url = `/api/organisations/${organisation}/people/${encodeURIComponent(person)}/erasure`;
      const found = await call<ErasurePreview>("GET", url, undefined, previewing.signal);
      if (!previewing.signal.aborted) part.innerHTML = previewHtml(person, found);
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return;
      if (!(error instanceof Refused)) throw error;
      toast(error.message, { kind: "err" });
    }
  }

  private async forget(button: HTMLElement): Promise<void> {
    const panel = button.closest<HTMLElement>("[data-forget]") as HTMLElement;
    const { person } = button.dataset;
    const field = (name: string): HTMLInputElement => panel.querySelector(`input[name=${name}]`) as HTMLInputElement;
    const confirm = Number(button.dataset.count);
    if (field("confirm").value.trim() !== String(confirm)) {
      toast(`Type ${confirm} to confirm.`, { kind: "warn" });
      field("confirm").focus();
      return;
    }
    const wanted = { person, reason: field("reason").value, account: field("account").checked, confirm };
    try {
      await call("POST", `/api/organisations/${panel.dataset.forget}/erasures`, wanted);
      say("Deleting has begun.");
      const choice = panel.querySelector("select[name=person]") as HTMLSelectElement;
      choice.value = "";
      (panel.querySelector('[data-part="preview"]') as HTMLElement).innerHTML = "";
      await this.look();
      this.querySelector<HTMLElement>(`[data-forget="${panel.dataset.forget}"] select`)?.focus();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      toast(error.message, { kind: "err", strong: "Nothing was deleted." });
    }
  }

  private async record(button: HTMLElement): Promise<void> {
    const organisation = button.closest<HTMLElement>("[data-organisation]")?.dataset.organisation;
    const url = `/api/organisations/${organisation}/erasures/${button.dataset.erasure}`;
    const { record, signature } = await call<{ record: string; signature: string }>("GET", url);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify({ record, signature })], { type: "application/json" }));
    link.download = `erasure-${button.dataset.erasure?.slice(0, 8)}.json`;
    link.click();
    URL.revokeObjectURL(link.href);
  }

  private async pressed(event: Event): Promise<void> {
    const button = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-do]") : null;
    if (button?.dataset.do === "retry") await this.load();
    if (button?.dataset.do === "save") await this.save(button.closest("[data-site]") as HTMLElement);
    if (button?.dataset.do === "forget") await this.forget(button);
    if (button?.dataset.do === "record") await this.record(button);
  }

  private at(name: string): HTMLElement {
    return this.querySelector(`[data-part="${name}"]`) as HTMLElement;
  }
}

function holdingHtml(holding: Holding): string {
  const sites = holding.sites.map((site) => siteHtml(site, site.forecast, false));
  return `<div class="holding" data-organisation="${holding.id}"><div class="col"><div data-part="storage"></div>
    <h2>How long episodes are kept</h2>${sites.join("")}</div>
    <div class="col"><div data-part="forget"></div><div data-part="records"></div>${masksHtml(holding)}</div></div>`;
}

function storageHtml(holding: Holding): string {
  const most = holding.quota_bytes || holding.used_bytes + holding.free_bytes;
  const share = Math.min(100, (100 * holding.used_bytes) / Math.max(1, most));
  const used = holding.used_bytes > 0 ? bytes(holding.used_bytes) : "Nothing yet";
  const quota = holding.quota_bytes ? `${used}, of a quota of ${bytes(holding.quota_bytes)}` : `${used}, no quota`;
  return `<section class="panel"><div class="ph"><h2>${safe(holding.name)}</h2><span class="sp"></span><span class="muted">${bytes(holding.free_bytes)} free on the disk</span></div>
    <div class="pb"><div class="meter" role="meter" aria-valuemin="0" aria-valuemax="100" aria-valuenow="${Math.round(share)}" aria-label="Room used"><i class="${share > 90 ? "full" : ""}" style="width:${share}%"></i></div><p class="t2">${quota}</p></div></section>`;
}

function masksHtml(holding: Holding): string {
  const lines = holding.robots.map(
    (one) =>
      `<tr><td><b>${safe(one.name)}</b></td><td>${one.masked.length > 0 ? safe(one.masked.join(", ")) : '<span class="muted">nothing</span>'}</td><td><a class="btn" href="/robots/${one.id}/masks/">${icon("shield")}Masks</a></td></tr>`,
  );
  if (lines.length === 0) return "";
  return `<section class="panel"><div class="ph"><h2>Privacy masks</h2></div><div class="tblwrap"><table class="tbl"><thead><tr><th>Robot</th><th>Cameras partly blacked out</th><th></th></tr></thead><tbody>${lines.join("")}</tbody></table></div></section>`;
}

customElements.define("data-privacy", DataPrivacy);
