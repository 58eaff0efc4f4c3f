// What a person says of the episode on the screen, kept on the server and undoable: label, quality, tags, trim, words, removal.
import type { EpisodeDetail, Outcome } from "../episodes/shapes";
import { type Change, change, remove, restore } from "../episodes/store";
import { call } from "../http";
import { say } from "../live_region";
import { toast } from "../toast";
import type { Edits } from "./edits";
import type { Draft } from "./store";

/** The page around: what it shows, and what it does with an answer or a refusal. */
export interface Host {
  readonly episode: EpisodeDetail | null;
  /** An episode as this page last heard of it, on the screen or not: a key means the one that it was pressed at. */
  known(id: string): EpisodeDetail | null;
  /** Address of an episode's JSON. */
  address(id: string): string;
  take(now: EpisodeDetail): void;
  refused(error: unknown, strong: string): void;
}

type Fields = Partial<Record<keyof Change, unknown>>;
// biome-ignore format: names
const LABELS: readonly (keyof Change)[] = [
  "instruction", "outcome", "failure", "quality", "tags", "trim_first", "trim_last", "comment", "flagged",
  "reviewed",
];

/** What `after` changed, as it was `before`. */
export function inverse(before: EpisodeDetail, after: EpisodeDetail): Change {
  const found: Fields = {};
  for (const name of LABELS) if (!same(before[name], after[name])) found[name] = before[name];
  return found as Change;
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

const NOTHING = { outcome: "unlabelled" as Outcome, failure: "", quality: null as number | null };

export class Labelling {
  /** A second look that was not given yet: nothing of it is sent before it is whole. */
  draft = { ...NOTHING };
  saving = "";

  constructor(
    private readonly host: Host,
    private readonly edits: Edits,
  ) {}

  /** Another episode is on the screen. */
  reset(): void {
    this.draft = { ...NOTHING };
    this.saving = "";
  }

  get wholeDraft(): Draft | null {
    const { outcome } = this.draft;
    return outcome === "unlabelled" ? null : { ...this.draft, outcome };
  }

  /** The same label again takes it back, unless it is only the recorder's word that nobody has confirmed. */
  outcome(outcome: Outcome): Promise<boolean> {
    const { episode } = this.host;
    if (episode?.second_look) return this.drafted({ outcome: this.draft.outcome === outcome ? "unlabelled" : outcome });
    return this.keep(
      (e) => ({ outcome: e.outcome === outcome && e.reviewed ? "unlabelled" : outcome }),
      (now) => (now.outcome === "unlabelled" ? "Label taken back." : `Labelled ${now.outcome}.`),
      outcome,
    );
  }

  failure(failure: string): Promise<boolean> {
    if (this.host.episode?.second_look) return this.drafted({ failure, outcome: "failure" });
    return this.keep(
      () => (failure ? { failure, outcome: "failure" } : { failure }),
      () => (failure ? `Failure: ${failure}.` : "Kind of failure taken back."),
    );
  }

  quality(quality: number): Promise<boolean> {
    if (this.host.episode?.second_look)
      return this.drafted({ quality: this.draft.quality === quality ? null : quality });
    return this.keep(
      (e) => ({ quality: e.quality === quality ? null : quality }),
      (now) => (now.quality === null ? "Quality taken back." : `Quality ${now.quality}.`),
    );
  }

  /** Confirms the label that is there as this person's own. */
  confirm(): Promise<boolean> {
    return this.keep(
      (e) => (e.reviewed || e.outcome === "unlabelled" ? null : { outcome: e.outcome }),
      (now) => `Confirmed ${now.outcome}.`,
    );
  }

  tag(words: string): Promise<boolean> {
    const wanted = words.split(",").map((tag) => tag.trim());
    return this.keep(
      (e) => ({ tags: [...e.tags, ...wanted.filter((tag) => tag !== "")] }),
      () => `Tagged ${words}.`,
    );
  }

  untag(tag: string): Promise<boolean> {
    return this.keep(
      (e) => ({ tags: e.tags.filter((one) => one !== tag) }),
      () => `Tag ${tag} taken away.`,
    );
  }

  flag(): Promise<boolean> {
    return this.keep(
      (e) => ({ flagged: !e.flagged }),
      (now) => (now.flagged ? "Asked for a second look." : "The second look is no longer asked for."),
    );
  }

  set(wanted: (episode: EpisodeDetail) => Change | null, done: string): Promise<boolean> {
    return this.keep(wanted, () => done);
  }

  /** Sends what `make` wants of the newest version of episode `of`; true when it was kept. Nothing to change is kept too. */
  private keep(
    make: (episode: EpisodeDetail) => Change | null,
    done: (now: EpisodeDetail) => string,
    saving = "",
    of = this.host.episode?.id ?? "",
  ): Promise<boolean> {
    return this.edits.next(async () => {
      const before = this.host.known(of);
      if (!before?.may_change || before.removed) return false;
      const wanted = make(before);
      if (!wanted) return true;
      if (saving && this.shows(of)) {
        this.saving = saving;
        this.host.take(before);
      }
      try {
        return await this.send(before, wanted, done);
      } catch (error) {
        this.host.refused(error, this.shows(of) ? "Not saved." : `Episode ${before.number} is not saved.`);
        return false;
      } finally {
        this.saving = "";
        if (this.host.episode) this.host.take(this.host.episode);
      }
    });
  }

  private shows(id: string): boolean {
    return this.host.episode?.id === id;
  }

  private async send(before: EpisodeDetail, wanted: Change, done: (now: EpisodeDetail) => string): Promise<boolean> {
    const answer = await change(this.host.address(before.id), before.version, wanted);
    this.host.take(answer.now);
    if (!answer.kept) {
      const run = (): void => void this.keep(() => wanted, done, "", before.id);
      const theirs = this.shows(before.id)
        ? "Somebody else changed this episode first. What you see now is theirs."
        : `Somebody else changed episode ${before.number} first.`;
      toast(theirs, {
        kind: "warn",
        strong: "Not saved.",
        action: { label: "Use mine", run },
      });
      return false;
    }
    const words = done(answer.now);
    const [back, again] = [inverse(before, answer.now), inverse(answer.now, before)];
    if (Object.keys(back).length > 0) {
      this.edits.keep({
        words: `${words} Episode ${before.number}.`,
        back: () => this.revert(before.id, again, back),
        again: () => this.revert(before.id, back, again),
      });
    }
    say(words);
    return true;
  }

  /** Writes `to` where the episode still says `from`. */
  private async revert(id: string, from: Change, to: Change): Promise<boolean> {
    try {
      const now = await call<EpisodeDetail>("GET", this.host.address(id));
      const moved = (Object.keys(from) as (keyof Change)[]).some((name) => !same(now[name], from[name]));
      const answer = moved ? null : await change(this.host.address(id), now.version, to);
      if (answer) this.host.take(answer.now);
      if (answer?.kept) return true;
      toast("Somebody else changed it since. Look at it before you change it again.", {
        kind: "warn",
        strong: "Not undone.",
      });
    } catch (error) {
      this.host.refused(error, "Not undone.");
    }
    return false;
  }

  private drafted(change: Partial<typeof NOTHING>): Promise<boolean> {
    const { episode } = this.host;
    if (!episode?.may_change) return Promise.resolve(false);
    this.draft = { ...this.draft, ...change };
    if (this.draft.outcome !== "failure") this.draft.failure = "";
    this.host.take(episode);
    return Promise.resolve(true);
  }

  // -- removal: soft, with undo in the toast and by key

  takeAway(): Promise<boolean> {
    const id = this.host.episode?.id ?? "";
    return this.edits.next(async () => {
      const episode = this.host.known(id);
      if (!episode?.may_remove || episode.removed) return false;
      const { number } = episode;
      if (!(await this.away(id, episode.version))) return false;
      this.edits.keep({
        words: `Episode ${number} removed.`,
        back: () => this.back(id),
        again: () => this.away(id),
      });
      const run = (): void => void this.edits.next(() => this.back(id));
      toast(`Episode ${number} removed.`, { action: { label: "Undo", key: "U", run } });
      return true;
    });
  }

  bringBack(): Promise<boolean> {
    const id = this.host.episode?.id;
    return this.edits.next(async () => (id ? this.back(id) : false));
  }

  private async away(id: string, version?: number): Promise<boolean> {
    const url = this.host.address(id);
    try {
      const seen = version ?? (await call<EpisodeDetail>("GET", url)).version;
      this.host.take(await remove(url, seen));
      return true;
    } catch (error) {
      this.host.refused(error, "Not removed.");
      return false;
    }
  }

  private async back(id: string): Promise<boolean> {
    try {
      this.host.take(await restore(this.host.address(id)));
      say("Episode restored.");
      return true;
    } catch (error) {
      this.host.refused(error, "Not restored.");
      return false;
    }
  }
}
