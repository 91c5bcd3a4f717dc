import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { renderDiagnostic } from "../output/render-diagnostic.ts";
import { createRedactor, createTextRedactor, makeRedactor } from "./redact.ts";
import { patternsOf } from "./redact-patterns.ts";

const redact = (values: readonly string[], ...pieces: readonly (string | Uint8Array)[]): string => {
  const redactor = createRedactor(values);
  const out = pieces.map((piece) => Buffer.from(redactor.push(Buffer.from(piece))));
  return Buffer.concat([...out, Buffer.from(redactor.finish())]).toString();
};

const secret = "hunter2 & <friends>";
const key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\n{\n}\nq8Zr0m3lqk0=\n-----END PRIVATE KEY-----\n";

test("redactors of one list do not disturb each other", async () => {
  const values = [secret, "another-secret"];
  const [a, b] = await Promise.all([makeRedactor(values), makeRedactor(values)]);
  const text = createTextRedactor(values);
  const begun = [a.push(Buffer.from("hunter2 & <fri")), b.push(Buffer.from("anot"))];
  expect(begun.map((bytes) => bytes.length)).toEqual([0, 0]);
  expect(text(`x ${secret}`)).toBe("x (sensitive value)");
  const ended = [a.push(Buffer.from("ends>.")), b.push(Buffer.from("her-secret."))];
  expect(ended.map(String)).toEqual(["(sensitive value).", "(sensitive value)."]);
});

describe("every form of a secret is replaced", () => {
  test.each([
    ["raw", `a ${secret} b`],
    ["in JSON", `a ${JSON.stringify(secret).slice(1, -1)} b`],
    ["in JSON as Go writes it", "a hunter2 \\u0026 \\u003cfriends\\u003e b"],
    ["in a URL", `a ${encodeURIComponent(secret)} b`],
    ["in a form", "a hunter2+%26+%3Cfriends%3E b"],
    ["in lower-case percent codes", "a hunter2%20%26%20%3cfriends%3e b"],
  ])("%s", (_, text) => {
    expect(redact([secret], text)).toBe("a (sensitive value) b");
  });

  test.each([0, 1, 2, 3, 4])("in base64 after %i other bytes", (before) => {
    const text = Buffer.from(`${"x".repeat(before)}${secret}yy`).toString("base64");
    const out = redact([secret], text);
    expect(out).toContain("(sensitive value)");
    const rest = Buffer.from(out.replace("(sensitive value)", "")).toString("base64");
    expect(rest.length).toBeLessThan(24);
  });

  test("in hex, in either case", () => {
    const hex = Buffer.from(secret).toString("hex");
    expect(redact([secret], `a ${hex} ${hex.toUpperCase()} 0${hex}0a`)).toBe(
      "a (sensitive value) (sensitive value) 0(sensitive value)0a",
    );
  });

  test.each([
    ["base64 of 64 columns", "base64", 64],
    ["base64 of 76 columns", "base64", 76],
    ["hex as xxd -p writes it", "hex", 60],
  ] as const)("in %s, also when each line has something before it", (_, encoding, columns) => {
    const long = Array.from({ length: 40 }, (_value, index) => `word${index * 7919}`).join(" ");
    const lines =
      Buffer.from(`${long}\n`)
        .toString(encoding)
        .match(new RegExp(`.{1,${columns}}`, "g")) ?? [];
    for (const prefix of ["", "data.x (local-exec): "]) {
      const out = redact([long], lines.map((line) => `${prefix}${line}\n`).join(""));
      const rest = out.replaceAll("(sensitive value)", "").replaceAll(prefix, "").replaceAll(/\s/g, "");
      expect(rest.length).toBeLessThan(8);
    }
  });

  test.each([
    ["a colour inside", `a hun${"\u001b[1;31m"}ter2 & <fri${"\u001b[0m"}ends> b`],
    ["NULs inside", "a hunter2 &\u0000 <frien\u0000\u0000ds> b"],
    ["colours around its spaces", `a hunter2${"\u001b[4m"} ${"\u001b[0m"} & <friends> b`],
  ])("with %s, however it is split", (_, text) => {
    expect(redact([secret], text)).toBe("a (sensitive value) b");
    expect(redact([secret], ...[...Buffer.from(text)].map((byte) => Uint8Array.of(byte)))).toBe(
      "a (sensitive value) b",
    );
  });

  test("one that holds colours itself, with and without them", () => {
    const coloured = `hun${"\u001b[31m"}ter2-${"\u001b[0m"}hunter2`;
    expect(redact([coloured], `a ${coloured} hunter2-hunter2 b`)).toBe("a (sensitive value) (sensitive value) b");
  });

  test("an escape that is none ends nothing: what follows it is read", () => {
    expect(redact([secret], `h\u001b${secret} h\u001b[31\n${secret}`)).toBe(
      "h\u001b(sensitive value) h\u001b[31\n(sensitive value)",
    );
  });

  test("what a job puts between the bytes of a secret to fill the memory ends the match", () => {
    const redactor = createRedactor([secret]);
    for (const filler of ["\u0000", " "]) {
      redactor.push(Buffer.from("hunter2 "));
      let shown = 0;
      for (let count = 0; count < 64; count += 1) shown += redactor.push(Buffer.alloc(4096, filler)).length;
      expect(shown).toBeGreaterThan(50 * 4096);
    }
  });

  test.each([
    ["xxd", "00000000: 6875 6e74 6572 3220 2620 3c66 7269 656e  hunter2 & <frien\n00000010: 6473 3e0a  ds>.\n"],
    [
      "hexdump -C",
      "00000000  68 75 6e 74 65 72 32 20  26 20 3c 66 72 69 65 6e  |hunter2 & <frien|\n00000010  64 73 3e 0a  |ds>.|\n",
    ],
  ])("in the groups of %s", (_, text) => {
    expect(redact([secret], text)).not.toMatch(/6875|68 75|hunter2|frien/);
  });

  test.each([
    ["Go's %q", '\u0007p\u00a0a\u007f"s\ns\u2028w', '\\ap\\u00a0a\\x7f\\"s\\ns\\u2028w'],
    ["Go's %q, of what is printable", "pässwörd \u{1f600}", "pässwörd \u{1f600}"],
    ["JSON of nothing but ASCII", "pässwörd \u{1f600}", "p\\u00e4ssw\\u00f6rd \\ud83d\\ude00"],
    ["JSON with slashes escaped", "pass/word/s", "pass\\/word\\/s"],
  ])("in %s", (_, value, written) => {
    expect(redact([value], `a "${written}" b`)).toBe('a "(sensitive value)" b');
  });

  const words = fc.string({ unit: fc.constantFrom(..."abcXYZ 019 -é\t"), minLength: 6, maxLength: 60 });

  test("whatever the white space in it has become: no place where terraform wraps a line leaks it", () => {
    fc.assert(
      fc.property(words, fc.nat(90), fc.constantFrom("", "  ", "    │ "), (value, before, indent) => {
        fc.pre(value.trim().replaceAll(/\s+/g, " ").length >= 6);
        const diagnostic = {
          severity: "error",
          summary: `${"s".repeat(before % 7)} ${value}`,
          detail: `${indent}${"x ".repeat(before / 2)}${value} said the provider\nand ${value}`,
        };
        const text = renderDiagnostic(diagnostic, JSON.stringify({ diagnostic }));
        const out = redact([value], text);
        const squeezed = (some: string) => some.replaceAll(/\s+/g, " ").trim();
        expect(squeezed(out)).not.toContain(squeezed(value));
        expect(out.split("(sensitive value)").length).toBeGreaterThan(3);
        expect(redact([value], ...[...Buffer.from(text)].map((byte) => Uint8Array.of(byte)))).toBe(out);
      }),
      { numRuns: 300 },
    );
    fc.assert(
      fc.property(
        words,
        fc.array(fc.constantFrom("\n", "\r\n", "\n    ", "  ", " \t"), { minLength: 1 }),
        (value, gaps) => {
          fc.pre(value.trim().replaceAll(/\s+/g, " ").length >= 6);
          let gap = 0;
          const wrapped = value.trim().replaceAll(/\s+/g, () => gaps[gap++ % gaps.length] ?? "\n");
          fc.pre(wrapped.length >= 6);
          expect(redact([value], `x ${wrapped} y`)).toBe("x (sensitive value) y");
        },
      ),
    );
  });

  test("a short value with a run of spaces does not blot out words", () => {
    expect(redact(["a     b"], "a b, a     b")).toBe("a b, (sensitive value)");
  });

  test("in quotes, with what quotes escape", () => {
    const value = ['a"b\\c', "{d}\te"].join("$");
    expect(redact([value], 'x = "a\\"b\\\\c$${d}\\te"')).toBe('x = "(sensitive value)"');
    expect(redact(["it's here"], "echo 'it'\\''s here'")).toBe("echo '(sensitive value)'");
  });

  test("the lines of a value of many lines, but no line that many texts have", () => {
    expect(redact([key], "MIIEvQIBADANBgkqhkiG9w0B\r\n{\r\n}\r\nq8Zr0m3lqk0=\r\n")).toBe(
      "(sensitive value)\r\n{\r\n}\r\n(sensitive value)\r\n",
    );
    expect(redact([key], "-----BEGIN PRIVATE KEY-----\nother\n")).toBe("-----BEGIN PRIVATE KEY-----\nother\n");
    const json = JSON.stringify({ type: "service_account", private_key_id: "0123456789abcdef" });
    expect(redact([json], '"private_key_id" "service_account"')).toBe('"private_key_id" "service_account"');
    expect(redact([key], "-----END PRIVATE KEY-----")).toBe("-----END PRIVATE KEY-----");
    const yaml = "apiVersion: v1\nclusters:\nuser:\n  token: abcdef123456\n------\n";
    expect(redact([yaml], "clusters:\nuser:\n------\n  token: abcdef123456\n")).toBe(
      "clusters:\nuser:\n------\n  (sensitive value)\n",
    );
  });

  test("secrets that overlap or touch become one mark; the longest wins", () => {
    expect(redact(["abcdef", "defghi"], "xabcdefghiy")).toBe("x(sensitive value)y");
    expect(redact(["abcdef"], "xabcdefabcdefy")).toBe("x(sensitive value)y");
    expect(redact(["secret", "secret-and-more"], "secret secret-and-more")).toBe("(sensitive value) (sensitive value)");
  });

  test("short and blank values are left alone, and without secrets nothing is touched", () => {
    expect(redact(["abc", "", "     a    "], "abc a    ")).toBe("abc a    ");
    const bytes = Uint8Array.of(0xff, 0, 0x80);
    expect(createRedactor([]).push(bytes)).toBe(bytes);
  });
});

describe("as a stream", () => {
  const prefixes = new Set(
    patternsOf(secret).flatMap((pattern) => Array.from(pattern, (_, i) => pattern.slice(0, i + 1))),
  );

  test("a line that cannot begin a secret is given out at once", () => {
    const redactor = createRedactor([secret]);
    expect(Buffer.from(redactor.push(Buffer.from("Creating...\n"))).toString()).toBe("Creating...\n");
    expect(Buffer.from(redactor.push(Buffer.from("xx hunter"))).toString()).toBe("xx ");
    expect(Buffer.from(redactor.push(Buffer.from("s\n"))).toString()).toBe("hunters\n");
    expect(Buffer.from(redactor.finish()).toString()).toBe("");
    expect(prefixes.has("hunter")).toBe(true);
  });

  const values = fc.array(
    fc.oneof(
      fc.constantFrom("hunter2!", "ababab", "abaabaab", key, secret),
      fc.string({ minLength: 6, maxLength: 20 }),
    ),
    { minLength: 1, maxLength: 4 },
  );
  const filler = fc.oneof(fc.string({ maxLength: 12 }), fc.constantFrom("ab", "aba", "hunter", "\n", "%", "\\u0"));

  test("no split of the input leaks a secret, and the output does not depend on the split", () => {
    fc.assert(
      fc.property(
        values,
        fc.array(fc.tuple(filler, fc.nat(), fc.nat()), { maxLength: 12 }),
        fc.array(fc.nat(400), { maxLength: 12 }),
        (secrets, parts, cuts) => {
          const patterns = secrets
            .flatMap(patternsOf)
            .filter((pattern) => !"(sensitive value)(sensitive value)".includes(pattern));
          fc.pre(patterns.length > 0 && patterns.every((pattern) => !/[()]/.test(pattern)));
          const text = Buffer.from(
            parts.map(([plain, pick, cut]) => plain + mostOf(patterns[pick % patterns.length] ?? "", cut)).join(""),
          );
          const whole = redact(secrets, text);
          expect(patterns.filter((pattern) => whole.includes(pattern) && !isUnreadable(pattern))).toEqual([]);
          expect(redact(secrets, ...split(text, cuts))).toBe(whole);
          expect(redact(secrets, ...[...text].map((byte) => Uint8Array.of(byte)))).toBe(whole);
        },
      ),
      { numRuns: 300 },
    );
  });

  test("what is held back is never more than the longest beginning of a secret", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom("a", "b", "ab", "aba", "abaabaab", "x", "\n"), { maxLength: 40 }),
        (parts) => {
          const redactor = createRedactor(["abaabaab"]);
          const text = parts.join("");
          let given = "";
          for (const part of parts) given += Buffer.from(redactor.push(Buffer.from(part))).toString();
          const forms = patternsOf("abaabaab");
          const longest =
            Array.from({ length: text.length + 1 }, (_, i) => text.slice(i)).find((end) =>
              forms.some((form) => form.startsWith(end)),
            ) ?? "";
          const held = Buffer.from(redactor.finish()).toString();
          expect(
            held === "(sensitive value)" || held.length <= longest.length || given.endsWith("(sensitive value)"),
          ).toBe(true);
        },
      ),
    );
  });

  test("large logs and hostile patterns take linear time", () => {
    const line = Buffer.from(
      "terraform_data.noise (local-exec): line 000001: the quick brown fox jumps over the lazy dog\n".repeat(20_000),
    );
    const redactor = createRedactor([secret, key, "AKIAIOSFODNN7EXAMPLE", "aaaaaaaa".repeat(2000)]);
    let bytes = 0;
    for (let i = 0; i < 4; i += 1) bytes += redactor.push(line).length;
    bytes += redactor.push(Buffer.alloc(500_000, "a")).length;
    bytes += redactor.push(Buffer.from("b")).length + redactor.finish().length;
    expect(bytes).toBe(4 * line.length + "(sensitive value)".length + 1);
  });
});

/** Patterns cut inside a character come out as replacement characters. */
const isUnreadable = (pattern: string): boolean => pattern.includes("\ufffd") || !pattern.isWellFormed();

const mostOf = (pattern: string, cut: number): string =>
  cut % 3 === 0 ? pattern.slice(0, cut % (pattern.length + 1)) : pattern;

function split(text: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [0, ...cuts.map((cut) => Math.min(cut, text.length)).sort((a, b) => a - b), text.length];
  return places.slice(1).map((place, index) => text.subarray(places[index], place));
}

test("a value of ordinary length is hidden in rarer forms, too", () => {
  const value = 'pa$$ wörd "quoted" 12';
  const bytes = Buffer.from(value);
  const hex = bytes.toString("hex");
  const pairs = hex.match(/../g) ?? [];
  const base64 = bytes.toString("base64");
  const forms = [
    Buffer.from(base64).toString("base64").slice(0, -4),
    encodeURIComponent(encodeURIComponent(value)),
    "OBQSIJBAO7B3M4TEEARHC5LPORSWIIRAGEZA",
    pairs.join(":"),
    pairs.join(":").toUpperCase(),
    pairs.map((pair) => `\\x${pair}`).join(""),
    pairs.map((pair) => `%${pair.toUpperCase()}`).join(""),
    pairs.join(" ").toUpperCase(),
    (hex.match(/.{1,4}/g) ?? []).join(" ").toUpperCase(),
    'pa\\$\\$\\ w\\örd\\ \\"quoted\\"\\ 12',
    'pa$$ w\\u00F6rd \\"quoted\\" 12',
  ];
  const redact = createTextRedactor([value]);
  for (const form of forms)
    expect([form, redact(`before ${form} after`)]).toEqual([
      form,
      expect.stringMatching(/^before \(sensitive value\)\S{0,8} after$/),
    ]);
});

test("a line of a secret that is nearly a key is looked at once, however long it is", () => {
  const line = `${"-".repeat(240_000)}!abcd`;
  expect(redact([`first line\n${line}`], `a ${line} b`).slice(0, 40)).toBe("a (sensitive value) b");
});
