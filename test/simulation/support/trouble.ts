/** Trouble by lot that a client must notice, whatever the request. */
import { seededRandom } from '../../../lib/seeded-random.ts'
import type { Mutation, Trouble } from '../../../lib/simulation/mutations.ts'

const KINDS: ReadonlyArray<(bytes: number) => Trouble> = [
  () => ({ connect: 'refused' }),
  () => ({ connect: 'timeout' }),
  () => ({ connect: 'expired-certificate' }),
  () => ({ reset: 'before' }),
  bytes => ({ reset: { requestByte: bytes } }),
  bytes => ({ reset: { responseByte: bytes } }),
  bytes => ({ truncate: { responseByte: bytes } }),
  () => ({ stall: 'response' }),
  bytes => ({ stall: { responseByte: bytes } }),
  () => ({ loseAnswer: true }),
  () => ({ loseAnswerWith: 502 }),
  () => ({ status: 503, retryAfter: 3 }),
  () => ({ status: 429, html: true }),
  () => ({ status: 403 }),
  () => ({ status: 500, latencyMs: 1000 }),
  () => ({ protocol: 'garbage' }),
  () => ({ protocol: 'length-mismatch' }),
  () => ({ latencyMs: 5000, bytesPerSecond: 100 })
]

/** One to three kinds, each somewhere in the first requests, up to `longest` times. */
export function troubleByLot (seed: number, longest = 3): Mutation[] {
  const random = seededRandom(seed)
  const pick = (below: number): number => Math.floor(random() * below)
  return Array.from({ length: 1 + pick(3) }, () => {
    const trouble = KINDS[pick(KINDS.length)] as (bytes: number) => Trouble
    return { on: { nth: 1 + pick(8), times: 1 + pick(longest), chance: 0.3 + random() * 0.7 }, do: trouble(pick(2) === 0 ? pick(200) : pick(40_000)) }
  })
}

/** Of the environment, to look further than the tests do each time. */
export const RUNS = Number(process.env['CHAOS_RUNS'] ?? 8)
export const FIRST_SEED = Number(process.env['CHAOS_SEED'] ?? 1)
