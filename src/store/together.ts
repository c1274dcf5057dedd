import { isOfTheDatabase } from './outage.js';

/** One that waits for its result. */
type Waiting<In, Out> = {
  readonly input: In;
  readonly resolve: (output: Out) => void;
  readonly reject: (error: unknown) => void;
};

/**
 * Lets what arrives at about the same time be done together. What comes alone is done at once; what comes while others are
 * at work, or soon after, waits for others, as with PostgreSQL's `commit_delay`. Where the database can do nothing, all
 * have failed; where it fails for another reason, each is done by itself, so that nobody pays for somebody else's fault.
 *
 * @param work does all and says what came of each, in order, or does none of it and throws
 * @param most so many at once; the rest goes next
 * @param pauseMs at least, between one end and the next beginning
 */
export function together<In, Out>(
  work: (inputs: readonly In[]) => Promise<readonly Out[]>,
  { most, pauseMs }: { readonly most: number; readonly pauseMs: number },
): (input: In) => Promise<Out> {
  const waiting: Waiting<In, Out>[] = [];
  let isUnderWay = false;
  let endedAtMs = Number.NEGATIVE_INFINITY;

  function doSoon(): void {
    isUnderWay = true;
    const restMs = endedAtMs + pauseMs - performance.now();
    if (restMs > 0) setTimeout(doAll, restMs);
    else setImmediate(doAll);
  }

  async function doAll(): Promise<void> {
    await doBatch(waiting.splice(0, most));
    endedAtMs = performance.now();
    isUnderWay = false;
    if (waiting.length > 0) doSoon();
  }

  async function doBatch(batch: readonly Waiting<In, Out>[]): Promise<void> {
    try {
      const outputs = await work(batch.map(({ input }) => input));
      for (const [i, { resolve }] of batch.entries()) resolve(outputs[i] as Out);
    } catch (error) {
      if (batch.length === 1 || isOfTheDatabase(error)) for (const { reject } of batch) reject(error);
      else for (const one of batch) await doBatch([one]);
    }
  }

  return (input) =>
    new Promise((resolve, reject) => {
      waiting.push({ input, resolve, reject });
      if (!isUnderWay) doSoon();
    });
}
