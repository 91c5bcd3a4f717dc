import { issueByTicket } from "../../control/people/logins.ts";
import type { TfeAnswer } from "../core/answers.ts";
import type { OpenCall } from "../core/call.ts";
import { answerForm, type LoginFlow } from "./flow.ts";
import { html } from "./html.ts";
import { type LoginPurpose, signInPage, tokenPage } from "./pages.ts";

const purposeOf = ({ origin }: OpenCall): LoginPurpose => ({
  title: "A token to paste",
  intro: html`<p>Here you get a new API key of <code>${new URL(origin).host}</code> for <code>terraform</code>, to be pasted where it
asks for one. <code>windlass apikey create</code> makes one without a browser.</p>`,
  verb: "Make the token",
  leadsTo: "",
});

const flowOf = (call: OpenCall): LoginFlow => ({
  purpose: purposeOf(call),
  facts: { purpose: "paste" },
  give: async (ticket, choice) => tokenPage(await issueByTicket(call.control, ticket, choice)),
  decline: () => signInPage(purposeOf(call)),
});

/** Where terraform sends people of servers that it cannot log in to by itself. */
export const readTokensPage = async (call: OpenCall): Promise<TfeAnswer> => signInPage(purposeOf(call));

/** Its forms. */
export const answerTokensPage = (call: OpenCall): Promise<TfeAnswer> => answerForm(call, () => flowOf(call));
