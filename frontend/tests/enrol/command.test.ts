import { describe, expect, it } from "vitest";
import { detailWords } from "../../src/audit/audit_log";
import { commandLines, folder, secondsLeft } from "../../src/enrol/command";

const CODE = { id: 1, code: "ABCD-EFGH", expires_at: "2026-01-01T10:10:00Z", name: "Kestrel 4; rm -rf ~" };

describe("the lines to type", () => {
  it("name server, code, body and a folder without anything a shell would read", () => {
    expect(commandLines("http://lab:8000", CODE, "camera")).toEqual([
      "python -m robot enrol --server http://lab:8000 --code ABCD-EFGH --body camera --dir robots/kestrel-4-rm-rf",
      "python -m robot run --dir robots/kestrel-4-rm-rf",
    ]);
  });

  it("never leave the folder of robots", () => {
    expect(folder("../../etc")).toBe("robots/etc");
    expect(folder("机器人")).toBe("robots/robot");
  });

  it("know how long the code works", () => {
    expect(secondsLeft(CODE, Date.parse("2026-01-01T10:04:30Z"))).toBe(330);
    expect(secondsLeft(CODE, Date.parse("2026-01-01T11:00:00Z"))).toBe(0);
  });
});

describe("audit details", () => {
  it("read as words and leave out what is empty", () => {
    expect(detailWords({ lease_seq: 4, reason: "deadman", note: "", who: null, sources: ["p1"] })).toBe(
      'lease seq 4, reason deadman, sources ["p1"]',
    );
  });
});
