// The bar for what is selected: label, tag, put into a dataset, each with one undo. It asks the server; the page shows what came of it.
import { Refused } from "../http";
import { icon } from "../icons";
import { count, safe } from "../text";
import { toast } from "../toast";
import type { Choices } from "./library_shapes";
import * as store from "./library_store";
import type { Selection } from "./selection";

const PIECE = 500; // episodes of one request

export interface BarHost {
  selection: Selection;
  choices(): Choices | null;
  changed(): Promise<void>;
  cleared(): void;
}

export class BulkBar {
  private asks: "" | "tag" | "dataset" = "";
  private busy = false;
  private drawn = "";

  constructor(
    private readonly root: HTMLElement,
    private readonly host: BarHost,
    signal: AbortSignal,
  ) {
    root.addEventListener("click", (event) => this.pressed(event), { signal });
    root.addEventListener("submit", (event) => this.submitted(event), { signal });
    root.addEventListener(
      "keydown",
      (event) => {
        if (event.key === "Escape" && this.asks) {
          event.stopPropagation();
          this.ask("");
        }
      },
      { signal },
    );
  }

  draw(): void {
    const n = this.host.selection.size;
    this.root.hidden = n === 0;
    if (n === 0) this.asks = "";
    const c = this.host.choices();
    if (n === 0 || !c) return;
    const open = this.root.querySelector<HTMLElement>("form");
    if (this.asks && open?.dataset.asks === this.asks) {
      for (const place of open.querySelectorAll("[data-count]")) place.textContent = count(n, "episode");
      return; // what is being typed in it stays
    }
    if (this.asks) this.write(this.asks === "tag" ? tagForm(n, c) : datasetForm(n, c));
    else this.write(this.acts(n, c));
  }

  private acts(n: number, c: Choices): string {
    const off = this.busy ? " disabled" : "";
    const labels = c.may_label
      ? `<button type="button" class="btn" data-act="success"${off}>${icon("check", "ok")}Success<kbd>Y</kbd></button><button type="button" class="btn" data-act="failure"${off}>${icon("cross", "err")}Failure<kbd>X</kbd></button><span class="seg" role="group" aria-label="Quality">${[1, 2, 3, 4, 5].map((q) => `<button type="button" data-act="quality" data-q="${q}"${off}>${q}</button>`).join("")}</span><button type="button" class="btn" data-act="tag"${off}>${icon("plus")}Tag<kbd>T</kbd></button>`
      : '<span class="muted">Your role does not label. Ask an administrator.</span>';
    const dataset = c.may_curate
      ? `<button type="button" class="btn pri" data-act="dataset"${off}>Add to dataset<kbd>D</kbd></button>`
      : "";
    return `<b class="nw">${count(n, "episode")} selected</b>${labels}<span class="sp"></span>${dataset}<button type="button" class="btn quiet" data-act="all">Select all that match<kbd>A</kbd></button><button type="button" class="btn quiet" data-act="none">Clear<kbd>Esc</kbd></button>`;
  }

  /** The same again is not written, so that a button keeps the focus while the list is looked at anew. */
  private write(html: string): void {
    if (this.drawn === html) return;
    this.drawn = html;
    this.root.innerHTML = html;
  }

  ask(what: "" | "tag" | "dataset"): void {
    const c = this.host.choices();
    const may = what === "tag" ? c?.may_label : what === "dataset" ? c?.may_curate : true;
    if (!may || (what && this.host.selection.size === 0)) return;
    this.asks = what;
    this.draw();
    if (what) this.root.querySelector("input")?.focus();
  }

  async label(wish: store.LabelWish, words: string): Promise<void> {
    const ids = this.host.selection.ids;
    if (ids.length === 0 || this.busy || !this.host.choices()?.may_label) return;
    const undos: string[] = [];
    let changed = 0;
    const skipped: string[] = [];
    await this.guarded("Not labelled.", async () => {
      for (let first = 0; first < ids.length; first += PIECE) {
        const done = await store.label(ids.slice(first, first + PIECE), wish);
        changed += done.changed.length;
        skipped.push(...done.skipped.map((one) => one.sentence));
        if (done.undo) undos.push(done.undo);
      }
    });
    if (undos.length > 0)
      toast(`${count(changed, "episode")} ${words}.`, {
        action: { label: "Undo", key: "U", run: () => void this.undoLabels(undos) },
      });
    if (skipped.length > 0)
      toast(`${count(skipped.length, "episode")} left as they were: ${skipped[0]}`, { kind: "warn" });
    if (undos.length === 0 && skipped.length === 0 && changed === 0) toast("They say that already.");
    await this.host.changed();
  }

  private async undoLabels(undos: string[]): Promise<void> {
    await this.guarded("Not undone.", async () => {
      let back = 0;
      for (const one of undos) back += (await store.undo(one)).changed.length;
      toast(`${count(back, "episode")} as before.`);
    });
    await this.host.changed();
  }

  private async add(id: string, name: string, url: string): Promise<void> {
    const picks = Object.fromEntries(this.host.selection.ids.map((one) => [one, "added"]));
    await this.guarded("Not added.", async () => {
      const done = await store.pick(id, picks);
      toast(`${count(done.picked, "episode")} in the draft of “${name}”, which now has ${done.episodes}.`, {
        action: { label: "Undo", key: "U", run: () => void this.undoPicks(id, done.undo) },
      });
      if (url) toast("A new dataset was made.", { action: { label: "Open it", run: () => location.assign(url) } });
    });
    this.host.cleared();
  }

  private async undoPicks(id: string, picks: Record<string, string>): Promise<void> {
    await this.guarded("Not undone.", async () => {
      await store.pick(id, picks);
      toast("Taken out of the draft again.");
    });
  }

  private async guarded(strong: string, act: () => Promise<void>): Promise<void> {
    this.busy = true;
    this.asks = "";
    this.draw();
    try {
      await act();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      toast(error.message, { kind: "err", strong });
    } finally {
      this.busy = false;
      this.draw();
    }
  }

  private pressed(event: Event): void {
    const button = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-act]") : null;
    const act = button?.dataset.act;
    if (act === "success") void this.label({ outcome: "success" }, "labelled success");
    if (act === "failure") void this.label({ outcome: "failure" }, "labelled failure");
    if (act === "quality")
      void this.label({ quality: Number(button?.dataset.q) }, `given quality ${button?.dataset.q}`);
    if (act === "tag" || act === "dataset") this.ask(act);
    if (act === "back") this.ask("");
    if (act === "none") this.host.cleared();
    if (act === "all") this.root.dispatchEvent(new CustomEvent("choose-all", { bubbles: true }));
    if (act === "into") void this.add(button?.dataset.id ?? "", button?.dataset.name ?? "", "");
  }

  private submitted(event: Event): void {
    event.preventDefault();
    const text = this.root.querySelector("input")?.value.trim() ?? "";
    if (!text) return;
    if (this.asks === "tag") {
      const away = text.startsWith("-");
      const tags = text
        .replace(/^-/, "")
        .split(",")
        .flatMap((tag) => tag.trim() || []);
      const wish = away ? { remove_tags: tags } : { add_tags: tags };
      void this.label(wish, `${away ? "no longer tagged" : "tagged"} ${tags.join(", ")}`);
      return;
    }
    const known = this.host.choices()?.datasets.find((one) => one.name.toLowerCase() === text.toLowerCase());
    if (known) void this.add(known.id, known.name, "");
    else void this.makeAndAdd(text);
  }

  private async makeAndAdd(name: string): Promise<void> {
    let made: { id: string; name: string; url: string } | null = null;
    await this.guarded("Not made.", async () => {
      made = await store.makeDataset(name);
    });
    if (made) await this.add((made as { id: string }).id, name, (made as { url: string }).url);
  }
}

function tagForm(n: number, c: Choices): string {
  const list = c.tags.map((tag) => `<option value="${safe(tag)}"></option>`).join("");
  return `<form class="row grow" data-asks="tag"><b class="nw">Tag <span data-count>${count(n, "episode")}</span></b><label class="field grow"><span class="sr">Tags, with commas between</span><input list="tags" maxlength="120" placeholder="Tags, with commas between; -tag takes one away" autocomplete="off"></label><datalist id="tags">${list}</datalist><button class="btn pri">Tag</button><button type="button" class="btn quiet" data-act="back">Back<kbd>Esc</kbd></button></form>`;
}

function datasetForm(n: number, c: Choices): string {
  const known = c.datasets
    .slice(0, 6)
    .map(
      (one) =>
        `<button type="button" class="btn" data-act="into" data-id="${safe(one.id)}" data-name="${safe(one.name)}">${safe(one.name)}</button>`,
    )
    .join("");
  const list = c.datasets.map((one) => `<option value="${safe(one.name)}"></option>`).join("");
  return `<form class="row grow" data-asks="dataset"><b class="nw">Add <span data-count>${count(n, "episode")}</span> to</b>${known}<label class="field grow"><span class="sr">Name of a dataset, or of a new one</span><input list="datasets" maxlength="80" placeholder="Name of a dataset, or of a new one" autocomplete="off"></label><datalist id="datasets">${list}</datalist><button class="btn pri">Add</button><button type="button" class="btn quiet" data-act="back">Back<kbd>Esc</kbd></button></form>`;
}
