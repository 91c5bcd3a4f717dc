import type { DescMessage, JsonValue, MessageShape } from "@bufbuild/protobuf";
import { isForPeople, type OutputFormat } from "./formats.ts";
import { type Io, write } from "./io.ts";
import { type Column, chooseColumns, tableLines } from "./table.ts";

/** One API message, and how each form of output shows it. */
export interface Shown<Desc extends DescMessage> {
  readonly schema: Desc;
  readonly message: MessageShape<Desc>;
  /** For `-o name`: `pool/prod`. */
  readonly name: string;
  /** For people. */
  readonly lines: readonly string[];
}

/** A page or more of a list, and how each form of output shows it. */
export interface ShownList<Desc extends DescMessage, Item extends DescMessage> {
  /** The list response with all rows that were fetched. */
  readonly schema: Desc;
  readonly message: MessageShape<Desc>;
  readonly item: Item;
  readonly rows: readonly MessageShape<Item>[];
  readonly name: (row: MessageShape<Item>) => string;
  readonly columns: readonly Column<MessageShape<Item>>[];
}

export interface ListStyle {
  readonly columns: readonly string[];
  readonly noHeaders: boolean | undefined;
}

/** Writes answers to stdout in the form that was asked for. */
export class Printer {
  readonly #io: Io;
  readonly #isQuiet: boolean | undefined;
  readonly format: OutputFormat;

  constructor(io: Io, format: OutputFormat, isQuiet?: boolean) {
    this.#io = io;
    this.format = format;
    this.#isQuiet = isQuiet;
  }

  /** True if a person reads the answer. */
  get isForPeople(): boolean {
    return isForPeople(this.format);
  }

  /** Writes text or bytes as they are. */
  raw(chunk: string | Uint8Array): Promise<void> {
    return write(this.#io.stdout, chunk, this.#io.signal);
  }

  /** Writes lines. */
  async lines(lines: readonly string[]): Promise<void> {
    if (lines.length > 0) await this.raw(`${lines.join("\n")}\n`);
  }

  /** One resource. */
  async resource<Desc extends DescMessage>({ schema, message, name, lines }: Shown<Desc>): Promise<void> {
    if (this.isForPeople) return this.lines(lines);
    if (this.format === "name") return this.lines([name]);
    return this.#tree(await json(schema, message));
  }

  /** A list. */
  async list<Desc extends DescMessage, Item extends DescMessage>(
    list: ShownList<Desc, Item>,
    { columns, noHeaders }: ListStyle,
  ): Promise<void> {
    const { rows, schema, message, item, name } = list;
    if (this.format === "name") return this.lines(rows.map(name));
    if (this.format === "jsonl") return this.#jsonLines(await Promise.all(rows.map((row) => json(item, row))));
    if (!this.isForPeople) return this.#tree(await json(schema, message));
    const chosen = chooseColumns(list.columns, columns, this.format === "wide");
    if (rows.length === 0 && columns.length === 0 && noHeaders !== true) {
      if (this.#isQuiet !== true) this.#io.stderr.stream.write("(none)\n");
      return;
    }
    const width = this.#io.stdout.columns;
    await this.lines(tableLines(rows, chosen, { isHeaderShown: noHeaders !== true, width, now: this.#io.clock.now() }));
  }

  /** One item of a stream, a line each; only for the forms that programs read. */
  async event<Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>): Promise<void> {
    const tree = await json(schema, message);
    return this.format === "yaml" ? this.#tree(tree) : this.#jsonLines([tree]);
  }

  /** What is no API message: lines for people, the value for programs. */
  async plain(value: JsonValue, lines: readonly string[]): Promise<void> {
    if (this.isForPeople) return this.lines(lines);
    return this.#tree(value);
  }

  #jsonLines(values: readonly JsonValue[]): Promise<void> {
    return this.lines(values.map((value) => JSON.stringify(value)));
  }

  async #tree(value: JsonValue): Promise<void> {
    if (this.format === "yaml") {
      const { stringify } = await import("yaml");
      return this.raw(`---\n${stringify(value)}`);
    }
    return this.lines([this.format === "jsonl" ? JSON.stringify(value) : JSON.stringify(value, undefined, 2)]);
  }
}

/** Proto3 JSON with zero values present, so that no field is ever missing. Loaded late: most of a cold start is the API's code. */
async function json<Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>): Promise<JsonValue> {
  const { toJson } = await import("@bufbuild/protobuf");
  return toJson(schema, message, { alwaysEmitImplicit: true });
}
