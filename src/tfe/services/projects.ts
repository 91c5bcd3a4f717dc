import { notFound } from "../../control/core/access.ts";
import { invalid } from "../../control/core/refusals.ts";
import { getOrganization } from "../../control/people/organizations.ts";
import { found, listed, type TfeAnswer } from "../core/answers.ts";
import { param, route, type TfeCall } from "../core/call.ts";
import { wholeOf } from "../core/ids.ts";
import { pageIn, pageOf } from "../core/pages.ts";
import { projectTitle, toProject } from "../mapping/organization.ts";
import { organizationOf } from "./organizations.ts";

const list = async (call: TfeCall): Promise<TfeAnswer> => {
  const project = toProject(await organizationOf(call));
  const names =
    call.query
      .get("filter[names]")
      ?.split(",")
      .map((name) => name.trim()) ?? [];
  const search = call.query.get("q")?.trim().toLowerCase() ?? "";
  const isWanted = (names.length === 0 || names.includes(projectTitle)) && projectTitle.toLowerCase().includes(search);
  const { rows, page } = pageIn(isWanted ? [project] : [], pageOf(call));
  return listed(rows, page);
};

const read = async (call: TfeCall): Promise<TfeAnswer> => {
  const text = param(call, "project");
  const organization = wholeOf("prj", "org", text);
  if (organization === undefined) throw notFound("project", text);
  return found(toProject(await getOrganization(call.control, call.who, organization)));
};

/** The terraform program makes a project that it does not find. */
const refuse = async (call: TfeCall): Promise<TfeAnswer> => {
  const { name } = await organizationOf(call);
  throw invalid(
    "/data/attributes/name",
    `organization "${name}" has one project, "${projectTitle}", and no others can be made: name that one, or none`,
  );
};

export const projectRoutes = [
  route("GET /organizations/:organization/projects", list),
  route("POST /organizations/:organization/projects", refuse),
  route("GET /projects/:project", read),
];
