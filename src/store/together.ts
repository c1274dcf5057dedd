/** One that waits for its result. */
type Waiting<In, Out> = {
  readonly input: In;
  readonly resolve: (output: Out) => void;
  readonly reject: (error: unknown) => void;
};

/**
 * Lets what arrives at about the same time be done together. What comes alone is done at once; what comes soon after
 * waits a moment for others, as PostgreSQL's `commit_delay` does. Where it fails as a whole, each is done by itself, so
 * that nobody pays for somebody else's fault.
 *
 * @param work does all, in order, or none of it and throws
 * @param most so many at once; the rest goes next
 * @param pauseMs at least, between one end and the next beginning
 */
export function together<In, Out>(
  work: (inputs: readonly In[]) => readonly Out[],
  { most, pauseMs }: { readonly most: number; readonly pauseMs: number },
): (input: In) => Promise<Out> {
  let waiting: Waiting<In, Out>[] = [];
  let endedAtMs = Number.NEGATIVE_INFINITY;

  function doSoon(): void {
    const restMs = endedAtMs + pauseMs - performance.now();
    if (restMs > 0) setTimeout(doAll, restMs);
    else setImmediate(doAll);
  }

  function doAll(): void {
    const batch = waiting.slice(0, most);
    waiting = waiting.slice(most);
    doBatch(batch);
    endedAtMs = performance.now();
    if (waiting.length > 0) doSoon();
  }

  function doBatch(batch: readonly Waiting<In, Out>[]): void {
    let outputs: readonly Out[];
    try {
      outputs = work(batch.map(({ input }) => input));
    } catch (error) {
      if (batch.length === 1) batch[0]?.reject(error);
      else for (const one of batch) doBatch([one]);
      return;
    }
    for (const [i, { resolve }] of batch.entries()) resolve(outputs[i] as Out);
  }

  return (input) =>
    new Promise((resolve, reject) => {
      waiting.push({ input, resolve, reject });
      if (waiting.length === 1) doSoon();
    });
}
