/** The answers of `work` for all items, in their order, with so many under way at once. */
export async function inTurns<T, R>(
  items: readonly T[],
  concurrency: number,
  work: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const answers = new Map<number, R>();
  const queue = items.entries();
  const lanes = Array.from({ length: Math.min(concurrency, items.length) }, async () => {
    for (const [index, item] of queue) answers.set(index, await work(item));
  });
  await Promise.all(lanes);
  return items.flatMap((_, index) => (answers.has(index) ? [answers.get(index) as R] : [])); // one for each
}
