import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { type DescMethod, fromJsonString, type JsonValue, type Message, toJson } from "@bufbuild/protobuf";
import { apiServices } from "./api-services.ts";
import { command, one } from "./command.ts";
import type { Context } from "./context.ts";
import { text } from "./flags.ts";
import { readStdin } from "./io.ts";
import { usageError } from "./problem.ts";
import { didYouMean } from "./suggest.ts";

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
    const request = requestOf(method, await requestText(context, flags.data ?? "{}"));
    const client = (await context.publicClient(method.parent)) as unknown as Readonly<Record<string, Call>>;
    const answer = client[method.localName]?.(request);
    if (method.methodKind === "unary") {
      await context.printer.raw(`${JSON.stringify(shown(method, await (answer as Promise<Message>)), undefined, 2)}\n`);
      return undefined;
    }
    for await (const message of answer as AsyncIterable<Message>) {
      await context.printer.raw(`${JSON.stringify(shown(method, message))}\n`);
    }
    return undefined;
  },
});

type Call = (request: Message) => Promise<Message> | AsyncIterable<Message>;

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

function requestOf({ input }: DescMethod, json: string): Message {
  try {
    return fromJsonString(input, json);
  } catch (error) {
    throw usageError(`--data is no ${input.name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
