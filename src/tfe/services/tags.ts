import { notFound } from "../../control/core/access.ts";
import type { WorkspaceSettings } from "../../control/workspaces/settings.ts";
import { deleteTags, listTags, tagWorkspaces } from "../../control/workspaces/tags.ts";
import { getWorkspace, updateWorkspace } from "../../control/workspaces/workspaces.ts";
import { done, listed, listedWhole, type TfeAnswer } from "../core/answers.ts";
import { checked, readJsonBody, readNames } from "../core/body.ts";
import { param, route, type TfeCall, workspaceParam } from "../core/call.ts";
import { fromTfeId, idIn } from "../core/ids.ts";
import { pageIn, pageOf, sliceOf } from "../core/pages.ts";
import { bindingsOf, fromTagId, toTag, toTagBinding } from "../mapping/tag.ts";
import { bindingsIn, tagBindings, tagNames } from "../mapping/workspace-input.ts";
import { organizationOf } from "./organizations.ts";
import { namedTags } from "./tag-names.ts";

const listAll = async (call: TfeCall): Promise<TfeAnswer> => {
  const page = pageOf(call);
  const { id: organizationId } = await organizationOf(call);
  const left = call.query.get("filter[exclude][taggable][id]")?.trim() ?? "";
  const { rows, total, organizationName } = await listTags(call.control, call.who, {
    organization: organizationId,
    search: call.query.get("q")?.trim() ?? "",
    except: fromTagId(left)?.tag,
    exceptOf: idIn("ws", left),
    slice: sliceOf(page),
  });
  return listed(
    rows.map((row) => toTag({ ...row, organizationId, organizationName })),
    { ...page, total },
  );
};

const removeAll = async (call: TfeCall): Promise<TfeAnswer> => {
  const names = await readNames(call);
  const organization = await organizationOf(call);
  const tags = namedTags(
    organization,
    names.map(({ id }) => ({ id, attributes: {} })),
  );
  await deleteTags(call.control, call.who, { organization: organization.id, tags });
  return done;
};

const addWorkspaces = async (call: TfeCall): Promise<TfeAnswer> => {
  const names = await readNames(call);
  const text = param(call, "tag");
  const tag = fromTagId(text);
  if (tag === undefined) throw notFound("tag", text.slice(0, 100));
  const workspaces = names.map(({ id }) => fromTfeId(id));
  await tagWorkspaces(call.control, call.who, { organization: tag.organizationId, tag: tag.tag, workspaces });
  return done;
};

const listOfWorkspace = async (call: TfeCall): Promise<TfeAnswer> => {
  const { workspace, organizationName } = await getWorkspace(call.control, call.who, workspaceParam(call));
  const { organizationId } = workspace;
  const { rows, page } = pageIn(workspace.tags, pageOf(call));
  return listed(
    rows.map((tag) => toTag({ tag, organizationId, organizationName })),
    page,
  );
};

const changeBy =
  (change: (tags: readonly string[], said: readonly string[]) => readonly string[]) =>
  async (call: TfeCall): Promise<TfeAnswer> => {
    const { data } = checked(tagNames, (await readJsonBody(call)) ?? {}, "");
    const reference = workspaceParam(call);
    const { workspace } = await getWorkspace(call.control, call.who, reference);
    const said = namedTags({ id: workspace.organizationId }, data);
    const changes = ({ tags }: WorkspaceSettings) => ({ tags: change(tags, said) });
    await updateWorkspace(call.control, call.who, { reference, changes, etag: "" });
    return done;
  };

const add = changeBy((tags, said) => [...tags, ...said]);
const remove = changeBy((tags, said) => tags.filter((tag) => !said.includes(tag)));

const listBindings =
  (type: "tag-bindings" | "effective-tag-bindings") =>
  async (call: TfeCall): Promise<TfeAnswer> => {
    const { workspace } = await getWorkspace(call.control, call.who, workspaceParam(call));
    return listedWhole(bindingsOf(workspace).map((binding) => toTagBinding(type, workspace, binding)));
  };

/** Adds bindings; the answer has them first, as they were said. */
const addBindings = async (call: TfeCall): Promise<TfeAnswer> => {
  const said = bindingsIn(checked(tagBindings, (await readJsonBody(call)) ?? {}, ""));
  const changes = ({ tags, tagBindings: present }: WorkspaceSettings) => ({
    tags: tags.filter((tag) => said[tag] === undefined),
    tagBindings: { ...present, ...said },
  });
  const wanted = { reference: workspaceParam(call), changes, etag: "" };
  const { workspace } = await updateWorkspace(call.control, call.who, wanted);
  const others = bindingsOf(workspace).filter(([key]) => said[key] === undefined);
  return listedWhole(
    [...Object.entries(said), ...others].map((binding) => toTagBinding("tag-bindings", workspace, binding)),
  );
};

export const tagRoutes = [
  route("GET /organizations/:organization/tags", listAll),
  route("DELETE /organizations/:organization/tags", removeAll),
  route("POST /tags/:tag/relationships/workspaces", addWorkspaces),
  route("GET /workspaces/:workspace/relationships/tags", listOfWorkspace),
  route("POST /workspaces/:workspace/relationships/tags", add),
  route("DELETE /workspaces/:workspace/relationships/tags", remove),
  route("GET /workspaces/:workspace/tag-bindings", listBindings("tag-bindings")),
  route("PATCH /workspaces/:workspace/tag-bindings", addBindings),
  route("GET /workspaces/:workspace/effective-tag-bindings", listBindings("effective-tag-bindings")),
];
