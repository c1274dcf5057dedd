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

/**
 * Whether a password may be set (NIST SP 800-63B §5.1.1.2: length counts, composition rules do not help).
 *
 * @returns what is wrong, or null
 */
export function newPasswordFault(password: string): string | null {
  if ([...password].length < PASSWORD_MIN_CHARACTERS) {
    return `the password needs at least ${PASSWORD_MIN_CHARACTERS} characters`;
  }
  return unhashableReason(password);
}
