import { isRecord } from "../../src/lib/values/records.ts";

interface Kind {
  readonly prototype: { validate(): void };
}

/** The schemas of everything that a manifest of ours may be. */
const kinds: Readonly<Record<string, () => Promise<Kind>>> = {
  "apps/v1 Deployment": async () => (await import("kubernetes-models/apps/v1/Deployment")).Deployment,
  "apps/v1 StatefulSet": async () => (await import("kubernetes-models/apps/v1/StatefulSet")).StatefulSet,
  "policy/v1 PodDisruptionBudget": async () =>
    (await import("kubernetes-models/policy/v1/PodDisruptionBudget")).PodDisruptionBudget,
  "networking.k8s.io/v1 NetworkPolicy": async () =>
    (await import("kubernetes-models/networking.k8s.io/v1/NetworkPolicy")).NetworkPolicy,
  "v1 Service": async () => (await import("kubernetes-models/v1/Service")).Service,
  "v1 ServiceAccount": async () => (await import("kubernetes-models/v1/ServiceAccount")).ServiceAccount,
  "v1 Namespace": async () => (await import("kubernetes-models/v1/Namespace")).Namespace,
  "keda.sh/v1alpha1 ScaledJob": async () =>
    (await import("@kubernetes-models/keda/keda.sh/v1alpha1/ScaledJob")).ScaledJob,
  "keda.sh/v1alpha1 ScaledObject": async () =>
    (await import("@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject")).ScaledObject,
  "monitoring.coreos.com/v1 ServiceMonitor": async () =>
    (await import("@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor")).ServiceMonitor,
};

/**
 * What is wrong with a manifest by the schemas of Kubernetes: fields of another type than they have, and fields that no schema
 * knows, which the schemas themselves let pass. Nobody would read these.
 */
export async function manifestProblems(manifest: unknown): Promise<readonly string[]> {
  if (!isRecord(manifest)) return [`expected a manifest, got ${JSON.stringify(manifest)}`];
  const title = `${manifest.apiVersion} ${manifest.kind}`;
  const load = kinds[title];
  if (load === undefined) return [`no schema is known for ${title}`];
  const { prototype } = await load();
  const read = new Set<string>();
  const problems: string[] = [];
  try {
    prototype.validate.call(watched(manifest, "", read));
  } catch (error) {
    problems.push(`${title}: ${error instanceof Error ? error.message : String(error)}`);
  }
  return [...problems, ...unread(manifest, "", read).map((path) => `${title}: no schema knows ${path}`)];
}

/** The same value, which notes the paths of the fields that somebody reads. */
function watched<T extends object>(value: T, path: string, read: Set<string>): T {
  return new Proxy(value, {
    get: (target, name, receiver) => {
      const found: unknown = Reflect.get(target, name, receiver);
      if (typeof name !== "string" || !Object.hasOwn(target, name)) return found;
      const place = `${path}/${name}`;
      read.add(place);
      return typeof found === "object" && found !== null ? watched(found, place, read) : found;
    },
  });
}

function unread(value: unknown, path: string, read: ReadonlySet<string>): readonly string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, child]) => {
    const place = `${path}/${name}`;
    return read.has(place) ? unread(child, place, read) : [place];
  });
}
