import type { MessageInitShape } from "@bufbuild/protobuf";
import { errors, pathTo } from "./diagnostics.ts";
import type { ApplyRequest, ApplyResponseSchema, PlanRequest, PlanResponseSchema } from "./gen/tfplugin6_pb.ts";
import type { Context, Resource } from "./kinds.ts";
import { isSame, isUnknown, pack, unknown, unpackValues, type Values } from "./values.ts";

/** Plans as providers do: what is computed is unknown until the object is there, and some changes need another object. */
export function planChange(
  resource: Resource,
  { priorState, proposedNewState, config }: PlanRequest,
): MessageInitShape<typeof PlanResponseSchema> {
  const before = unpackValues(priorState);
  const proposed = unpackValues(proposedNewState);
  if (proposed === null) return { plannedState: pack(null) };
  try {
    const replacing = (resource.replacedBy ?? []).filter(
      (name) => before !== null && !isSame(before[name], proposed[name]),
    );
    const wanted =
      before === null || replacing.length > 0 ? fresh(resource, proposed, unpackValues(config) ?? {}) : proposed;
    const planned = resource.plan?.(wanted, replacing.length > 0 ? null : before) ?? wanted;
    return {
      plannedState: pack(withoutWriteOnly(resource, planned)),
      requiresReplace: replacing.map(pathTo),
      legacyTypeSystem: resource.isLegacy ?? false,
    };
  } catch (error) {
    return { plannedState: pack(before), diagnostics: errors(error) };
  }
}

/** Carries out what was planned. A failure leaves the object as it was. */
export async function applyChange(
  context: Context,
  resource: Resource,
  { priorState, plannedState, config }: ApplyRequest,
): Promise<MessageInitShape<typeof ApplyResponseSchema>> {
  const before = unpackValues(priorState);
  const planned = unpackValues(plannedState);
  try {
    const after = await changed(context, resource, { before, planned, config: unpackValues(config) ?? {} });
    const newState = pack(after === null ? null : withoutWriteOnly(resource, after));
    return { newState, legacyTypeSystem: resource.isLegacy ?? false };
  } catch (error) {
    return { newState: pack(before), diagnostics: errors(error) };
  }
}

interface Change {
  readonly before: Values | null;
  readonly planned: Values | null;
  readonly config: Values;
}

async function changed(
  context: Context,
  resource: Resource,
  { before, planned, config }: Change,
): Promise<Values | null> {
  if (planned === null) {
    await resource.remove?.(context, before ?? {});
    return null;
  }
  if (before === null) return { ...known(planned), ...(await resource.create(context, planned, config)) };
  return { ...known(planned), ...(await resource.update?.(context, planned, config, before)) };
}

/** What nobody set is unknown until the object is there. */
function fresh({ attributes }: Resource, proposed: Values, config: Values): Values {
  const open = attributes.filter(({ how, name }) => how.endsWith("computed") && (config[name] ?? null) === null);
  return { ...proposed, ...Object.fromEntries(open.map(({ name }) => [name, unknown])) };
}

function withoutWriteOnly({ attributes }: Resource, values: Values): Values {
  const hidden = attributes.filter(({ isWriteOnly }) => isWriteOnly === true);
  return { ...values, ...Object.fromEntries(hidden.map(({ name }) => [name, null])) };
}

const known = (values: Values): Values =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, isUnknown(value) ? null : value]));
