import type { TfeRoute } from "./call.ts";

/** A route with the values of its path. */
export interface RouteMatch {
  readonly route: TfeRoute;
  readonly params: Readonly<Record<string, string>>;
}

interface Node {
  readonly literal: Map<string, Node>;
  named: { readonly name: string; readonly node: Node } | undefined;
  readonly routes: Map<string, TfeRoute>;
}

const newNode = (): Node => ({ literal: new Map(), named: undefined, routes: new Map() });

/** Finds the route of a method and a path below the API's root. A literal part goes before a named one. */
export class TfeRouter {
  readonly #root = newNode();

  constructor(routes: readonly TfeRoute[]) {
    for (const route of routes) this.#add(route);
  }

  /** Undefined if there is none. HEAD is GET. */
  match(method: string, path: string): RouteMatch | undefined {
    const parts = path.split("/").filter((part) => part !== "");
    if (parts.length > maxParts) return undefined;
    return find(this.#root, parts, method === "HEAD" ? "GET" : method, {});
  }

  #add(route: TfeRoute): void {
    const [method = "", path = ""] = route.pattern.split(" ");
    let node = this.#root;
    for (const part of path.split("/").filter((one) => one !== "")) node = childOf(node, part);
    if (node.routes.has(method)) throw new Error(`two routes for ${route.pattern}`);
    node.routes.set(method, route);
  }
}

const maxParts = 12;

function childOf(node: Node, part: string): Node {
  if (!part.startsWith(":")) {
    const known = node.literal.get(part) ?? newNode();
    node.literal.set(part, known);
    return known;
  }
  const name = part.slice(1);
  node.named ??= { name, node: newNode() };
  if (node.named.name !== name) throw new Error(`${part} is named :${node.named.name} by another route`);
  return node.named.node;
}

function find(
  node: Node,
  [part, ...rest]: readonly string[],
  method: string,
  params: Readonly<Record<string, string>>,
): RouteMatch | undefined {
  if (part === undefined) {
    const route = node.routes.get(method);
    return route && { route, params };
  }
  const literal = node.literal.get(part);
  const found = literal && find(literal, rest, method, params);
  if (found !== undefined || node.named === undefined) return found;
  const value = decoded(part);
  return value === undefined ? undefined : find(node.named.node, rest, method, { ...params, [node.named.name]: value });
}

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}
