/**
 * What all of these come to. If some fail, the error of the first of them in the order given, once all have ended: none goes on behind
 * the back of who asked.
 */
export async function allSettled<const T extends readonly unknown[]>(
  works: T,
): Promise<{ -readonly [Index in keyof T]: Awaited<T[Index]> }> {
  await Promise.allSettled(works);
  return Promise.all(works);
}
