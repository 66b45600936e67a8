/** Habits of the service that catch clients out, each as a switch. The defaults are what the real service does. */
export interface AzureFilesQuirks {
  /** `If-*` headers: `'refuse'` with 400 `ConditionHeadersNotSupported` as the service does, or `'ignore'` them. */
  conditionHeaders: 'refuse' | 'ignore'
  /**
   * Copies within the account are done at once. Otherwise they stay pending for so many property reads and then end as
   * `outcome` says, `success` unless given; `polls: Infinity` waits for an abort.
   */
  pendingCopies: false | { polls: number, outcome?: 'success' | 'failed' }
  /** How long the name of a deleted share stays taken: 409 `ShareBeingDeleted`. 30 s. */
  shareDeletionMs: number
  /** Requests per second to one file before 503 `ServerBusy`, which comes without Retry-After. Unlimited by default. */
  requestsPerSecond: number
  /** The `Content-MD5` that answers each range: always, or only where the request brought one (faster, for benchmarks). */
  rangeMd5: 'always' | 'when-sent'
  /** NOT what the service does: leases of files may last 15 to 60 seconds and be renewed, as those of shares. Off. */
  timedFileLeases: boolean
  /** `spr=https` refuses requests to the emulator, which has no TLS. On. */
  signedProtocol: 'enforce' | 'ignore'
  /** The address of all clients, for `sip`: IPv4. */
  clientAddress: string
}

export const DEFAULT_QUIRKS: Readonly<AzureFilesQuirks> = {
  conditionHeaders: 'refuse',
  pendingCopies: false,
  shareDeletionMs: 30_000,
  requestsPerSecond: Infinity,
  rangeMd5: 'always',
  timedFileLeases: false,
  signedProtocol: 'enforce',
  clientAddress: '127.0.0.1'
}
