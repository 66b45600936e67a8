/**
 * From what Graph, SharePoint and the hosts of sessions and downloads answer to typed errors.
 * Wire: https://learn.microsoft.com/graph/errors and https://learn.microsoft.com/onedrive/developer/rest-api/concepts/errors
 */
import {
  AuthenticationError, ConflictError, NetworkError, NotFoundError, NotModifiedError, PreconditionFailedError, ServerError, StorageError,
  ThrottledError, TimeoutError
} from '../../lib/errors.ts'
import type { StorageErrorOptions } from '../../lib/errors.ts'
import type { FailedAnswer } from '../../lib/http/connection.ts'
import { parseRetryAfter } from '../../lib/http/retry.ts'
import type { RetryPolicy } from '../../lib/http/retry.ts'
import { objectOf, parseObject, textOf } from './json.ts'
import type { JsonObject } from './json.ts'
import { SENT_ONCE, UploadFragment } from './operations.ts'

type ErrorClass = new (message: string, options?: StorageErrorOptions) => StorageError

/** Who answered: the same status means something else on a URL that carries its own token. */
export type Answerer = 'graph' | 'session' | 'download' | 'monitor' | 'identity'

export interface FailedOperation {
  /** `UploadContent` */
  operation: string
  /** `upload "/videos/a.mp4"` */
  action: string
  answerer: Answerer
  now: number
}

/**
 * The service has forgotten what the token of a delta stood for: everything must be listed anew from `link`.
 * `applyDifferences`: take the service's state, except for own changes; `uploadDifferences`: also upload what it lacks.
 */
export class ResyncRequiredError extends StorageError {
  override name = 'ResyncRequiredError'
  static override readonly defaultCode: string = 'ResyncRequired'
  readonly kind: ResyncKind
  /** Where the new enumeration starts, where the service told. */
  readonly link: string | undefined

  constructor (message: string, options: StorageErrorOptions & { kind: ResyncKind, link: string | undefined }) {
    super(message, options)
    this.kind = options.kind
    this.link = options.link
  }
}

export type ResyncKind = 'applyDifferences' | 'uploadDifferences'

/** Names of ODA 9.1, and of statuses that it leaves out. */
const CODE_BY_STATUS: Record<number, string> = {
  304: 'NotModified',
  400: 'InvalidRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'NotSupported',
  408: 'Timeout',
  409: 'Conflict',
  410: 'Gone',
  412: 'PreconditionFailed',
  413: 'FileTooLarge',
  415: 'NotSupported',
  416: 'InvalidRange',
  423: 'Locked',
  424: 'FailedDependency',
  429: 'Throttled',
  500: 'ServerError',
  501: 'NotSupported',
  503: 'ServiceUnavailable',
  507: 'InsufficientStorage',
  509: 'Throttled'
}

const CLASS_BY_STATUS: Record<number, ErrorClass> = {
  304: NotModifiedError,
  401: AuthenticationError,
  403: AuthenticationError,
  404: NotFoundError,
  408: TimeoutError,
  409: ConflictError,
  410: NotFoundError,
  412: PreconditionFailedError,
  423: ConflictError,
  429: ThrottledError,
  509: ThrottledError
}

/** Codes of the service that tell more than their status, whatever it is. */
const BY_SERVICE_CODE: Record<string, { code: string, type: ErrorClass }> = {
  activityLimitReached: { code: 'Throttled', type: ThrottledError },
  throttledRequest: { code: 'Throttled', type: ThrottledError },
  malwareDetected: { code: 'MalwareDetected', type: StorageError },
  virusSuspicious: { code: 'MalwareDetected', type: StorageError },
  quotaLimitReached: { code: 'InsufficientStorage', type: StorageError },
  maxFileSizeExceeded: { code: 'FileTooLarge', type: StorageError },
  resourceLocked: { code: 'Locked', type: ConflictError },
  lockMismatch: { code: 'Locked', type: ConflictError },
  resourceModified: { code: 'PreconditionFailed', type: PreconditionFailedError },
  entityTagDoesNotMatch: { code: 'PreconditionFailed', type: PreconditionFailedError },
  preconditionFailed: { code: 'PreconditionFailed', type: PreconditionFailedError },
  pathIsTooLong: { code: 'PathTooLong', type: StorageError },
  pathTooDeep: { code: 'PathTooLong', type: StorageError },
  uploadSessionNotFound: { code: 'UploadSessionExpired', type: NotFoundError }
}

/** A session that is over: cancelled, expired or complete (404, 410), or the token in its URL is (401, 403). */
const SESSION_OVER = new Set([401, 403, 404, 410])
/** A download URL lives for about an hour; what hosts answer afterwards is documented for 401 only. */
const DOWNLOAD_OVER = new Set([401, 403, 404, 410])

export function toStorageError (answer: FailedAnswer, failed: FailedOperation): StorageError {
  const { status } = answer
  const found = readError(answer.body)
  const { code, type: ErrorType } = classify(answer, found, failed)
  const serviceCode = found.codes.at(-1)
  const requestId = answer.headers['request-id'] ?? answer.headers['sprequestguid'] ?? answer.headers['x-ms-request-id']
  const retryAfterMs = waitOf(answer, failed.now)
  const options: StorageErrorOptions = {
    code,
    operation: failed.operation,
    status,
    temporary: isTemporary(status, code, ErrorType),
    ...(serviceCode === undefined ? {} : { serviceCode }),
    ...(requestId === undefined ? {} : { requestId }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs })
  }
  const message = `Cannot ${failed.action}: ${describe(status, serviceCode ?? code, found.message)}`
  if (code !== 'ResyncRequired') return new ErrorType(message, options)
  return new ResyncRequiredError(message, { ...options, kind: resyncKind(found.codes), link: answer.headers['location'] })
}

function describe (status: number, code: string, message: string): string {
  return message === '' ? `${status} ${code}` : `${status} ${code} (${message})`
}

interface ServiceError {
  /** The outermost first; the last one is the most exact. */
  codes: string[]
  message: string
}

/** `innerError` is Graph's key, `innererror` that of OneDrive and SharePoint; they nest. The body may also be HTML or nothing. */
export function readError (body: string): ServiceError {
  const root = parseObject(body)
  const error = objectOf(root?.['error'])
  if (error === undefined) return { codes: textCodes(root), message: textOf(root?.['error_description'])?.split(/\r?\n/)[0] ?? '' }
  const codes: string[] = []
  for (let level: JsonObject | undefined = error; level !== undefined; level = objectOf(level['innerError']) ?? objectOf(level['innererror'])) {
    const code = textOf(level['code'])
    if (code !== undefined && code !== '') codes.push(code)
  }
  return { codes, message: textOf(error['message']) ?? '' }
}

/** The token endpoint writes the code as a text. */
function textCodes (root: JsonObject | undefined): string[] {
  const code = textOf(root?.['error'])
  return code === undefined ? [] : [code]
}

function classify ({ status, headers }: FailedAnswer, { codes }: ServiceError, { answerer, operation }: FailedOperation): { code: string, type: ErrorClass } {
  const known = codes.findLast(code => code in BY_SERVICE_CODE)
  if (headers['x-virus-infected'] !== undefined) return { code: 'MalwareDetected', type: StorageError }
  if (known !== undefined) return BY_SERVICE_CODE[known] as { code: string, type: ErrorClass }
  if (answerer === 'session' && SESSION_OVER.has(status)) return { code: 'UploadSessionExpired', type: NotFoundError }
  if (answerer === 'download' && DOWNLOAD_OVER.has(status)) return { code: 'DownloadUrlExpired', type: StorageError }
  if (status === 410 || codes.some(code => /^resync/i.test(code))) return { code: 'ResyncRequired', type: StorageError }
  if (status >= 300 && status < 400 && status !== 304) return { code: 'Redirected', type: StorageError }
  if (operation === UploadFragment.name && status === 400) return { code: 'ChunkUploadFailed', type: StorageError }
  const code = CODE_BY_STATUS[status] ?? (status >= 500 ? 'ServerError' : `Http${status}`)
  return { code, type: CLASS_BY_STATUS[status] ?? (isServerFault(status) ? ServerError : StorageError) }
}

/** 501 says never, 507 that the quota is used up. */
function isServerFault (status: number): boolean {
  return status >= 500 && status !== 501 && status !== 507
}

/** A redirection and a download URL that died are asked for again; the address is another one then. */
function isTemporary (status: number, code: string, type: ErrorClass): boolean {
  return type === ThrottledError || status === 408 || code === 'DownloadUrlExpired' || code === 'Redirected' || isServerFault(status)
}

/**
 * The longer of `Retry-After` and the reset of the app's budget.
 * Wire: https://learn.microsoft.com/sharepoint/dev/general-development/how-to-avoid-getting-throttled-or-blocked-in-sharepoint-online
 */
function waitOf ({ status, headers }: FailedAnswer, now: number): number | undefined {
  const asked = parseRetryAfter(headers['retry-after'], now)
  const reset = status === 429 || status === 503 || status === 509 ? parseRetryAfter(headers['ratelimit-reset'], now) : undefined
  if (asked === undefined) return reset
  return reset === undefined ? asked : Math.max(asked, reset)
}

/** Pages write `resyncChangesUploadDifferences`, answers `resyncUploadDifferences`. */
function resyncKind (codes: string[]): ResyncKind {
  return codes.some(code => /uploaddifferences$/i.test(code)) ? 'uploadDifferences' : 'applyDifferences'
}

/** The document names no numbers: R2's table, but for waits that SharePoint asks for, which reach minutes. */
const RETRY_TABLE = {
  throttled: { retries: 5, initialMs: 1000, maxMs: 300_000 },
  server: { retries: 3, initialMs: 1000, maxMs: 300_000 },
  timeout: { retries: 3, initialMs: 500, maxMs: 10_000 },
  network: { retries: 3, initialMs: 500, maxMs: 10_000 },
  redirected: { retries: 3, initialMs: 0, maxMs: 0 },
  other: { retries: 3, initialMs: 100, maxMs: 30_000 },
  never: { retries: 0, initialMs: 0, maxMs: 0 }
} satisfies Record<string, RetryPolicy>

/** @param overrides of every row but those that must not be repeated. */
export function retryPolicyFor (error: StorageError, overrides: Partial<RetryPolicy> = {}): RetryPolicy {
  if (error.code === 'DownloadUrlExpired') return RETRY_TABLE.never // The reader asks for a new one and compares the file.
  if (error.operation === UploadFragment.name) return RETRY_TABLE.never
  if (error.operation !== undefined && SENT_ONCE.has(error.operation) && !(error instanceof ThrottledError)) return RETRY_TABLE.never
  if (error.code === 'Redirected') return RETRY_TABLE.redirected
  return { ...row(error), ...overrides }
}

function row (error: StorageError): RetryPolicy {
  if (error instanceof ThrottledError) return RETRY_TABLE.throttled
  if (error instanceof ServerError) return RETRY_TABLE.server
  if (error instanceof TimeoutError) return RETRY_TABLE.timeout
  if (error instanceof NetworkError) return RETRY_TABLE.network
  return RETRY_TABLE.other
}

export function isSessionOver (error: unknown): error is StorageError {
  return error instanceof StorageError && error.code === 'UploadSessionExpired'
}
