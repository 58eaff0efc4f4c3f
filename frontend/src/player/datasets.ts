// Which datasets the episode is in, and putting it into a draft with one key. Loaded when an episode is opened; undoable.
import type { EpisodeDetail } from "../episodes/shapes";
import { call } from "../http";
import { icon } from "../icons";
import { say } from "../live_region";
import { safe } from "../text";
import { toast } from "../toast";
import type { Edits } from "./edits";
import { kbd } from "./stage";

const KEPT = "reins.dataset";

/** A dataset that the episode is in: numbers of frozen versions, and whether the draft holds it. */
interface Membership {
  dataset: string;
  name: string;
  url: string;
  numbers: number[];
  draft: boolean;
}

interface Draft {
  id: string;
  name: string;
}

type Pick = "added" | "removed" | "";

interface Host {
  readonly episode: EpisodeDetail | null;
  readonly edits: Edits;
  known(id: string): EpisodeDetail | null;
  address(id: string): string;
  refused(error: unknown, strong: string): void;
  drawSide(): void;
}

export class Datasets {
  private drafts: Draft[] | null = null;
  private inside: Membership[] = [];
  private known: Promise<void> = Promise.resolve();

  constructor(private readonly host: Host) {}

  reset(): void {
    this.inside = [];
  }

  load(signal: AbortSignal): Promise<void> {
    this.known = this.read(signal);
    return this.known;
  }

  private async read(signal: AbortSignal): Promise<void> {
    const id = this.host.episode?.id ?? "";
    try {
      this.drafts ??= await call<Draft[]>("GET", "/api/datasets", undefined, signal);
      const inside = await call<Membership[]>("GET", `${this.host.address(id)}/datasets`, undefined, signal);
      if (this.host.episode?.id === id) this.inside = inside;
      this.host.drawSide();
    } catch (error) {
      this.host.refused(error, "The datasets could not be read.");
    }
  }

  /** The dataset that was used last, else the newest. */
  private get chosen(): Draft | undefined {
    const kept = window.localStorage.getItem(KEPT);
    return this.drafts?.find((one) => one.id === kept) ?? this.drafts?.[0];
  }

  choose(id: string): void {
    window.localStorage.setItem(KEPT, id);
    this.host.drawSide();
  }

  private holds(dataset: string, inside = this.inside): boolean {
    return inside.some((one) => one.dataset === dataset && one.draft);
  }

  /** Where an episode is, which need not be the one on the screen any more. */
  private async insideOf(episode: string): Promise<Membership[]> {
    if (this.host.episode?.id === episode) return this.inside;
    return call<Membership[]>("GET", `${this.host.address(episode)}/datasets`);
  }

  /** Adds the episode to the chosen draft, or takes it out again. */
  toggle(): Promise<boolean> {
    const id = this.host.episode?.id ?? "";
    return this.host.edits.next(async () => {
      await this.known;
      const episode = this.host.known(id);
      const draft = this.chosen;
      if (!episode || episode.removed) return false;
      if (!episode.may_curate || !draft) {
        const why = episode.may_curate
          ? "Make a dataset first."
          : "Reviewers and engineers choose what is in a dataset.";
        toast(why, { kind: "warn", strong: "Not added." });
        return false;
      }
      const inside = await this.insideOf(id).catch((error) => this.host.refused(error, "Not added."));
      if (!inside) return false;
      const pick: Pick = this.holds(draft.id, inside) ? "removed" : "added";
      const undo = await this.put(id, draft, pick);
      if (undo === null) return false;
      const words = pick === "added" ? `Added to ${draft.name}.` : `Taken out of ${draft.name}.`;
      this.host.edits.keep({
        words: `${words} Episode ${episode.number}.`,
        back: async () => (await this.put(id, draft, undo)) !== null,
        again: async () => (await this.put(id, draft, pick)) !== null,
      });
      say(words);
      return true;
    });
  }

  /** What the pick was before; null when it was refused. */
  private async put(episode: string, draft: Draft, pick: Pick): Promise<Pick | null> {
    try {
      const answer = await call<{ undo: Record<string, Pick> }>("POST", `/api/datasets/${draft.id}/picks`, {
        picks: { [episode]: pick },
      });
      const inside = await call<Membership[]>("GET", `${this.host.address(episode)}/datasets`);
      if (this.host.episode?.id === episode) this.inside = inside;
      this.host.drawSide();
      return answer.undo[episode] ?? "";
    } catch (error) {
      this.host.refused(error, "Not added.");
      return null;
    }
  }

  html(): string {
    const { episode } = this.host;
    if (!episode || this.drafts === null || (this.inside.length === 0 && !episode.may_curate)) return "";
    const lines = this.inside.map((one) => {
      const where = [...(one.draft ? ["draft"] : []), ...one.numbers.map((n) => `version ${n}`)].join(", ");
      return `<dt><a href="${safe(one.url)}">${safe(one.name)}</a></dt><dd>${where}</dd>`;
    });
    const list = lines.length > 0 ? `<dl class="kv">${lines.join("")}</dl>` : "";
    return `<h2>Datasets</h2>${list}${episode.may_curate ? this.button() : ""}`;
  }

  private button(): string {
    const draft = this.chosen;
    if (!draft) return '<p class="t2">There is none yet. <a href="/datasets/">Make a dataset</a></p>';
    const held = this.holds(draft.id);
    const words = held ? `Take out of “${safe(draft.name)}”` : `Add to draft “${safe(draft.name)}”`;
    const others = (this.drafts ?? [])
      .map(
        (one) => `<option value="${safe(one.id)}"${one.id === draft.id ? " selected" : ""}>${safe(one.name)}</option>`,
      )
      .join("");
    const other =
      (this.drafts ?? []).length > 1
        ? `<label class="field other"><span class="sr">Dataset</span><select data-dataset>${others}</select></label>`
        : "";
    return `<div class="row line"><button type="button" class="btn grow ${held ? "" : "pri"}" data-do="dataset">${icon(held ? "cross" : "plus")}<span class="el">${words}</span>${kbd("A")}</button></div>${other}`;
  }
}
