import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { type DescMethod, fromJson, type JsonValue, type Message, toJson } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { isJsonList, isJsonObject, type Json, JsonNumber, readJson } from "../../lib/json/json.ts";
import { exactNumber } from "../../lib/json/text.ts";
import { messageOf } from "../../lib/values/errors.ts";
import { text } from "../line/flags.ts";
import { usageError } from "../problems/problem.ts";
import { didYouMean } from "../problems/suggest.ts";
import type { Context } from "../server/context.ts";
import { command, one } from "../shared/command.ts";
import { readStdin } from "../terminal/io.ts";
import { apiServices } from "./api-services.ts";

export const api = command({
  name: "api",
  summary: "Call any method of the API and print its answer as JSON",
  examples: [
    "windlass api SystemService/WhoAmI",
    `windlass api RunService/ListRuns -d '{"workspace":"network","states":["RUN_STATE_PLANNED"]}'`,
    "windlass api RunService/WatchRun -d @request.json",
  ],
  positionals: { method: one("SERVICE/METHOD", "for example RunService/GetRun; a stream's messages come one a line") },
  flags: { data: text("the request as JSON: itself, @FILE, or - for stdin", { short: "d", placeholder: "JSON" }) },
  formats: ["json", "jsonl"],
  run: async (context, { args, flags }) => {
    const method = methodOf(args.method);
    const request = await inOrganization(
      context,
      method,
      requestOf(method, await requestText(context, flags.data ?? "{}")),
    );
    const client = (await context.publicClient(method.parent)) as unknown as Readonly<Record<string, Call>>;
    const answer = client[method.localName]?.(request);
    if (answer === undefined) throw new Error(`no method ${method.name}`);
    if (method.methodKind === "unary") {
      await context.printer.json(shown(method, await answer), 2);
      return undefined;
    }
    for await (const message of answer) {
      await context.printer.json(shown(method, message));
    }
    return undefined;
  },
});

/**
 * A request that names no organization is about the context's, as those of commands; but nothing is done to an
 * organization itself.
 */
async function inOrganization(context: Context, method: DescMethod, request: Message): Promise<Message> {
  const field = method.input.field.organization;
  const changes = method.idempotency !== MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
  if (field?.fieldKind !== "scalar" || (method.parent.name === "OrganizationService" && changes)) return request;
  const fields = reflect(method.input, request);
  if (fields.get(field) === "") fields.set(field, await context.organization());
  return request;
}

/** A method that the caller knows the kind of: unary ones are awaited, those that answer with a stream are read. */
type Call = (request: Message) => Promise<Message> & AsyncIterable<Message>;

const shown = ({ output }: DescMethod, message: Message): JsonValue =>
  toJson(output, message, { alwaysEmitImplicit: true });

/** The method of `RunService/GetRun` or `windlass.v1.RunService/GetRun`. Methods that take streams are refused. */
function methodOf(given: string): DescMethod {
  const methods = apiServices.flatMap(({ methods: all }) => all);
  const nameOf = ({ parent, name }: DescMethod) => `${parent.name}/${name}`;
  const wanted = given.replace(/^\/?(windlass\.v1\.)?/, "");
  const method = methods.find((each) => nameOf(each).toLowerCase() === wanted.toLowerCase());
  if (method === undefined) throw usageError(`unknown method "${given}".${didYouMean(wanted, methods.map(nameOf))}`);
  if (method.methodKind === "unary" || method.methodKind === "server_streaming") return method;
  throw usageError(`${nameOf(method)} takes a stream, which a command line cannot give: use cv upload or state push`);
}

async function requestText({ io }: Context, given: string): Promise<string> {
  if (given === "-") return readStdin(io);
  if (!given.startsWith("@")) return given;
  return readFile(resolve(io.workingDirectory, given.slice(1)), "utf8").catch((error: Error) => {
    throw usageError(`--data: ${error.message}`);
  });
}

/** A request as its JSON says. */
export function requestOf({ input }: DescMethod, json: string): Message {
  try {
    return fromJson(input, protoJson(readJson(json)));
  } catch (error) {
    throw usageError(`--data is no ${input.name}: ${messageOf(error)}`);
  }
}

/** As the API's JSON has it: a number of more digits than a float holds is given as text, which it takes for any number. */
function protoJson(value: Json): JsonValue {
  if (value instanceof JsonNumber) return protoNumber(value.text);
  if (isJsonList(value)) return value.map(protoJson);
  if (isJsonObject(value)) return Object.fromEntries([...value].map(([name, item]) => [name, protoJson(item)]));
  return value;
}

function protoNumber(text: string): JsonValue {
  const number = Number(text);
  return exactNumber(String(number)) === exactNumber(text) ? number : text;
}
