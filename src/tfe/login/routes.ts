import { openRoute } from "../core/call.ts";
import { answerAuthorization, readAuthorization } from "./authorization.ts";
import { answerToken } from "./token.ts";
import { answerTokensPage, readTokensPage } from "./tokens-page.ts";

export const loginRoutes = [
  openRoute("GET /oauth/authorization", readAuthorization),
  openRoute("POST /oauth/authorization", answerAuthorization),
  openRoute("POST /oauth/token", answerToken),
  openRoute("GET /app/settings/tokens", readTokensPage),
  openRoute("POST /app/settings/tokens", answerTokensPage),
];
