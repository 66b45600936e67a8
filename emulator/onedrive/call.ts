import type { ContentStore } from '../content-store.ts'
import type { FaultPlan } from '../../lib/simulation/faults.ts'
import type { Answer, RequestHead } from '../service.ts'
import type { RequestBudget } from './budget.ts'
import type { CopyJobs } from './copy-jobs.ts'
import type { DownloadTickets } from './download-tickets.ts'
import type { Drive } from './drive.ts'
import type { Drives } from './drives.ts'
import { itemNotFound, type RequestIds } from './errors.ts'
import type { Incoming } from './incoming.ts'
import type { Query } from './query.ts'
import type { OneDriveQuirks } from './quirks.ts'
import type { GraphRoute } from './route.ts'
import type { Sessions } from './sessions.ts'
import type { Tokens } from './tokens.ts'
import type { Identity, Item, ItemFacts } from './tree.ts'

/** What all operations stand on. */
export interface Context {
  readonly tenantId: string
  readonly clientId: string
  readonly clientSecret: string
  /** Where links to Graph begin: `http://127.0.0.1:port` once the server listens, unless told otherwise. */
  graphOrigin: string
  /** Where upload, download and monitor URLs begin. */
  filesOrigin: string
  readonly quirks: OneDriveQuirks
  readonly contents: ContentStore
  readonly drives: Drives
  readonly tokens: Tokens
  readonly sessions: Sessions
  readonly tickets: DownloadTickets
  readonly jobs: CopyJobs
  readonly budget: RequestBudget
  /** How often each item was looked up. */
  readonly lookups: WeakMap<Item, number>
  /** For the parts of a batch, which the server under us does not see. */
  readonly faults: FaultPlan
  readonly random: () => number
  /** Serves one request of Graph, wherever it came from. */
  dispatch: (incoming: Incoming, ids: RequestIds) => Promise<Answer>
  changeObject: (head: RequestHead) => Promise<void>
  /** Delta tokens that name an older generation are refused. */
  deltaGeneration: number
  /** What a refused delta token asks for. */
  resync: 'resyncApplyDifferences' | 'resyncUploadDifferences'
}

/** One request that was let in, on its way to one operation. */
export interface Call {
  context: Context
  incoming: Incoming
  headers: Readonly<Record<string, string | undefined>>
  query: Query
  route: GraphRoute
  by: Identity
  ids: RequestIds
  /** Milliseconds since the epoch, one for the whole call. */
  now: number
}

export type Handler = (call: Call) => Promise<Answer>

export function jsonAnswer (body: object, status = 200, headers: Record<string, string> = {}): Answer {
  return { status, headers: { 'Content-Type': 'application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8', ...headers }, body: JSON.stringify(body) }
}

export const noContent = (): Answer => ({ status: 204, headers: {} })

/** Where links of Graph begin: `http://127.0.0.1:port/onedrive/v1.0`. */
export function graphUrl (context: Context): string {
  return `${context.graphOrigin}/onedrive/v1.0`
}

export function factsOf ({ now, by }: Pick<Call, 'now' | 'by'>): ItemFacts {
  return { now, by }
}

/** @throws {GraphError} 404 */
export function driveOf ({ context, route }: Pick<Call, 'context' | 'route'>): Drive {
  const drive = route.drive === undefined ? undefined : context.drives.find(route.drive)
  if (drive === undefined) throw itemNotFound('The drive could not be found.')
  return drive
}
