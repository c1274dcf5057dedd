/** What is kept of a ring: its text, and apart from it the private halves, wrapped or not, by kid. */
export type RingContent = {
  readonly ring: string;
  /** Whose private halves are there. */
  readonly kids: readonly string[];
  /** Throws KeyRingFault. */
  privateKey(kid: string): Promise<PrivateText>;
};

/** A private half as it is kept, and for messages what that is called. */
export type PrivateText = { readonly name: string; readonly text: string };

/** A change of what is kept. */
export type RingWrite = {
  /** The new text; null where it stays. */
  readonly ring: string | null;
  /** Private halves that come or are replaced, by kid. They are there before the ring speaks of them. */
  readonly put: ReadonlyMap<string, string>;
  /** Private halves that go, by kid, after the ring no longer needs them. */
  readonly drop: readonly string[];
  /** Called at the last moment: throws when too much time has passed for the ring's times to be true. */
  readonly assertTimely: () => void;
};

/**
 * Where a ring is kept: bytes and names alone. What they mean, and whether they are fit, is the same for all media
 * (src/keys/store.ts). After a crash at any moment a medium holds what was there before or what came after.
 */
export type RingMedium = {
  /** For messages: where it is. */
  readonly place: string;
  /** For messages: what the ring's text is called. */
  readonly ringName: string;
  /** What to say when no ring is there. */
  readonly missing: string;
  /** Whether a ring is there, even if it is broken. Private halves alone are none: a first start may have been killed. */
  exists(): Promise<boolean>;
  /** Changes whenever the content may have changed; cheap. */
  fingerprint(): Promise<string>;
  /** What is there. Throws KeyRingFault. */
  read(): Promise<RingContent>;
  /** Writes the first content. False when there is some already. */
  create(write: RingWrite & { readonly ring: string }): Promise<boolean>;
  /** Writes content in the place of whatever is there, be it broken; private halves that do not belong to it go. */
  replace(write: RingWrite & { readonly ring: string }): Promise<void>;
  /** Changes the content; nobody else does meanwhile, or the work is done again on what they left. Null: it stays. */
  change<T>(work: (content: RingContent) => Promise<Changed<T> | null>): Promise<T | null>;
  /**
   * Names of what lies there and belongs to none of the ring's keys: left by a command that was killed, or foreign.
   *
   * @param kidsOf the keys a ring's text speaks of
   */
  leftovers(kidsOf: (ring: string) => readonly string[], options: LeftoverOptions): Promise<readonly string[]>;
};

export type LeftoverOptions = {
  /** Whether to delete them. */
  readonly remove?: boolean;
  /** Whether to name also what mintd did not write and only looks like it. */
  readonly foreignToo?: boolean;
};

/** A change, and what the one who made it wants to know. */
export type Changed<T> = { readonly write: RingWrite; readonly value: T };
