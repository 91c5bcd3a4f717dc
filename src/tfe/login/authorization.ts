import { codeFor, type OpenedTicket } from "../../control/people/logins.ts";
import type { TfeAnswer } from "../core/answers.ts";
import type { OpenCall } from "../core/call.ts";
import { answerForm, inWords, type LoginFlow } from "./flow.ts";
import { html } from "./html.ts";
import { type LoginPurpose, mistakePage, signInPage } from "./pages.ts";
import { type AuthorizationRequest, type ReturnPath, readRequest, returnTo } from "./request.ts";

const redirected = (to: ReturnPath, answer: Readonly<Record<string, string>>): TfeAnswer => ({
  kind: "empty",
  status: 303,
  headers: { location: returnTo(to, answer), "referrer-policy": "no-referrer" },
});

const purposeOf = ({ origin }: OpenCall, { redirectUri }: AuthorizationRequest): LoginPurpose => ({
  title: "terraform login",
  intro: html`<p>The terraform program on your computer (<code>${redirectUri}</code>) asks for an API key of
<code>${new URL(origin).host}</code>. It gets one of its own; it does not see yours.</p>
<p>Go on only if you have just started <code>terraform login</code> yourself.</p>`,
  verb: "Give terraform this key",
  leadsTo: sourceOf(redirectUri),
});

/** As content security policies name it: they know no addresses of IPv6. */
const sourceOf = (redirectUri: string): string =>
  redirectUri.startsWith("http://[") ? "http:" : new URL(redirectUri).origin;

const flowOf = (call: OpenCall, request: AuthorizationRequest): LoginFlow => ({
  purpose: purposeOf(call, request),
  facts: { purpose: "terraform", ...request },
  give: async (ticket, choice) => {
    const { state, ...binding } = requestIn(ticket);
    const code = await codeFor(call.control, ticket.who, { choice, binding });
    return redirected({ redirectUri: binding.redirectUri, state }, { code });
  },
  decline: (ticket) =>
    redirected(requestIn(ticket), { error: "access_denied", error_description: "the person said no" }),
});

/** What was asked when the person signed in: the address of the page may say something else since. */
const requestIn = ({ facts }: OpenedTicket): AuthorizationRequest => ({
  clientId: facts.clientId ?? "",
  redirectUri: facts.redirectUri ?? "",
  challenge: facts.challenge ?? "",
  state: facts.state ?? "",
});

const asked = (
  call: OpenCall,
  answer: (request: AuthorizationRequest) => TfeAnswer | Promise<TfeAnswer>,
): Promise<TfeAnswer> =>
  inWords(async () => {
    const outcome = readRequest(call);
    switch (outcome.kind) {
      case "asked":
        return answer(outcome.request);
      case "refused":
        return redirected(outcome.to, { error: outcome.error, error_description: outcome.why });
      case "unfit":
        return mistakePage(`${outcome.why} terraform did not make this link, or it was changed on the way.`);
    }
  });

/** The page that `terraform login` opens. */
export const readAuthorization = (call: OpenCall): Promise<TfeAnswer> =>
  asked(call, (request) => signInPage(purposeOf(call, request)));

/** Its forms. */
export const answerAuthorization = (call: OpenCall): Promise<TfeAnswer> =>
  asked(call, (request) => answerForm(call, () => flowOf(call, request)));
