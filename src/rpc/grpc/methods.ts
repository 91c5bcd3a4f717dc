import type { DescMethod, DescService } from "@bufbuild/protobuf";
import {
  type ConnectRouter,
  createMethodImplSpec,
  createServiceImplSpec,
  type MethodImpl,
  type MethodImplSpec,
  type ServiceImpl,
} from "@connectrpc/connect";
import { keysOf } from "../../lib/values/records.ts";
import { compressMinBytes } from "../wire/compression.ts";

/** What answers a method. */
export interface ServedMethod {
  readonly spec: MethodImplSpec;
  /** Larger messages are compressed, for callers who take that. */
  readonly compressMinBytes: number;
}

type Options = Parameters<ConnectRouter["service"]>[2];

/** The methods of all services by their paths, `/windlass.v1.RunService/GetRun`. */
export function methodsOf(routes: (router: ConnectRouter) => void): ReadonlyMap<string, ServedMethod> {
  const found = new FoundMethods();
  routes(found);
  return found.methods;
}

/** A router that keeps what is registered, and serves nothing. */
class FoundMethods implements ConnectRouter {
  readonly handlers = [];
  readonly methods = new Map<string, ServedMethod>();

  service<T extends DescService>(service: T, implementation: Partial<ServiceImpl<T>>, options?: Options): this {
    const { methods } = createServiceImplSpec(service, implementation);
    for (const name of keysOf(methods)) this.#add(methods[name], options);
    return this;
  }

  rpc<M extends DescMethod>(method: M, implementation: MethodImpl<M>, options?: Options): this {
    this.#add(createMethodImplSpec(method, implementation), options);
    return this;
  }

  #add(spec: MethodImplSpec | undefined, options: Options): void {
    if (spec === undefined) return;
    const { parent, name } = spec.method;
    const path = `/${parent.typeName}/${name}`;
    this.methods.set(path, { spec, compressMinBytes: options?.compressMinBytes ?? compressMinBytes });
  }
}
