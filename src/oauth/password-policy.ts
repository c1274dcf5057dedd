/** bcrypt looks at no more than 72 bytes; a longer password would be cut without a word. */
export const PASSWORD_MAX_BYTES = 72;
export const PASSWORD_MIN_CHARACTERS = 8;

/**
 * Whether bcrypt can tell this password from every other one.
 *
 * @returns what is wrong, or null. A wrong one is refused when it is set; at login it just never matches.
 */
export function unhashableReason(password: string): string | null {
  if (!password.isWellFormed()) return 'the password is not well-formed Unicode';
  if (password.includes('\0')) return 'the password contains a NUL character';
  const bytes = Buffer.byteLength(password);
  if (bytes > PASSWORD_MAX_BYTES) return `the password has ${bytes} bytes, at most ${PASSWORD_MAX_BYTES} are possible`;
  return null;
}

/** What a new password is held against. */
export type PasswordContext = {
  /** Whether it is on the list of those that everybody tries first. */
  readonly isCommon: boolean;
  /** The user name and the e-mail address of whoever will have it. */
  readonly names: readonly string[];
};

/**
 * Whether a password may be set (NIST SP 800-63B §3.1.1.2: length and rarity count, composition rules do not help).
 *
 * @returns what is wrong, or null
 */
export function newPasswordFault(password: string, { isCommon, names }: PasswordContext): string | null {
  if ([...password].length < PASSWORD_MIN_CHARACTERS) {
    return `the password needs at least ${PASSWORD_MIN_CHARACTERS} characters`;
  }
  const unhashable = unhashableReason(password);
  if (unhashable !== null) return unhashable;
  if (isCommon || isMonotonous(password)) return 'the password is one of those that everybody tries first';
  const parts = names.flatMap((name) => [name, name.replace(/@.*$/s, '')]);
  return parts.some((name) => isLike(password, name)) ? 'the password is the user name or the e-mail address' : null;
}

/** The longest unit whose repetition is no password. */
const LONGEST_UNIT = 4;

/**
 * Whether each character follows from those before it: a short unit again and again, or steps of one (NIST SP 800-63B
 * §3.1.1.2: repetitive or sequential). `12341234` and `87654321` are among the first tried, and there are too many for a list.
 */
function isMonotonous(password: string): boolean {
  const characters = [...password.toLowerCase()];
  const isRepeated = (size: number) => characters.every((one, i) => one === characters[i % size]);
  for (let size = 1; size <= LONGEST_UNIT; size++) if (isRepeated(size)) return true;
  const codes = characters.map((one) => Number(one.codePointAt(0)));
  const steps = codes.slice(1).map((code, i) => code - Number(codes[i]));
  // From 9 on to 0 is one step, too.
  return [1, -1].some((step) => steps.every((by) => by === step || by === -9 * step));
}

function isLike(password: string, name: string): boolean {
  const letters = core(name);
  return name.toLowerCase() === password.toLowerCase() || (letters !== '' && letters === core(password));
}

/** What is left when case and what stands around the letters are forgotten: `Ada2026!` is `ada`. */
function core(text: string): string {
  return text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/^\P{L}+|\P{L}+$/gu, '');
}
