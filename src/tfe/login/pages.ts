import type { LoginKey, LoginOffer } from "../../control/people/logins.ts";
import type { Person } from "../../domain/people/principal.ts";
import type { TfeAnswer } from "../core/answers.ts";
import { type ChoiceTexts, lifetimes, roleText } from "./choice.ts";
import { type Html, html, page } from "./html.ts";

/** For what a person signs in. */
export interface LoginPurpose {
  readonly title: string;
  /** Who asks, for what, and what becomes of it. */
  readonly intro: Html;
  /** What the button says with which they give it. */
  readonly verb: string;
  /** Where the browser is sent then, as policies name it; empty if it stays here. */
  readonly leadsTo: string;
}

interface Shown {
  readonly status?: number | undefined;
  readonly mistake?: string | undefined;
}

const mistakeIn = (text: string | undefined): Html =>
  text === undefined ? html`` : html`<p class="mistake" role="alert">${text}</p>`;

/** Asks for the API key. */
export const signInPage = ({ title, intro, leadsTo }: LoginPurpose, { status, mistake }: Shown = {}): TfeAnswer =>
  page(
    title,
    html`${intro}
${mistakeIn(mistake)}
<form method="post">
<label for="api_key">Your API key</label>
<input id="api_key" name="api_key" type="password" autocomplete="current-password" spellcheck="false" maxlength="200" required autofocus>
<button type="submit">Sign in</button>
</form>
<p class="note">A key looks like <code>wdl_usr_…</code>. Whoever manages your organization makes one with <code>windlass apikey create</code>.</p>`,
    { status, leadsTo },
  );

/** What a person who signed in is shown. */
export interface Confirmation {
  readonly who: Person;
  readonly ticket: string;
  readonly offer: LoginOffer;
  readonly texts: ChoiceTexts;
}

/** Asks what they give. */
export const confirmPage = (
  { title, intro, verb, leadsTo }: LoginPurpose,
  { who, ticket, offer, texts }: Confirmation,
  { status, mistake }: Shown = {},
): TfeAnswer =>
  page(
    title,
    html`${intro}
<p>You are signed in with the key “${who.name}” (${roleText(who.role)}${placeOf(offer)}).</p>
${mistakeIn(mistake)}
<form method="post">
<input type="hidden" name="ticket" value="${ticket}">
<label for="role">The new key has the role</label>
<select id="role" name="role">${offer.roles.map((role) => option(roleText(role), roleText(role), texts.role))}</select>
${organizationField(who, texts)}
<label for="days">It is good for</label>
<select id="days" name="days">${[...lifetimes].map(([days, words]) => option(days, words, texts.days))}</select>
${boundNote(offer)}
<label for="name">Its name in the list of keys</label>
<input id="name" name="name" value="${texts.name}" maxlength="128" required>
<button type="submit" name="decision" value="yes">${verb}</button>
<button type="submit" name="decision" value="no" formnovalidate>Cancel</button>
</form>`,
    { status, leadsTo },
  );

const placeOf = ({ organizationName }: LoginOffer): string =>
  organizationName === "" ? ", the whole site" : `, organization ${organizationName}`;

const option = (value: string, words: string, chosen: string): Html =>
  value === chosen
    ? html`<option value="${value}" selected>${words}</option>`
    : html`<option value="${value}">${words}</option>`;

const organizationField = ({ organizationId }: Person, { organization }: ChoiceTexts): Html =>
  organizationId !== null
    ? html``
    : html`<label for="organization">In the organization</label>
<input id="organization" name="organization" value="${organization}" maxlength="128" spellcheck="false">
<p class="note">A site-admin key belongs to none: leave this empty for it.</p>`;

const boundNote = ({ endsBy }: LoginOffer): Html =>
  endsBy === null
    ? html``
    : html`<p class="note">At the latest it ends with the key that you signed in with: ${endsBy.toISOString()}.</p>`;

/** Says in plain words why it does not go on. */
export const mistakePage = (words: string, status = 400): TfeAnswer =>
  page("This did not work", html`${mistakeIn(words)}<p>Nothing was given to anybody.</p>`, { status });

/** Shows a new token, for once. */
export const tokenPage = ({ key, secret, organizationName }: LoginKey): TfeAnswer =>
  page(
    "Your new token",
    html`<p>Copy it now: it is not shown again.</p>
<output>${secret}</output>
<p>It is the key “${key.name}” (${roleText(key.role)}${organizationName === "" ? "" : `, organization ${organizationName}`}), until ${key.expiresAt?.toISOString() ?? "it is revoked"}.
Paste it where <code>terraform login</code> asks for a token, or set <code>TF_TOKEN_…</code>. To end it: <code>windlass apikey revoke ${key.id}</code></p>`,
  );
