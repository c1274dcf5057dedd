import type { Refusal } from './refusal.js';

/** What a rule answers: a value, or the reason why not. Refusals are values; exceptions are for outages and bugs. */
export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly refusal: Refusal };

/** The good answer. */
export function ok<T>(value: T): Result<T> {
  return { ok: true, value };
}

/** The other one. */
export function refuse(refusal: Refusal): Result<never> {
  return { ok: false, refusal };
}
