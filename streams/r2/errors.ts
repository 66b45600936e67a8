/** From what R2 answers to typed errors. Codes and statuses: https://developers.cloudflare.com/r2/api/error-codes/ */
import {
  AuthenticationError, ConflictError, NetworkError, NotFoundError, NotModifiedError, PreconditionFailedError, ServerError, StorageError,
  ThrottledError, TimeoutError
} from '../../lib/errors.ts'
import type { StorageErrorOptions } from '../../lib/errors.ts'
import type { FailedAnswer } from '../../lib/http/connection.ts'
import { parseRetryAfter } from '../../lib/http/retry.ts'
import type { RetryPolicy } from '../../lib/http/retry.ts'
import { parseXml } from './xml.ts'

type ErrorClass = new (message: string, options?: StorageErrorOptions) => StorageError

export interface FailedOperation {
  /** `PutObject` */
  operation: string
  /** `put "videos/a.mp4"` */
  action: string
  now: number
}

/** R2 sends no body after HEAD, and the edge sends HTML: then the status alone names the error. */
const CODE_BY_STATUS: Record<number, string> = {
  304: 'NotModified',
  400: 'InvalidRequest',
  401: 'Unauthorized',
  403: 'AccessDenied',
  404: 'NoSuchKey',
  409: 'Conflict',
  411: 'MissingContentLength',
  412: 'PreconditionFailed',
  416: 'InvalidRange',
  429: 'Throttled',
  500: 'InternalError',
  501: 'NotImplemented',
  503: 'ServiceUnavailable'
}

const CLASS_BY_STATUS: Record<number, ErrorClass> = {
  304: NotModifiedError,
  401: AuthenticationError,
  403: AuthenticationError,
  404: NotFoundError,
  409: ConflictError,
  412: PreconditionFailedError,
  429: ThrottledError
}

/** Codes that tell more than their status. `SlowDown` and `TooMuchConcurrency` are throttles under whatever status. */
const THROTTLES = new Set(['SlowDown', 'TooMuchConcurrency', 'TooManyRequests'])

/** The body arrived short or changed: the bytes are held in memory, so that sending them again may do. */
const TEMPORARY_CODES = new Set([
  'IncompleteBody', 'ClientDisconnect', 'RequestTimeout', 'InternalError', 'ServiceUnavailable', 'BadDigest', 'XAmzContentSHA256Mismatch'
])

export function toStorageError (answer: FailedAnswer, failed: FailedOperation): StorageError {
  const { code: serviceCode, message } = readError(answer.body)
  const { status } = answer
  const ErrorType = errorClass(status, serviceCode)
  const code = ErrorType === ThrottledError ? 'Throttled' : serviceCode ?? CODE_BY_STATUS[status] ?? `Http${status}`
  const retryAfterMs = parseRetryAfter(answer.headers['retry-after'], failed.now)
  const requestId = answer.headers['cf-ray'] ?? answer.headers['x-amz-request-id']
  return new ErrorType(`Cannot ${failed.action}: ${describe(status, serviceCode ?? CODE_BY_STATUS[status], message)}`, {
    code,
    operation: failed.operation,
    status,
    temporary: isTemporary(status, serviceCode),
    ...(serviceCode === undefined ? {} : { serviceCode }),
    ...(requestId === undefined ? {} : { requestId }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs })
  })
}

function describe (status: number, code: string | undefined, message: string | undefined): string {
  const named = code === undefined ? String(status) : `${status} ${code}`
  return message === undefined || message === '' ? named : `${named} (${message})`
}

function readError (body: string): { code?: string, message?: string } {
  if (!body.includes('<Error')) return {}
  try {
    const { root, values } = parseXml(body)
    return root === 'Error' && values['Code'] !== undefined ? { code: values['Code'], message: values['Message'] ?? '' } : {}
  } catch (error) {
    if (error instanceof StorageError) return {} // The status still names the error.
    throw error
  }
}

function errorClass (status: number, code: string | undefined): ErrorClass {
  if (code !== undefined && THROTTLES.has(code)) return ThrottledError
  if (status >= 500 && status !== 501) return ServerError
  // An error in the body of a 200: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
  if (status === 200) return code !== undefined && TEMPORARY_CODES.has(code) ? ServerError : StorageError
  return CLASS_BY_STATUS[status] ?? StorageError
}

function isTemporary (status: number, code: string | undefined): boolean {
  if (code !== undefined && (THROTTLES.has(code) || TEMPORARY_CODES.has(code))) return true
  return status === 408 || status === 429 || (status >= 500 && status !== 501)
}

/** The table of the specification (R2A 11.2); its configuration (R2A 5.4) serves other temporary errors. */
const RETRY_TABLE = {
  throttled: { retries: 5, initialMs: 1000, maxMs: 30_000 },
  server: { retries: 3, initialMs: 1000, maxMs: 30_000 },
  timeout: { retries: 3, initialMs: 500, maxMs: 10_000 },
  network: { retries: 3, initialMs: 500, maxMs: 10_000 },
  other: { retries: 3, initialMs: 100, maxMs: 30_000 }
} satisfies Record<string, RetryPolicy>

export function retryPolicyFor (error: StorageError): RetryPolicy {
  if (error instanceof ThrottledError) return RETRY_TABLE.throttled
  if (error instanceof ServerError) return RETRY_TABLE.server
  if (error instanceof TimeoutError) return RETRY_TABLE.timeout
  if (error instanceof NetworkError) return RETRY_TABLE.network
  return RETRY_TABLE.other
}
