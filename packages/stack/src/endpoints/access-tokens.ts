import { randomBytes } from 'node:crypto';
import type { AccessTokens } from '../stack.ts';

/** Bearer tokens that nobody can guess, a new set at each call. */
export function makeAccessTokens(): AccessTokens {
  return { reader: makeToken(), operator: makeToken(), admin: makeToken() };
}

function makeToken(): string {
  return randomBytes(32).toString('base64url');
}
