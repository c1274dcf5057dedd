/** A login name in the form people see and the form that must be unique. */
export type LoginName = { readonly display: string; readonly key: string };

/**
 * What nobody sees: control, format, private and unassigned characters, every space but U+0020, what fonts leave out by
 * default (fillers, variation selectors), and the empty Braille pattern.
 */
const INVISIBLE = /[\p{C}\p{Zl}\p{Zp}\p{DI}\u2800]|(?! )\p{Zs}/u;

/** After NFKC. */
export const LOGIN_NAME_MAX_CHARACTERS = 128;

/**
 * Normalises a user name or an e-mail address: NFKC, so that look-alike forms of one character are one, and folded
 * to one case for comparison.
 *
 * @returns null when it is empty, longer than LOGIN_NAME_MAX_CHARACTERS, has spaces at an end or characters nobody sees
 */
export function parseLoginName(text: string): LoginName | null {
  if (!text.isWellFormed()) return null;
  const display = text.normalize('NFKC');
  if (display === '' || display.trim() !== display || INVISIBLE.test(display)) return null;
  if ([...display].length > LOGIN_NAME_MAX_CHARACTERS) return null;
  return { display, key: foldCase(display).normalize('NFKC') };
}

/** Full case folding as far as JavaScript has it: through upper case and back, so that ß is ss and ς is σ. */
function foldCase(text: string): string {
  return text.toLowerCase().toUpperCase().toLowerCase();
}

/** Whether a name is (meant as) an e-mail address. Nobody's user name may be somebody else's address. */
export function isEmailLike(name: string): boolean {
  return name.includes('@');
}

/** Something before and after one `@`, no spaces. Whether mail arrives there is not for syntax to say. */
export function isEmail(address: string): boolean {
  return /^[^@\s]+@[^@\s]+$/.test(address);
}

/** A role: visible ASCII without spaces, at most 64 characters, so that lists of them are unambiguous everywhere. */
export function isRole(text: string): boolean {
  return /^[\x21-\x7e]{1,64}$/.test(text);
}
