import type { DescMessage, JsonValue, MessageShape } from "@bufbuild/protobuf";
import { escapedJson } from "../../lib/text/clean-text.ts";
import { isForPeople, type OutputFormat } from "../line/formats.ts";
import type { GlobalValues } from "../line/global-flags.ts";
import type { Io } from "./io.ts";
import { answersOf, type Output, remarksOf } from "./output.ts";
import type { Text } from "./painted.ts";
import { type Column, chooseColumns, tableLines } from "./table.ts";
import type { Coloring } from "./terminal.ts";

/** One API message, and how each form of output shows it. */
export interface Shown<Desc extends DescMessage> {
  readonly schema: Desc;
  readonly message: MessageShape<Desc>;
  /** For `-o name`: `pool/prod`. */
  readonly name: string;
  /** For people. */
  readonly lines: readonly Text[];
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

const allColumns: ListStyle = { columns: [], noHeaders: undefined };

/** Writes answers to stdout in the form that was asked for. */
export class Printer {
  readonly #io: Io;
  readonly #out: Output;
  readonly #remarks: Output;
  readonly #isQuiet: boolean | undefined;
  readonly format: OutputFormat;

  constructor(io: Io, format: OutputFormat, globals: Pick<GlobalValues, "quiet"> & Coloring) {
    this.#io = io;
    this.#out = answersOf(io, globals);
    this.#remarks = remarksOf(io, globals);
    this.format = format;
    this.#isQuiet = globals.quiet;
  }

  /** True if a person reads the answer. */
  get isForPeople(): boolean {
    return isForPeople(this.format);
  }

  /** True if the answer goes to a terminal. */
  get isTty(): boolean {
    return this.#out.isTty;
  }

  /** Writes bytes as they are; on a terminal as the text that they are. */
  exact(chunk: string | Uint8Array): Promise<void> {
    return this.#out.exact(chunk);
  }

  /** Writes lines; on a terminal long ones are broken at blanks. */
  async lines(lines: readonly Text[]): Promise<void> {
    await this.#out.lines(this.isForPeople ? this.#out.fitted(lines) : lines);
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
    style: ListStyle,
  ): Promise<void> {
    const { rows, schema, message, item, name } = list;
    if (this.format === "name") return this.lines(rows.map(name));
    if (this.format === "jsonl") return this.#jsonLines(await Promise.all(rows.map((row) => json(item, row))));
    if (!this.isForPeople) return this.#tree(await json(schema, message));
    const lines = this.table(rows, list.columns, style);
    const isWatched = this.#io.stdout.isWatched === true;
    if (rows.length > 0 || isWatched || style.columns.length > 0 || style.noHeaders === true)
      await this.#out.lines(lines);
    if (rows.length > 0 || style.columns.length > 0 || style.noHeaders === true) return;
    if (isWatched) await this.#out.lines(["(none)"]);
    else if (this.#isQuiet !== true) this.#remarks.say(["(none)"]);
  }

  /** The lines of a table as this output wants it, to stand among others. */
  table<Row>(
    rows: readonly Row[],
    columns: readonly Column<Row>[],
    { columns: asked, noHeaders }: ListStyle = allColumns,
  ): readonly Text[] {
    return tableLines(rows, chooseColumns(columns, asked, this.format === "wide"), {
      isHeaderShown: noHeaders !== true,
      width: this.#out.columns,
      isWhole: this.format === "wide" || asked.length > 0,
      now: this.#io.clock.now(),
    });
  }

  /** Wipes a terminal for a list that is shown again. */
  clear(): Promise<void> {
    return this.#out.clear();
  }

  /** One item of a stream, a line each; only for the forms that programs read. */
  async event<Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>): Promise<void> {
    const tree = await json(schema, message);
    return this.format === "yaml" ? this.#tree(tree) : this.#jsonLines([tree]);
  }

  /** What is no API message: lines for people, the value for programs. */
  async plain(value: JsonValue, lines: readonly Text[]): Promise<void> {
    if (this.isForPeople) return this.lines(lines);
    return this.#tree(value);
  }

  /** Several YAML documents. */
  async documents(values: readonly unknown[]): Promise<void> {
    const { yamlText } = await import("../../lib/text/yaml-text.ts");
    return this.exact(values.map((value) => `---\n${yamlText(value)}`).join(""));
  }

  /** JSON, on one line or over several. */
  json(value: unknown, indent?: number): Promise<void> {
    return this.exact(`${escapedJson(JSON.stringify(value, undefined, indent))}\n`);
  }

  async #jsonLines(values: readonly JsonValue[]): Promise<void> {
    for (const value of values) await this.json(value);
  }

  async #tree(value: JsonValue): Promise<void> {
    if (this.format === "yaml") return this.documents([value]);
    return this.json(value, this.format === "jsonl" ? undefined : 2);
  }
}

/**
 * Proto3 JSON with zero values present, so that no field is ever missing. Loaded late: most of a cold start is the
 * API's code.
 */
async function json<Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>): Promise<JsonValue> {
  const { toJson } = await import("@bufbuild/protobuf");
  return toJson(schema, message, { alwaysEmitImplicit: true });
}
