/** Text for `CREATE ROLE … PASSWORD`. */
export function scramVerifier(password: string): string {
  throw new Error(`to be written ${password.length}`);
}

export function generatePassword(): string {
  throw new Error("to be written");
}
