import { hash } from 'bcrypt';

/** One hash, for a command that has nothing else to do meanwhile and ends afterwards: without a pool of threads. */
export function hashOnce(password: string, cost: number): Promise<string> {
  return hash(password, cost);
}
