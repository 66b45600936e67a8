/**
 * Pre-authenticated download URLs. All that one grants is written in it and sealed, so that a listing of many files costs no
 * memory here; only what a switch counts is remembered. They do not outlive the emulator.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Drive } from './drive.ts'
import { DOWNLOAD_URL_LIFE } from './limits.ts'
import type { OneDriveQuirks } from './quirks.ts'
import type { FileItem } from './tree.ts'

export interface Ticket {
  driveId: string
  itemId: string
  /** The number of a version that is not the current one. */
  version?: number
  expires: number
  nonce: string
  generation: number
}

export class DownloadTickets {
  readonly #quirks: OneDriveQuirks
  readonly #secret = randomBytes(32)
  readonly #used = new Map<string, { requests: number, bytes: number }>()
  /** Tickets of an older one are over. */
  #generation = 0

  constructor (quirks: OneDriveQuirks) {
    this.#quirks = quirks
  }

  url (origin: string, drive: Drive, file: FileItem, now: number, version?: number): string {
    const ticket: Ticket = {
      driveId: drive.id,
      itemId: file.id,
      expires: now + DOWNLOAD_URL_LIFE,
      nonce: randomBytes(9).toString('base64url'),
      generation: this.#generation,
      ...(version === undefined ? {} : { version })
    }
    const payload = Buffer.from(JSON.stringify(ticket)).toString('base64url')
    const place = drive.flavour === 'personal' ? `personal/${drive.id}/` : ''
    return `${origin}/onedrive/down/${place}_layouts/15/download.aspx?UniqueId=${file.guid.toLowerCase()}&Translate=false&tempauth=${payload}.${this.#seal(payload)}&ApiVersion=2.0`
  }

  /** What an unchanged query grants; undefined when it is altered, re-ordered or over. */
  open (query: string, now: number): Ticket | undefined {
    const [, payload = '', seal = ''] = QUERY.exec(query) ?? []
    const expected = Buffer.from(this.#seal(payload))
    const given = Buffer.from(seal)
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined
    const ticket = readTicket(query)
    if (ticket === undefined || ticket.expires <= now || ticket.generation < this.#generation) return undefined
    return this.#isUsedUp(ticket) ? undefined : ticket
  }

  count ({ nonce }: Ticket, requests: number, bytes: number): void {
    if (this.#quirks.downloadRequests === Infinity && this.#quirks.downloadBytes === Infinity) return
    const used = this.#used.get(nonce) ?? { requests: 0, bytes: 0 }
    this.#used.set(nonce, { requests: used.requests + requests, bytes: used.bytes + bytes })
  }

  /** Ends all URLs given out so far. */
  expireAll (): void {
    this.#generation++
  }

  #isUsedUp ({ nonce }: Ticket): boolean {
    const used = this.#used.get(nonce)
    return used !== undefined && (used.requests >= this.#quirks.downloadRequests || used.bytes >= this.#quirks.downloadBytes)
  }

  #seal (payload: string): string {
    return createHmac('sha256', this.#secret).update(payload).digest('base64url').slice(0, 22)
  }
}

const QUERY = /^UniqueId=[0-9a-f-]+&Translate=false&tempauth=([\w-]+)\.([\w-]+)&ApiVersion=2\.0$/

/** What is written in a query, sealed or not. */
export function readTicket (query: string): Ticket | undefined {
  const [, payload] = /(?:^|&)tempauth=([\w-]+)\./.exec(query) ?? []
  if (payload === undefined) return undefined
  try {
    return JSON.parse(Buffer.from(payload, 'base64url').toString()) as Ticket
  } catch {
    return undefined
  }
}
