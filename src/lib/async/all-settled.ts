type Awaitables<T extends readonly unknown[]> = { readonly [Index in keyof T]: Promise<T[Index]> };

/**
 * What all of these come to. If some fail, the error of the first of them in the order given, once all have ended: none goes on behind
 * the back of who asked.
 */
export async function allSettled<const T extends readonly unknown[]>(works: Awaitables<T>): Promise<T> {
  await Promise.allSettled(works);
  const results: unknown[] = [];
  for (const work of works) results.push(await work);
  return results as unknown as T;
}
