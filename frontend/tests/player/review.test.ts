// The pure parts of reviewing: trim, undo, thinning of plots, findings, aiming, addresses, what a change takes back.
import { describe, expect, it } from "vitest";
import type { EpisodeDetail, Finding } from "../../src/episodes/shapes";
import { episodeOf, pageOf, placeOf } from "../../src/player/address";
import { between, CENTRE, grown, moved } from "../../src/player/aim";
import { thin } from "../../src/player/decimate";
import { type Edit, Edits } from "../../src/player/edits";
import { findingRanges, findingTime, proposal, proposalWords } from "../../src/player/findings";
import { inverse } from "../../src/player/labelling";
import { findingsHtml } from "../../src/player/side";
import { isTrimmed, kept, takeProposed, trimIn, trimOut } from "../../src/player/trim";

const PLAIN = { rows: 100, trim_first: null, trim_last: null, proposed_trim: null };

describe("trim", () => {
  it("keeps everything until somebody says otherwise", () => {
    expect(kept(PLAIN)).toEqual({ first: 0, last: 99 });
    expect(isTrimmed(PLAIN)).toBe(false);
  });

  it("begins and ends at the row that was chosen, and is taken back by the same key there", () => {
    expect(trimIn(PLAIN, 10)).toEqual({ trim_first: 10 });
    expect(trimIn({ ...PLAIN, trim_first: 10 }, 10)).toEqual({ trim_first: null });
    expect(trimOut({ ...PLAIN, trim_last: 80 }, 80)).toEqual({ trim_last: null });
  });

  it("never has an end before its beginning", () => {
    expect(trimIn({ ...PLAIN, trim_last: 50 }, 60)).toEqual({ trim_first: 60, trim_last: null });
    expect(trimOut({ ...PLAIN, trim_first: 50 }, 40)).toEqual({ trim_first: null, trim_last: 40 });
  });

  it("takes what is proposed, once", () => {
    const proposed = { ...PLAIN, proposed_trim: { first: 5, last: 90 } };
    expect(takeProposed(proposed)).toEqual({ trim_first: 5, trim_last: 90 });
    expect(takeProposed({ ...proposed, trim_first: 5, trim_last: 90 })).toBeNull();
    expect(takeProposed(PLAIN)).toBeNull();
  });
});

describe("edits", () => {
  function edit(words: string, log: string[]): Edit {
    const act = (what: string) => async (): Promise<boolean> => {
      log.push(`${what} ${words}`);
      return true;
    };
    return { words, back: act("back"), again: act("again") };
  }

  it("are undone from the newest and done again in order", async () => {
    const [log, told]: [string[], string[]] = [[], []];
    const edits = new Edits((words) => told.push(words));
    edits.keep(edit("one", log));
    edits.keep(edit("two", log));
    await edits.undo();
    await edits.undo();
    await edits.undo();
    await edits.redo();
    expect(log).toEqual(["back two", "back one", "again one"]);
    expect(told).toEqual(["Undone: two", "Undone: one", "There is nothing to undo.", "Done again: one"]);
  });

  it("forget what was undone once something new is done", async () => {
    const log: string[] = [];
    const edits = new Edits(() => undefined);
    edits.keep(edit("one", log));
    await edits.undo();
    edits.keep(edit("two", log));
    await edits.redo();
    expect(log).toEqual(["back one"]);
  });

  it("wait for each other, also after one that failed", async () => {
    const order: number[] = [];
    const edits = new Edits(() => undefined);
    const slow = edits.next(async () => {
      await new Promise((done) => setTimeout(done, 5));
      order.push(1);
      throw new Error("refused");
    });
    const quick = edits.next(async () => order.push(2));
    await expect(slow).rejects.toThrow("refused");
    await quick;
    expect(order).toEqual([1, 2]);
  });

  it("take back exactly what they changed", () => {
    const before = { outcome: "success", failure: "", tags: ["a"], quality: null } as unknown as EpisodeDetail;
    const after = { ...before, outcome: "failure", failure: "slip", tags: ["a"] } as EpisodeDetail;
    expect(inverse(before, after)).toEqual({ outcome: "success", failure: "" });
    expect(inverse(after, before)).toEqual({ outcome: "failure", failure: "slip" });
    const confirmed = { ...before, reviewed: true } as EpisodeDetail;
    expect(inverse({ ...before, reviewed: false }, confirmed)).toEqual({ reviewed: false });
  });
});

describe("thinning", () => {
  it("keeps a peak of a single row among twenty thousand", () => {
    const column = new Float32Array(20_000);
    column[12_345] = 7;
    column[12_346] = -7;
    const { rows, values } = thin([column], 800);
    expect(rows).toHaveLength(1600);
    expect(Math.max(...(values[0] as number[]))).toBe(7);
    expect(Math.min(...(values[0] as number[]))).toBe(-7);
    const at = rows[(values[0] as number[]).indexOf(7)] as number;
    expect(Math.abs(at - 12_345)).toBeLessThan(25);
  });

  it("keeps the order in which low and high came", () => {
    const rising = Float32Array.from({ length: 100 }, (_, i) => i);
    const { values } = thin([rising], 10);
    expect(values[0]?.slice(0, 4)).toEqual([0, 9, 10, 19]);
  });

  it("leaves gaps where nothing was measured, and short columns as they are", () => {
    const column = new Float32Array(100).fill(Number.NaN);
    column[95] = 1;
    expect(thin([column], 10).values[0]?.slice(-4)).toEqual([null, null, 1, 1]);
    expect(thin([Float32Array.of(1, Number.NaN)], 10)).toEqual({ rows: Float64Array.of(0, 1), values: [[1, null]] });
  });
});

describe("findings", () => {
  const frozen: Finding = {
    code: "frozen",
    severity: "warning",
    sentence: "The picture stood still.",
    camera: "wrist",
    first: 30,
    last: 59,
  };

  it("say when they hold, unless that is all the time", () => {
    expect(findingTime(frozen, 300, 30)).toBe("0:01");
    expect(findingTime({ ...frozen, last: 150 }, 300, 30)).toBe("0:01–0:05");
    expect(findingTime({ ...frozen, first: 0, last: 299 }, 300, 30)).toBe("");
  });

  it("cover their rows on the time line", () => {
    expect(findingRanges([frozen], 300)).toContain("left:10.00%;width:10.00%");
  });

  it("propose a trim until it is taken", () => {
    const episode = { ...PLAIN, record_hz: 30, proposed_trim: { first: 15, last: 69 } } as unknown as EpisodeDetail;
    const found = proposal(episode);
    expect(found && proposalWords(found)).toBe("0.5 s at the beginning and 1.0 s at the end");
    expect(proposal({ ...episode, trim_first: 15, trim_last: 69 })).toBeNull();
  });
});

describe("aiming", () => {
  it("stays in the picture", () => {
    expect(moved({ ...CENTRE, width: 0.4, height: 0.4 }, 0.5, -0.9)).toMatchObject({ x: 0.6, y: 0 });
    expect(grown(CENTRE, 0.9, 0.02)).toEqual({ x: 0.5, y: 0.5, width: 0.5, height: 0.02 });
  });

  it("shrinks back to a point", () => {
    expect(grown({ ...CENTRE, width: 0.05, height: 0.05 }, -0.1, -0.1)).toEqual(CENTRE);
  });

  it("draws a box from any corner, and a point from a press", () => {
    expect(between({ x: 0.6, y: 0.7 }, { x: 0.2, y: 0.1 })).toEqual({
      x: 0.2,
      y: 0.1,
      width: expect.closeTo(0.4),
      height: expect.closeTo(0.6),
    });
    expect(between({ x: 0.3, y: 0.3 }, { x: 0.301, y: 0.3 })).toEqual({ x: 0.3, y: 0.3, width: 0, height: 0 });
  });
});

describe("addresses", () => {
  it("name a frame in two ways and carry the library's filter", () => {
    const place = placeOf("?outcome=failure&frame=12&review=1", "");
    expect([place.frame, place.filter.toString(), place.reviewing]).toEqual([12, "outcome=failure", true]);
    expect(placeOf("?frame=12", "#f=984").frame).toBe(984);
    expect(placeOf("", "#f=x").frame).toBe(0);
    expect(pageOf("e1", place.filter, 984)).toBe("/episodes/e1/?outcome=failure#f=984");
    expect(pageOf("e1", new URLSearchParams())).toBe("/episodes/e1/");
    expect(episodeOf("/episodes/e1/")).toBe("e1");
    expect(episodeOf("/episodes/")).toBe("");
  });
});

describe("many findings of one kind", () => {
  const dropped = (first: number, camera = "scene"): Finding => {
    return { code: "dropped", severity: "warning", sentence: "No new picture.", camera, first, last: first + 2 };
  };

  it("are one line with how often and from when to when", () => {
    const episode = {
      findings: [1, 40, 80, 290].map((row) => dropped(row)),
      rows: 600,
      record_hz: 30,
      frames_repeated: {},
    };
    const html = findingsHtml(episode as unknown as EpisodeDetail);
    expect(html).toContain("dropped, 4 times");
    expect(html).toContain("0:00–0:09 scene");
    expect(html).toContain("1 to look at");
    expect(html.match(/data-do="seek"/g)).toHaveLength(4);
  });

  it("few, or of another camera, are listed one by one", () => {
    const findings = [dropped(1), dropped(40), dropped(80, "wrist"), dropped(120, "wrist")];
    const html = findingsHtml({ findings, rows: 600, record_hz: 30, frames_repeated: {} } as unknown as EpisodeDetail);
    expect(html).not.toContain("times");
    expect(html).toContain("4 to look at");
  });
});
