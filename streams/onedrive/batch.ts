/** Runs any number of requests by twenties; a part that was throttled is sent again after the wait that it asked for. */
import { StorageError } from '../../lib/errors.ts'
import { Patience } from '../../lib/flow/patience.ts'
import type { OneDriveConnection } from './connection.ts'
import { toStorageError } from './errors.ts'
import { Batch } from './operations.ts'
import { MAX_BATCH, answerOf, batch } from './wire-batch.ts'
import type { BatchPart, BatchRequest, NumberedRequest } from './wire-batch.ts'

/** What became of one request; a redirection (302) counts as done, and its place is in the headers. */
export type BatchResult =
  | ({ done: true } & BatchPart)
  | { done: false, id: string, status: number, error: StorageError }

export interface BatchOptions {
  signal?: AbortSignal | undefined
}

const PATIENCE = { attempts: 5, initialMs: 1000, maxMs: 30_000 }

/** Results in the order of the requests. @throws {RangeError} an id occurs twice, or `dependsOn` leads out of its twenty. */
export async function runBatches (connection: OneDriveConnection, requests: readonly BatchRequest[], options: BatchOptions = {}): Promise<BatchResult[]> {
  const numbered = requests.map((request, index) => ({ ...request, id: request.id ?? String(index + 1) }))
  check(numbered)
  const results: BatchResult[] = []
  for (let start = 0; start < numbered.length; start += MAX_BATCH) {
    results.push(...await runBatch(connection, numbered.slice(start, start + MAX_BATCH), options.signal))
  }
  return results
}

/** At most twenty requests, until each of them has an answer that will not change by waiting. */
export async function runBatch (connection: OneDriveConnection, requests: readonly NumberedRequest[], signal?: AbortSignal): Promise<BatchResult[]> {
  const patience = new Patience(PATIENCE, connection.clock)
  const results = new Map<string, BatchResult>()
  for (let pending = requests; pending.length > 0;) {
    const parts = new Map((await connection.execute(batch(pending), { signal })).map(part => [part.id, part]))
    for (const request of pending) results.set(request.id, resultOf(connection, request, parts.get(request.id)))
    pending = repeatable(pending, results)
    if (pending.length === 0 || !patience.fail()) break
    const waitMs = longestWait(pending, results)
    if (waitMs > 0) connection.pause(waitMs)
    await patience.wait(waitMs, signal ?? new AbortController().signal)
  }
  return requests.map(request => results.get(request.id) as BatchResult)
}

function resultOf (connection: OneDriveConnection, { id, method, url }: NumberedRequest, part: BatchPart | undefined): BatchResult {
  const action = `${method} ${JSON.stringify(url.replace(/\?.*$/, ''))} in a batch`
  if (part === undefined) {
    return { done: false, id, status: 0, error: new StorageError(`Cannot ${action}: the answer does not tell of it`, { code: 'MalformedAnswer', operation: Batch.name }) }
  }
  if (part.status >= 200 && part.status < 400) return { done: true, ...part }
  const error = toStorageError(answerOf(part), { operation: Batch.name, action, answerer: 'graph', now: connection.clock.now() })
  return { done: false, id, status: part.status, error }
}

/** Those that failed for a while, and those that failed (424) as they depend on such a one; what is done is no dependency any more. */
function repeatable (requests: readonly NumberedRequest[], results: Map<string, BatchResult>): NumberedRequest[] {
  const again = new Set(requests.filter(({ id }) => isTemporary(results.get(id))).map(({ id }) => id))
  for (const { id, dependsOn = [] } of requests) {
    if (statusOf(results.get(id)) === 424 && dependsOn.some(other => again.has(other))) again.add(id)
  }
  return requests.filter(({ id }) => again.has(id)).map(({ dependsOn, ...request }) => {
    const open = dependsOn?.filter(other => again.has(other)) ?? []
    return open.length === 0 ? request : { ...request, dependsOn: open }
  })
}

function isTemporary (result: BatchResult | undefined): boolean {
  return result?.done === false && result.error.temporary
}

function statusOf (result: BatchResult | undefined): number {
  return result?.status ?? 0
}

function longestWait (requests: readonly NumberedRequest[], results: Map<string, BatchResult>): number {
  return Math.max(0, ...requests.map(({ id }) => {
    const result = results.get(id)
    return result?.done === false ? result.error.retryAfterMs ?? 0 : 0
  }))
}

function check (requests: readonly NumberedRequest[]): void {
  const ids = new Map<string, number>()
  for (const [index, { id, url, dependsOn = [] }] of requests.entries()) {
    if (ids.has(id)) throw new RangeError(`Cannot run a batch as id ${JSON.stringify(id)} occurs twice`)
    if (typeof url !== 'string' || !url.startsWith('/')) throw new RangeError(`Cannot run a batch as its urls must start with "/": received ${JSON.stringify(url)}`)
    ids.set(id, index)
    for (const other of dependsOn) {
      const place = ids.get(other)
      if (place === undefined) throw new RangeError(`Cannot run a batch as ${JSON.stringify(id)} depends on ${JSON.stringify(other)}, which does not come before it`)
      if (Math.floor(place / MAX_BATCH) !== Math.floor(index / MAX_BATCH)) throw new RangeError(`Cannot run a batch as ${JSON.stringify(id)} depends on ${JSON.stringify(other)}, which is in another twenty`)
    }
  }
}
