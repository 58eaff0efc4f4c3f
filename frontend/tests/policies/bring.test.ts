// What people choose to import becomes one archive; what is said of figures and sentences on a policy's page.
import { describe, expect, it } from "vitest";
import { archiveOf } from "../../src/policies/bring";
import { figures, patterns } from "../../src/policy/words";

const file = (name: string, text: string): File => new File([text], name);

describe("an import", () => {
  it("packs the files of a folder that belong to a policy, block by block", async () => {
    const archive = archiveOf([
      file("card.json", "{}"),
      file("policy.safetensors", "x".repeat(600)),
      file("notes.txt", "no"),
    ]);
    const raw = new Uint8Array(await (archive as Blob).arrayBuffer());
    expect(raw.length).toBe(512 + 512 + 512 + 1024 + 1024);
    const text = (at: number, length: number): string =>
      new TextDecoder().decode(raw.slice(at, at + length)).replace(/\0.*$/s, "");
    expect(text(0, 100)).toBe("policy/card.json");
    expect(text(124, 12)).toBe("00000000002");
    expect(text(257, 6)).toBe("ustar");
    expect(text(1024, 100)).toBe("policy/policy.safetensors");
    const sum = raw.slice(0, 512).reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 32 : byte), 0);
    expect(Number.parseInt(text(148, 6), 8)).toBe(sum);
  });

  it("takes a checkpoint with it, from where the card lies", async () => {
    const at = (path: string): File =>
      Object.defineProperty(file(path.split("/").pop() as string, ""), "webkitRelativePath", { value: path });
    const paths = ["a/b/checkpoint/config.json", "a/b/config.json", "a/b/card.json", "a/notes/config.json"];
    const raw = new Uint8Array(await (archiveOf(paths.map(at)) as Blob).arrayBuffer());
    const name = (block: number): string =>
      new TextDecoder().decode(raw.slice(512 * block, 512 * block + 100)).replace(/\0.*$/s, "");
    expect([0, 1, 2, 3].map(name)).toEqual([
      "policy/checkpoint/config.json",
      "policy/config.json",
      "policy/card.json",
      "",
    ]);
  });

  it("takes a tar file as it is, and nothing that is no policy", () => {
    const tar = file("starter-1.tar", "tar");
    expect(archiveOf([tar])).toBe(tar);
    expect(archiveOf([file("notes.txt", "no")])).toBeNull();
    expect(archiveOf([])).toBeNull();
  });
});

describe("figures", () => {
  it("with an interval are apart from errors", () => {
    const found = figures({
      held_out_action: 0.07,
      lift: { n: 60, success: 0.95, low: 0.86, high: 0.98 },
      doubt: { alpha: 0.15 },
    });
    expect(found.rates).toEqual([{ name: "lift", share: 0.95, low: 0.86, high: 0.98, n: 60 }]);
    expect(found.errors).toEqual([["action", 0.07]]);
    expect(found.others).toEqual([]);
  });

  it("show sentences without their objects", () => {
    expect(patterns(["Lift the red cube", "Lift the blue cube", "Wait"], ["red cube", "blue cube"])).toEqual([
      "Lift the …",
      "Wait",
    ]);
  });
});
