import { FIRST_PORTION, learnt, unlearnt } from './portion.js';

/** One that waits for its result. */
type Waiting<In, Out> = {
  readonly input: In;
  readonly resolve: (output: Out) => void;
  readonly reject: (error: unknown) => void;
};

export type Gathering = {
  /** So many inputs at once in all: in one piece of work, or in several with fewer each. */
  readonly most: number;
  /** Work that has not ended by then is no longer waited for: the next goes beside it. */
  readonly patienceMs: number;
};

/**
 * Lets what arrives while others are at work be done together, as many at once as pays (src/store/portion.ts). What comes
 * alone is done at once.
 *
 * @param work does all and says what came of each, in order; where it fails, all of them have failed
 * @param isDone whether there was anything to do for one: nothing is learnt where there was not
 * @param clock a steady one, in milliseconds
 */
export function gathered<In, Out>(
  work: (inputs: readonly In[]) => Promise<readonly Out[]>,
  isDone: (output: Out) => boolean,
  { most, patienceMs }: Gathering,
  clock: () => number = () => performance.now(),
): (input: In) => Promise<Out> {
  const waiting: Waiting<In, Out>[] = [];
  let portion = FIRST_PORTION;
  let underWay = 0;

  function begin(): void {
    while (waiting.length > 0 && underWay < Math.ceil(most / portion.size))
      void doSome(waiting.splice(0, portion.size));
  }

  async function doSome(some: readonly Waiting<In, Out>[]): Promise<void> {
    const end = enter();
    const since = clock();
    try {
      const outputs = await work(some.map(({ input }) => input));
      if (outputs.some(isDone)) portion = learnt(portion, some.length, clock() - since, most);
      for (const [i, { resolve }] of some.entries()) resolve(outputs[i] as Out);
    } catch (error) {
      if (some.length > 1) portion = unlearnt(portion);
      for (const { reject } of some) reject(error);
    }
    end();
  }

  /** Counts work as under way until it has ended, or has taken too long. */
  function enter(): () => void {
    underWay++;
    let isCounted = true;
    const leave = () => {
      clearTimeout(timer);
      if (isCounted) underWay--;
      isCounted = false;
      begin();
    };
    const timer = setTimeout(leave, patienceMs);
    return leave;
  }

  return (input) =>
    new Promise((resolve, reject) => {
      waiting.push({ input, resolve, reject });
      // After all that has arrived by now.
      if (waiting.length === 1) setImmediate(begin);
    });
}
