import type { Happening } from './mutation-plan.ts'
import type { Trouble } from './mutations.ts'

export type AnswerHeaders = Record<string, string | string[] | undefined>

/** As much of a body as is held to replace text in it. */
const MAX_REWRITTEN_BYTES = 1024 * 1024

/** Changes an answer as it passes: its head once, its body chunk by chunk. Holds nothing, unless text is to be rewritten. */
export class AnswerChanges {
  readonly #happening: Happening
  readonly #trouble: Trouble
  #position = 0
  #held: Buffer[] | undefined

  constructor (happening: Happening) {
    this.#happening = happening
    this.#trouble = happening.trouble
    if (this.#trouble.rewrite !== undefined) this.#held = []
  }

  head (given: AnswerHeaders): AnswerHeaders {
    const { headers = {}, changeObject, rewrite, truncate } = this.#trouble
    const changed = { ...given }
    if (changeObject !== undefined && changed['etag'] !== undefined) {
      changed['etag'] = otherEtag(String(changed['etag']))
      this.#happening.did('changeObject')
    }
    if (truncate?.length === 'fits' && changed['content-length'] !== undefined) changed['content-length'] = String(truncate.responseByte)
    if (rewrite !== undefined) changed['content-length'] = undefined
    // undici leaves out of a head what is undefined, and so do all who read it.
    for (const [name, value] of Object.entries(headers)) changed[name.toLowerCase()] = value === null || typeof value === 'string' ? value ?? undefined : [...value]
    this.#happening.did('headers')
    return changed
  }

  /** @returns undefined while the chunk is held. @throws {RangeError} a body is too large to be rewritten. */
  body (chunk: Buffer): Buffer | undefined {
    const start = this.#position
    this.#position += chunk.length
    if (this.#held === undefined) return this.#flipped(chunk, start)
    if (this.#position > MAX_REWRITTEN_BYTES) throw new RangeError(`Cannot rewrite the answer as its body must have at most ${MAX_REWRITTEN_BYTES} bytes`)
    this.#held.push(Buffer.from(chunk))
    return undefined
  }

  /** What was held, with its text replaced. */
  rest (): Buffer | undefined {
    const { rewrite } = this.#trouble
    if (this.#held === undefined || rewrite === undefined) return undefined
    const text = Buffer.concat(this.#held).toString()
    const replaced = text.replace(rewrite.find, rewrite.replace)
    if (replaced !== text) this.#happening.did('rewrite')
    return Buffer.from(replaced)
  }

  #flipped (chunk: Buffer, start: number): Buffer {
    const { flipBit } = this.#trouble
    const at = flipBit !== undefined && 'responseByte' in flipBit ? flipBit.responseByte - start : -1
    if (at < 0 || at >= chunk.length) return chunk
    const flipped = Buffer.from(chunk)
    flipped[at] = (flipped[at] as number) ^ 1
    this.#happening.did('flipBit')
    return flipped
  }
}

/** Its first digit or letter is another. */
function otherEtag (etag: string): string {
  return etag.replace(/[0-9a-z]/i, digit => digit === '0' ? '1' : '0')
}
