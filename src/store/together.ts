/** One that waits for its result. */
type Waiting<In, Out> = {
  readonly input: In;
  readonly resolve: (output: Out) => void;
  readonly reject: (error: unknown) => void;
};

/**
 * Lets what arrives at about the same time be done together: all that came in one turn of the event loop is handed on at
 * its end, so nothing waits for anything that is not there yet. Where it fails as a whole, each is done by itself, so that
 * nobody pays for somebody else's fault.
 *
 * @param work does all, in order, or none of it and throws
 * @param most so many at once; the rest goes in the next turn
 */
export function together<In, Out>(
  work: (inputs: readonly In[]) => readonly Out[],
  most: number,
): (input: In) => Promise<Out> {
  let waiting: Waiting<In, Out>[] = [];

  function doAll(): void {
    const batch = waiting.slice(0, most);
    waiting = waiting.slice(most);
    if (waiting.length > 0) setImmediate(doAll);
    doBatch(batch);
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
      if (waiting.length === 1) setImmediate(doAll);
    });
}
