import type { Person } from "../../domain/people/principal.ts";
import { found, type Resource, type TfeAnswer } from "../core/answers.ts";
import { openRoute, route, type TfeCall } from "../core/call.ts";
import { toTfeId } from "../core/ids.ts";

/** The version of the API that clients may count on: from 2.5 on they take `cloud` blocks, from 2.6 on imports in plans. */
const apiHeaders = { "tfp-api-version": "2.6", "tfp-appname": "Windlass" };

/** A plain picture: there are none of people, and clients want one. */
const avatarUrl =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'%3E%3Ccircle cx='4' cy='4' r='4'/%3E%3C/svg%3E";

/** The owner of an API key, as clients know people. */
export const toUser = ({ id, name }: Pick<Person, "id" | "name">): Resource => ({
  type: "users",
  id: toTfeId(id),
  attributes: {
    username: name,
    "is-service-account": true,
    "avatar-url": avatarUrl,
    email: "",
    "v2-only": false,
    "two-factor": { enabled: false, verified: false },
    permissions: {
      "can-create-organizations": false,
      "can-change-email": false,
      "can-change-username": false,
      "can-manage-user-tokens": false,
    },
  },
});

const readAccount = async ({ who }: TfeCall): Promise<TfeAnswer> => {
  const user = toUser(who);
  const permissions = { "can-create-organizations": who.role === "site_admin" };
  return found({
    ...user,
    attributes: { ...user.attributes, permissions: { ...Object(user.attributes.permissions), ...permissions } },
  });
};

export const accountRoutes = [
  openRoute("GET /ping", async () => ({ kind: "empty", status: 204, headers: apiHeaders })),
  route("GET /account/details", readAccount),
];
