/**
 * From what Azure Files answers to typed errors, decided by `x-ms-error-code`: 404, 409 and 412 mean many things here.
 * Codes and statuses: https://learn.microsoft.com/rest/api/storageservices/file-service-error-codes, …/common-rest-api-error-codes
 */
import { parseContentRange } from '../../lib/bytes/byte-range.ts'
import {
  AbortError, AuthenticationError, ConfigurationError, ConflictError, NetworkError, NotFoundError, PreconditionFailedError, ServerError, StorageError,
  ThrottledError, TimeoutError
} from '../../lib/errors.ts'
import type { StorageErrorOptions } from '../../lib/errors.ts'
import type { FailedAnswer } from '../../lib/http/connection.ts'
import { parseRetryAfter } from '../../lib/http/retry.ts'
import type { RetryPolicy } from '../../lib/http/retry.ts'
import type { AzureOperation, ResourceKind } from './wire.ts'
import { parseXml } from './xml.ts'

/** The lease is somebody else's, is not there, or was lost. `code` says which. */
export class LeaseError extends ConflictError {
  override name = 'LeaseError'
  static override readonly defaultCode: string = 'Lease'
}

/** Bytes were asked for that the file does not have. Both ends are inside. */
export class InvalidRangeError extends StorageError {
  override name = 'InvalidRangeError'
  static override readonly defaultCode: string = 'InvalidRange'
  readonly start: number | undefined
  readonly end: number | undefined
  /** Bytes of the file, where the service told them. */
  readonly size: number | undefined

  constructor (message: string, options: StorageErrorOptions & { start?: number | undefined, end?: number | undefined, size?: number | undefined }) {
    super(message, options)
    this.start = options.start
    this.end = options.end
    this.size = options.size
  }
}

/** The file has another etag than the one that was remembered. */
export class EtagMismatchError extends PreconditionFailedError {
  override name = 'EtagMismatchError'
  readonly expected: string
  readonly actual: string

  constructor (message: string, options: StorageErrorOptions & { expected: string, actual: string }) {
    super(message, options)
    this.expected = options.expected
    this.actual = options.actual
  }
}

type ErrorClass = new (message: string, options?: StorageErrorOptions) => StorageError

/** Class, leaf of the specification's taxonomy where it has one for this code, and whether the same request may succeed later. */
type Row = readonly [type: ErrorClass, code?: string | undefined, temporary?: boolean | undefined]

const BY_CODE: Record<string, Row> = {
  ShareNotFound: [NotFoundError],
  ShareSnapshotNotFound: [NotFoundError],
  ParentNotFound: [NotFoundError],
  ShareBeingDeleted: [ConflictError],
  DirectoryNotEmpty: [ConflictError],
  ResourceTypeMismatch: [ConflictError],
  ReadOnlyAttribute: [ConflictError],
  NoPendingCopyOperation: [ConflictError],
  CannotVerifyCopySource: [ConflictError],
  // Somebody has it open through SMB, or an SMB delete is under way: it may end.
  SharingViolation: [ConflictError, 'FileLocked', true],
  FileLockConflict: [ConflictError, 'FileLocked', true],
  CannotDeleteFileOrDirectory: [ConflictError, 'FileLocked', true],
  DeletePending: [ConflictError, 'FileLocked', true],
  SMBDeletePending: [ConflictError, 'FileLocked', true],
  LeaseAlreadyPresent: [LeaseError],
  LeaseIdMissing: [LeaseError],
  LeaseIdMismatchWithLeaseOperation: [LeaseError, 'LeaseIdMismatch'],
  LeaseIdMismatchWithFileOperation: [LeaseError, 'LeaseIdMismatch'],
  LeaseNotPresentWithLeaseOperation: [LeaseError, 'LeaseNotPresent'],
  LeaseNotPresentWithFileOperation: [LeaseError, 'LeaseNotPresent'],
  LeaseIsBreakingAndCannotBeChanged: [LeaseError],
  LeaseIsBrokenAndCannotBeRenewed: [LeaseError],
  // The lock is gone: never tried again blindly.
  LeaseLost: [LeaseError],
  AuthorizationFailure: [AuthenticationError],
  AuthorizationPermissionMismatch: [AuthenticationError, 'PermissionDenied'],
  AuthorizationSourceIPMismatch: [AuthenticationError, 'PermissionDenied'],
  AuthorizationProtocolMismatch: [AuthenticationError, 'PermissionDenied'],
  AuthorizationServiceMismatch: [AuthenticationError, 'PermissionDenied'],
  AuthorizationResourceTypeMismatch: [AuthenticationError, 'PermissionDenied'],
  InsufficientAccountPermissions: [AuthenticationError, 'PermissionDenied'],
  InvalidAuthenticationInfo: [AuthenticationError],
  RequestBodyTooLarge: [StorageError, 'FileTooLarge'],
  Md5Mismatch: [StorageError, 'DigestMismatch', true],
  Crc64Mismatch: [StorageError, 'DigestMismatch', true],
  ServerBusy: [ThrottledError, 'ServerBusy', true],
  InternalError: [ServerError, 'InternalError', true],
  OperationTimedOut: [ServerError, 'OperationTimedOut', true],
  ClientCacheFlushDelay: [ServerError, 'ClientCacheFlushDelay', true]
}

/** For answers without a code, as of something in between, and for codes that say no more than their status. */
const BY_STATUS: Record<number, Row> = {
  401: [AuthenticationError, 'AuthorizationFailure'],
  403: [AuthenticationError, 'PermissionDenied'],
  409: [ConflictError, 'Conflict'],
  412: [PreconditionFailedError, 'PreconditionFailed'],
  429: [ThrottledError, 'ServerBusy', true],
  500: [ServerError, 'InternalError', true],
  503: [ServerError, 'ServiceUnavailable', true]
}

const MISSING: Record<ResourceKind, string> = { file: 'FileNotFound', directory: 'DirectoryNotFound', share: 'ShareNotFound', account: 'NotFound' }
const EXISTING: Record<ResourceKind, string> = { file: 'FileAlreadyExists', directory: 'DirectoryAlreadyExists', share: 'ShareAlreadyExists', account: 'Conflict' }

type FailedOperation = Pick<AzureOperation<unknown>, 'kind' | 'action' | 'range'> & { description: { name: string } }

export function toStorageError (answer: FailedAnswer, operation: FailedOperation, now: number): StorageError {
  const { status, headers } = answer
  const { code: bodyCode, message, detail } = readError(answer.body)
  // The header first: an answer to HEAD has no body.
  const serviceCode = headers['x-ms-error-code'] ?? bodyCode
  const [ErrorType, code, temporary = false] = rowFor(status, serviceCode, operation.kind, `${message} ${detail}`)
  const retryAfterMs = parseRetryAfter(headers['retry-after'], now)
  const requestId = headers['x-ms-request-id']
  const text = `Cannot ${operation.action}: ${describe(status, serviceCode, message)}`
  const options = {
    code: code ?? serviceCode ?? `Http${status}`,
    operation: operation.description.name,
    status,
    temporary,
    ...(serviceCode === undefined ? {} : { serviceCode }),
    ...(requestId === undefined ? {} : { requestId }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs })
  }
  if (status === 416) return invalidRange(text, options, headers, operation.range)
  return new ErrorType(text, options)
}

function rowFor (status: number, serviceCode: string | undefined, kind: ResourceKind, explanation: string): Row {
  if (serviceCode === 'AuthenticationFailed') return [AuthenticationError, authenticationCode(explanation)]
  if (serviceCode === 'ResourceAlreadyExists' || serviceCode === 'ShareAlreadyExists') return [ConflictError, EXISTING[kind]]
  const row = serviceCode === undefined ? undefined : BY_CODE[serviceCode]
  if (row !== undefined) return row
  if (status === 404) return [NotFoundError, MISSING[kind]]
  const [type, code, temporary] = BY_STATUS[status] ?? byClassOfStatus(status)
  return [type, serviceCode !== undefined && status < 500 ? serviceCode : code, temporary]
}

function byClassOfStatus (status: number): Row {
  if (status === 408) return [TimeoutError, 'Timeout', true]
  return status >= 500 ? [ServerError, 'ServiceUnavailable', status !== 501] : [StorageError]
}

function authenticationCode (explanation: string): string {
  if (/expir|Signed start|not valid in the specified time frame/i.test(explanation)) return 'ExpiredSas'
  return /MAC signature|Signature did not match/i.test(explanation) ? 'InvalidKey' : 'AuthenticationFailed'
}

function invalidRange (text: string, options: StorageErrorOptions, headers: Record<string, string>, range: { start: number, end: number } | undefined): InvalidRangeError {
  const stated = parseContentRange(headers['content-range'] ?? '')
  const size = stated?.kind === 'unsatisfied' ? stated.size : undefined
  const message = size === undefined ? text : `${text}, the file has ${size} bytes`
  return new InvalidRangeError(message, { ...options, code: 'InvalidRange', start: range?.start, end: range?.end, size })
}

function describe (status: number, code: string | undefined, message: string): string {
  const named = code === undefined ? String(status) : `${status} ${code}`
  return message === '' ? named : `${named} (${message})`
}

function readError (body: string): { code?: string, message: string, detail: string } {
  if (!body.includes('<Error')) return { message: '', detail: '' }
  try {
    const { root, values } = parseXml(body)
    if (root !== 'Error') return { message: '', detail: '' }
    // The first line; the others repeat request id and time.
    const message = (values['Message'] ?? '').split('\n', 1)[0]?.trim() ?? ''
    return { ...(values['Code'] === undefined ? {} : { code: values['Code'] }), message, detail: values['AuthenticationErrorDetail'] ?? '' }
  } catch (error) {
    if (error instanceof StorageError) return { message: '', detail: '' } // Header and status still name the error.
    throw error
  }
}

const CAP_MS = 60_000

/** Specification 6.1. It counts attempts: retries are one less. */
const RETRY_TABLE = {
  serverBusy: { retries: 4, initialMs: 1000, maxMs: CAP_MS },
  serviceUnavailable: { retries: 2, initialMs: 2000, maxMs: CAP_MS },
  internalError: { retries: 2, initialMs: 1000, maxMs: CAP_MS },
  timeout: { retries: 2, initialMs: 1000, maxMs: 1000 },
  fileLocked: { retries: 4, initialMs: 500, maxMs: CAP_MS },
  connectionFailed: { retries: 2, initialMs: 500, maxMs: CAP_MS }
} satisfies Record<string, RetryPolicy>

export function retryPolicyFor (error: StorageError): RetryPolicy {
  if (error instanceof ThrottledError) return RETRY_TABLE.serverBusy
  if (error instanceof TimeoutError || error.code === 'OperationTimedOut') return RETRY_TABLE.timeout
  if (error.code === 'FileLocked') return RETRY_TABLE.fileLocked
  if (error instanceof NetworkError) return RETRY_TABLE.connectionFailed
  return error instanceof ServerError && error.code === 'ServiceUnavailable' ? RETRY_TABLE.serviceUnavailable : RETRY_TABLE.internalError
}

export type ErrorCategory = 'Configuration' | 'Authentication' | 'File' | 'Directory' | 'Lease' | 'Network' | 'Server'

/** The place of an error in the specification's hierarchy (5.1): its category and its leaf. */
export function classify (error: StorageError): { category: ErrorCategory, leaf: string } {
  if (error instanceof ConfigurationError) return { category: 'Configuration', leaf: error.code }
  if (error instanceof AuthenticationError) return { category: 'Authentication', leaf: error.code }
  if (error instanceof LeaseError) return { category: 'Lease', leaf: error.code }
  if (error instanceof TimeoutError) return { category: 'Network', leaf: 'Timeout' }
  if (error instanceof NetworkError) return { category: 'Network', leaf: /^(ENOTFOUND|EAI_AGAIN)$/.test(error.serviceCode ?? '') ? 'DnsResolutionFailed' : 'ConnectionFailed' }
  if (error instanceof ServerError || error instanceof ThrottledError) return { category: 'Server', leaf: error.code }
  if (error.status === 400) return { category: 'Configuration', leaf: error.code }
  return { category: /^(Directory|Parent)/.test(error.code) ? 'Directory' : 'File', leaf: error.code }
}

/** Whether somebody else is in the way: an open file or a lease. */
export function isConflict (error: unknown): boolean {
  return error instanceof StorageError && (error.code === 'FileLocked' || error.code === 'LeaseAlreadyPresent')
}

/** The service may have done the work although no good answer came. */
export function isDoubtful (error: unknown): boolean {
  return error instanceof NetworkError || error instanceof TimeoutError || error instanceof ServerError ||
    (error instanceof StorageError && error.code === 'MalformedAnswer')
}

/** The service may have done the work in this attempt or an earlier one, whatever the last one answered. */
export function mayBeDone (error: unknown): boolean {
  return error instanceof AbortError || isDoubtful(error) || (error instanceof StorageError && error.attempts > 1)
}

/** What is asked for is not there: the file, its directory, or the share. */
export function isAbsent (error: unknown): error is NotFoundError {
  return error instanceof NotFoundError
}

/** The work was done by an earlier attempt whose answer was lost, if `error` is what the next one would then find. */
export function isDoneBefore (error: unknown, type: typeof NotFoundError | typeof LeaseError): boolean {
  return error instanceof type && error.attempts > 1
}
