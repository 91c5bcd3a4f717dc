import type { ServiceImpl } from "@connectrpc/connect";
import { messageOf } from "../../../src/lib/values/errors.ts";
import { dataSources, ephemerals, functions, providerAttributes, resources } from "./catalog.ts";
import { applyChange, planChange } from "./change.ts";
import type { Configuration } from "./configuration.ts";
import { diagnosed, warnings } from "./diagnostics.ts";
import type { Provider } from "./gen/tfplugin6_pb.ts";
import type { Resource, Source } from "./kinds.ts";
import { functionsOf, schemaOf, schemasOf } from "./schemas.ts";
import { pack, unpack, unpackValues, type Values } from "./values.ts";

/** The provider called `name`: its types are `name_…`. */
export function provider(name: string, configuration: Configuration): ServiceImpl<typeof Provider> {
  const kindOf = (type: string) => type.slice(name.length + 1);
  const resource = (type: string) => known(resources, kindOf(type));
  const readSource = async (sources: Readonly<Record<string, Source>>, type: string, config: Values) => {
    const source = known(sources, kindOf(type));
    const nothing = Object.fromEntries(source.attributes.map((attribute) => [attribute.name, null]));
    return pack({ ...nothing, ...(await source.read(configuration, config)) });
  };
  return {
    getProviderSchema: () => ({
      provider: schemaOf(providerAttributes),
      resourceSchemas: schemasOf(name, resources),
      dataSourceSchemas: schemasOf(name, dataSources),
      ephemeralResourceSchemas: schemasOf(name, ephemerals),
      functions: functionsOf(functions),
      serverCapabilities: { getProviderSchemaOptional: true },
    }),
    validateProviderConfig: () => ({}),
    validateResourceConfig: ({ typeName, config }) =>
      diagnosed(() => ({ diagnostics: warnings(resource(typeName).validate?.(unpackValues(config) ?? {}) ?? []) })),
    validateDataResourceConfig: () => ({}),
    validateEphemeralResourceConfig: () => ({}),
    configureProvider: ({ config }) => {
      configuration.configure(unpackValues(config) ?? {});
      return {};
    },
    upgradeResourceState: ({ rawState }) => ({
      upgradedState: pack(JSON.parse(Buffer.from(rawState?.json ?? []).toString())),
    }),
    readResource: ({ typeName, currentState }) =>
      diagnosed(async () => {
        const state = unpackValues(currentState) ?? {};
        const { read = (_: unknown, same: Values) => same } = resource(typeName);
        return { newState: pack(await read(configuration, state)) };
      }),
    planResourceChange: (request) => planChange(resource(request.typeName), request),
    applyResourceChange: (request) => applyChange(configuration, resource(request.typeName), request),
    importResourceState: ({ typeName, id }) =>
      diagnosed(async () => {
        const state = await importById(configuration, resource(typeName), id);
        return { importedResources: [{ typeName, state: pack(state) }] };
      }),
    readDataSource: ({ typeName, config }) =>
      diagnosed(async () => ({ state: await readSource(dataSources, typeName, unpackValues(config) ?? {}) })),
    openEphemeralResource: ({ typeName, config }) =>
      diagnosed(async () => ({ result: await readSource(ephemerals, typeName, unpackValues(config) ?? {}) })),
    closeEphemeralResource: () => ({}),
    getFunctions: () => ({ functions: functionsOf(functions) }),
    callFunction: (request) => call(request.name, request.arguments.map(unpack)),
    stopProvider: () => {
      configuration.stop();
      return {};
    },
  };
}

type CallAnswer = Awaited<ReturnType<ServiceImpl<typeof Provider>["callFunction"]>>;

function call(name: string, values: Parameters<(typeof functions)[string]["call"]>[0]): CallAnswer {
  try {
    return { result: pack(known(functions, name).call(values)) };
  } catch (error) {
    return { error: { text: messageOf(error), functionArgument: 0n } };
  }
}

async function importById(configuration: Configuration, resource: Resource, id: string): Promise<Values> {
  const nothing = Object.fromEntries(resource.attributes.map(({ name }) => [name, null]));
  const found = await resource.importById?.(configuration, id);
  return { ...nothing, ...found };
}

function known<Kind>(kinds: Readonly<Record<string, Kind>>, name: string): Kind {
  const kind = kinds[name];
  if (kind === undefined) throw new Error(`the provider has no ${name}`);
  return kind;
}
