import type { LoginFacts } from "../../control/people/login-notes.ts";
import {
  type LoginChoice,
  type LoginOffer,
  type OpenedTicket,
  offerLogin,
  openTicket,
  ticketFor,
} from "../../control/people/logins.ts";
import { isWindlassError, type WindlassError } from "../../lib/words/errors.ts";
import type { TfeAnswer } from "../core/answers.ts";
import type { OpenCall } from "../core/call.ts";
import { refusalOf } from "../core/errors.ts";
import { type ChoiceTexts, choiceOf, firstTexts, textsIn } from "./choice.ts";
import { demandOwnForm, type FormValues, readForm } from "./form.ts";
import { confirmPage, type LoginPurpose, mistakePage, signInPage } from "./pages.ts";

/** What becomes of a login. */
export interface LoginFlow {
  readonly purpose: LoginPurpose;
  /** What its ticket remembers. A ticket whose `purpose` is another one is not taken. */
  readonly facts: LoginFacts & { readonly purpose: string };
  /** What happens when a person gives what they chose. */
  readonly give: (ticket: OpenedTicket, choice: LoginChoice) => Promise<TfeAnswer>;
  readonly decline: (ticket: OpenedTicket) => TfeAnswer;
}

/** Answers a form of one of the two pages: a key that signs in, or a decision. */
export const answerForm = (call: OpenCall, flow: (form: FormValues) => LoginFlow): Promise<TfeAnswer> =>
  inWords(async () => {
    demandOwnForm(call);
    const form = await readForm(call);
    const key = form.get("api_key");
    return key === undefined ? decide(call, flow(form), form) : signIn(call, flow(form), key);
  });

/** What is refused is said on a page; a fault is not. */
export async function inWords(
  answer: () => Promise<TfeAnswer>,
  words = (error: WindlassError, status: number): TfeAnswer => mistakePage(`${sentence(error)}.`, status),
): Promise<TfeAnswer> {
  try {
    return await answer();
  } catch (error) {
    if (!isWindlassError(error) || error.code === "internal" || error.code === "canceled") throw error;
    return words(error, statusOf(error));
  }
}

/** As the status of a page; what may not be done is no secret here. */
const statusOf = ({ code }: WindlassError): number => (code === "permission_denied" ? 403 : refusalOf[code].status);

const sentence = ({ message, fields }: WindlassError): string => {
  const text = fields[0]?.description ?? message;
  return text.charAt(0).toUpperCase() + text.slice(1);
};

function signIn(call: OpenCall, { purpose, facts }: LoginFlow, key: string): Promise<TfeAnswer> {
  const { control, address, personWith } = call;
  const enter = async () => {
    const who = await personWith(key.trim());
    const offer = await offerLogin(control, who);
    const ticket = ticketFor(control, who, facts);
    return confirmPage(purpose, { who, ticket, offer, texts: firstTexts(who, address) });
  };
  return inWords(enter, (error, status) => signInPage(purpose, { status, mistake: `${sentence(error)}.` }));
}

const tooOld = "This page is too old, or was not made by this server. Begin again: open the link of its first page.";

async function decide(call: OpenCall, flow: LoginFlow, form: FormValues): Promise<TfeAnswer> {
  const { control, address } = call;
  const ticket = form.get("ticket") ?? "";
  const opened = await openTicket(control, { ticket, address });
  if (opened === undefined || opened.facts.purpose !== flow.facts.purpose) return mistakePage(tooOld);
  if (form.get("decision") !== "yes") return flow.decline(opened);
  const [offer, texts] = [await offerLogin(control, opened.who), textsIn(form)];
  return inWords(
    () => flow.give(opened, choiceOf(texts, offer)),
    (error, status) =>
      confirmPage(flow.purpose, shownAgain(opened, { ticket, offer, texts }), {
        status,
        mistake: `${sentence(error)}.`,
      }),
  );
}

const shownAgain = (
  { who }: OpenedTicket,
  rest: { readonly ticket: string; readonly offer: LoginOffer; readonly texts: ChoiceTexts },
) => ({ who, ...rest });
