/** The digests that a file reports, computed while its bytes come in. */
import { createHash, type Hash } from 'node:crypto'
import { QuickXorDigest } from '../../lib/digest/quick-xor.ts'
import type { Content, ContentStore } from '../content-store.ts'
import type { HashName } from './quirks.ts'

/** quickXorHash in base64, the others in capital hex. */
export type Hashes = Partial<Record<HashName, string>>

const ALGORITHMS: Readonly<Partial<Record<HashName, string>>> = { sha1Hash: 'sha1', sha256Hash: 'sha256' }

/** Bytes that may come in several requests: a fork goes ahead, and is forgotten when its request fails. */
export class BodyHasher {
  readonly #quickXor: QuickXorDigest | undefined
  readonly #others: ReadonlyMap<HashName, Hash>

  constructor (quickXor: QuickXorDigest | undefined, others: ReadonlyMap<HashName, Hash>) {
    this.#quickXor = quickXor
    this.#others = others
  }

  static start (names: readonly HashName[]): BodyHasher {
    const others = names.flatMap(name => {
      const algorithm = ALGORITHMS[name]
      return algorithm === undefined ? [] : [[name, createHash(algorithm)] as const]
    })
    return new BodyHasher(names.includes('quickXorHash') ? new QuickXorDigest() : undefined, new Map(others))
  }

  update (chunk: Uint8Array): void {
    this.#quickXor?.update(chunk)
    for (const hash of this.#others.values()) hash.update(chunk)
  }

  fork (): BodyHasher {
    return new BodyHasher(
      this.#quickXor === undefined ? undefined : QuickXorDigest.restore(this.#quickXor.save()),
      new Map([...this.#others].map(([name, hash]) => [name, hash.copy()]))
    )
  }

  /** Of all that was seen; more may follow. */
  hashes (): Hashes {
    return {
      ...(this.#quickXor === undefined ? {} : { quickXorHash: this.#quickXor.digest().toString('base64') }),
      ...Object.fromEntries([...this.#others].map(([name, hash]) => [name, hash.copy().digest('hex').toUpperCase()]))
    }
  }
}

export async function hashContent (contents: ContentStore, content: Content, names: readonly HashName[]): Promise<BodyHasher> {
  const hasher = BodyHasher.start(names)
  for await (const chunk of contents.read(content)) hasher.update(chunk)
  return hasher
}
