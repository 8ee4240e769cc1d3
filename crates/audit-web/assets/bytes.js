// Bytes, as proofs need them.

const encoder = new TextEncoder();

export const utf8 = (text) => encoder.encode(text);
export const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
export const equal = (a, b) => a.length === b.length && a.every((byte, at) => byte === b[at]);

/// Canonical base64 only: two texts never stand for the same bytes.
export function base64(text) {
  let bytes = null;
  try {
    bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch { /* told below */ }
  if (!bytes || toBase64(bytes) !== text) throw new Error('something is not base64');
  return bytes;
}

export function toBase64(bytes) {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

export function unhex(text, length) {
  if (!new RegExp(`^[0-9a-f]{${2 * length}}$`).test(text)) throw new Error('a salt or digest is malformed');
  return Uint8Array.from(text.match(/../g), (pair) => Number.parseInt(pair, 16));
}

export async function sha256(...parts) {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
}

/// A node of the tree (RFC 9162, 2.1.1).
export const parent = (left, right) => sha256(Uint8Array.of(1), left, right);
