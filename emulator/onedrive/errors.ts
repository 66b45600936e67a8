/** Errors as Graph and as the OneDrive and SharePoint hosts write them; they differ in the spelling of one key. */
import { randomUUID } from 'node:crypto'
import type { Answer } from '../service.ts'
import type { OneDriveQuirks } from './quirks.ts'

/** Who answers: Graph itself, or a host behind an upload, download or monitor URL. */
export type Host = 'graph' | 'files'

export interface RequestIds {
  requestId: string
  clientRequestId: string
}

export interface GraphErrorDetails {
  /** The code inside `innerError`. */
  inner?: string | undefined
  headers?: Record<string, string>
  /** Members of `error` after the message. */
  extra?: Record<string, unknown>
}

export class GraphError extends Error {
  override name = 'GraphError'
  readonly status: number
  readonly code: string
  readonly inner: string | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly extra: Readonly<Record<string, unknown>>

  constructor (status: number, code: string, message: string, { inner, headers = {}, extra = {} }: GraphErrorDetails = {}) {
    super(message)
    this.status = status
    this.code = code
    this.inner = inner
    this.headers = headers
    this.extra = extra
  }

  /** `now` in milliseconds since the epoch. */
  toAnswer (host: Host, { requestId, clientRequestId }: RequestIds, now: number): Answer {
    const code = this.inner === undefined ? {} : { code: this.inner }
    const error = host === 'files'
      ? { code: this.code, message: this.message, ...this.extra, ...(this.inner === undefined ? {} : { innererror: code }) }
      : {
          code: this.code,
          message: this.message,
          ...this.extra,
          innerError: {
            ...code, date: new Date(now).toISOString().slice(0, 19), 'request-id': requestId, 'client-request-id': clientRequestId
          }
        }
    return { status: this.status, headers: { 'Content-Type': 'application/json', ...this.headers }, body: JSON.stringify({ error }) }
  }
}

/** A request without an id of its own gets the server's in both places. */
export function requestIds (headers: Readonly<Record<string, string | undefined>> = {}): RequestIds {
  const requestId = randomUUID()
  return { requestId, clientRequestId: headers['client-request-id'] ?? requestId }
}

const DEFAULTS: Readonly<Record<number, readonly [code: string, message: string, inner?: string]>> = {
  400: ['invalidRequest', 'The request is malformed or incorrect.'],
  401: ['InvalidAuthenticationToken', 'Access token has expired or is not yet valid.'],
  403: ['accessDenied', 'Access denied'],
  404: ['itemNotFound', 'The resource could not be found.'],
  409: ['nameAlreadyExists', 'An item with the same name already exists under the parent'],
  410: ['resyncRequired', 'Resync required. Replace any local items with the server\'s version.', 'resyncApplyDifferences'],
  412: ['resourceModified', 'ETag does not match current item\'s value'],
  413: ['invalidRequest', 'The request entity is too large', 'maxFileSizeExceeded'],
  416: ['invalidRange', 'The specified byte range is invalid or unavailable.'],
  423: ['resourceLocked', 'The resource is currently checked out or locked for editing by another user'],
  429: ['activityLimitReached', 'The request has been throttled', 'throttledRequest'],
  500: ['generalException', 'An unspecified error has occurred.'],
  501: ['notSupported', 'The requested operation is not supported.'],
  503: ['serviceNotAvailable', 'The service is not available. Try the request again after a delay. There may be a Retry-After header.'],
  504: ['UnknownError', ''],
  507: ['quotaLimitReached', 'The user has reached their quota limit.'],
  509: ['activityLimitReached', 'The app or user has been throttled.', 'bandwidthLimitExceeded']
}

/** The error most likely with this status. `code` may name the inner code too: `unauthenticated/expiredToken`. */
export function errorForStatus (status: number, code?: string, message?: string): GraphError {
  const [usualCode, usualMessage, usualInner] = DEFAULTS[status] ?? (status >= 500 ? DEFAULTS[500] : DEFAULTS[400]) ?? ['generalException', '']
  const [outer, inner] = code?.split('/') ?? [usualCode, usualInner]
  return new GraphError(status, outer ?? usualCode, message ?? usualMessage, { inner })
}

export const invalidRequest = (message: string, inner?: string): GraphError => new GraphError(400, 'invalidRequest', message, { inner })
/** What Graph's own gateway says before any service behind it is asked. */
export const badRequest = (message: string): GraphError => new GraphError(400, 'BadRequest', message)
export const itemNotFound = (message = 'The resource could not be found.'): GraphError => errorForStatus(404, undefined, message)
export const sessionEnded = ({ endedSession }: OneDriveQuirks): GraphError => endedSession === 'itemNotFound'
  ? itemNotFound('The upload session was not found')
  : new GraphError(400, 'uploadSessionNotFound', 'Upload session not found')
export const beingCompleted = (): GraphError => invalidRequest('The upload session is being completed.')
export const nameAlreadyExists = (): GraphError => errorForStatus(409)
export const preconditionFailed = (): GraphError => errorForStatus(412)
export const notSupported = (message: string): GraphError => new GraphError(501, 'notSupported', message)
export const unauthenticated = (message: string, inner?: string): GraphError => new GraphError(401, 'unauthenticated', message, { inner })
export const invalidRange = (message: string, inner: string): GraphError => new GraphError(416, 'invalidRange', message, { inner })
export const quotaLimitReached = (): GraphError => errorForStatus(507)
