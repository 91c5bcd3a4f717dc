import { choice, type FlagValues, text, toggle } from "./flags.ts";
import { allFormats } from "./formats.ts";

/** The flags that every command takes; `environment.ts` names the variables that stand for them. */
export const globalFlags = {
  address: text("the server, for example https://tf.example.com", { short: "a", placeholder: "URL" }),
  org: text("the organization (else the context's, else your only one)", { placeholder: "NAME" }),
  context: text("use this saved context instead of the current one", { placeholder: "NAME" }),
  config: text("the file with the contexts", { placeholder: "FILE" }),
  tokenFile: text("read the token from this file", { placeholder: "FILE" }),
  caFile: text("trust the authorities in this file (PEM), and not the system's", { placeholder: "FILE" }),
  certFile: text("show the server this certificate (PEM)", { placeholder: "FILE" }),
  keyFile: text("the private key of --cert-file (PEM)", { placeholder: "FILE" }),
  serverName: text("expect this name in the server's certificate", { placeholder: "NAME" }),
  insecure: toggle("do not verify the server's certificate"),
  output: choice("how to print the answer", allFormats, { short: "o", placeholder: "FORMAT" }),
  timeout: text("give up on a call after this long (default 30s)", { placeholder: "DURATION" }),
  yes: toggle("answer every question with yes", { short: "y" }),
  noInput: toggle("never ask; what needs an answer is refused"),
  quiet: toggle("print only the answer and errors", { short: "q" }),
  verbose: toggle("say which server, context and credential are used", { short: "v" }),
  debug: toggle("one line on stderr for each call to the server"),
  color: choice("colours, also where stdout is no terminal", ["auto", "always", "never"]),
  noColor: toggle("no colours: --color=never"),
  help: toggle("show help", { short: "h" }),
};

export type GlobalValues = FlagValues<typeof globalFlags>;
