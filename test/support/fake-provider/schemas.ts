import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ProviderFunction } from "./functions.ts";
import type { AttributeSchema, FunctionSchema, SchemaSchema } from "./gen/tfplugin6_pb.ts";
import type { Attribute } from "./kinds.ts";

type Schema = MessageInitShape<typeof SchemaSchema>;

const json = (value: unknown) => Uint8Array.from(Buffer.from(JSON.stringify(value)));

const attributeOf = ({ name, type, how, isSensitive = false, isWriteOnly = false }: Attribute) =>
  ({
    name,
    type: json(type),
    required: how === "required",
    optional: how.startsWith("optional"),
    computed: how.endsWith("computed"),
    sensitive: isSensitive,
    writeOnly: isWriteOnly,
  }) satisfies MessageInitShape<typeof AttributeSchema>;

export const schemaOf = (attributes: readonly Attribute[]): Schema => ({
  block: { attributes: attributes.map(attributeOf) },
});

/** The schemas of kinds, by the names that configurations use. */
export const schemasOf = (
  provider: string,
  kinds: Readonly<Record<string, { readonly attributes: readonly Attribute[] }>>,
): Record<string, Schema> =>
  Object.fromEntries(
    Object.entries(kinds).map(([kind, { attributes }]) => [`${provider}_${kind}`, schemaOf(attributes)]),
  );

export const functionsOf = (
  functions: Readonly<Record<string, ProviderFunction>>,
): Record<string, MessageInitShape<typeof FunctionSchema>> =>
  Object.fromEntries(
    Object.entries(functions).map(([name, { summary, parameters, returns }]) => [
      name,
      {
        summary,
        parameters: parameters.map((parameter) => ({ name: parameter, type: json("string") })),
        return: { type: json(returns) },
      },
    ]),
  );
