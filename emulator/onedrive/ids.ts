/** Ids as the flavours spell them. */
import { randomBytes, randomUUID } from 'node:crypto'
import type { Flavour } from './quirks.ts'

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
const ITEM_DIGITS = 32

export function newDriveId (flavour: Flavour): string {
  return flavour === 'business' ? `b!${randomBytes(48).toString('base64url')}` : `0${randomBytes(8).toString('hex').slice(1)}`
}

/** `01` and 32 characters, or the drive's id in capitals with a number. `number` counts the items of the drive. */
export function newItemId (flavour: Flavour, driveId: string, number: number): string {
  if (flavour === 'personal') return `${driveId.toUpperCase()}!${100 + number}`
  return `01${[...randomBytes(ITEM_DIGITS)].map(byte => BASE32[byte & 31]).join('')}`
}

export function newGuid (): string {
  return randomUUID().toUpperCase()
}
