/**
 * What a failed operation left behind on the service:
 * `clean` nothing; `checkpointed` a state that can be resumed; `orphan` a pending upload that could not be removed;
 * `stored` the whole object; `unknown` could not be found out.
 */
export type RemoteState = 'clean' | 'checkpointed' | 'orphan' | 'stored' | 'unknown'

export interface StorageErrorOptions {
  /** The leaf of the taxonomy, such as `NoSuchKey`, `Throttled` or `UploadSessionExpired`. */
  code?: string
  /** The service's own word, verbatim. */
  serviceCode?: string
  /** The operation, in the service's own naming, such as `PutObject`. */
  operation?: string
  status?: number
  requestId?: string
  attempts?: number
  /** Whether the same request may succeed later. */
  temporary?: boolean
  /** How long the service asked to wait. */
  retryAfterMs?: number
  remote?: RemoteState
  cause?: unknown
}

/** What callers catch: every failure of a storage operation is one of these, an `AbortError`, or an error of the source. */
export class StorageError extends Error {
  override name = 'StorageError'
  readonly code: string
  readonly serviceCode: string | undefined
  operation: string | undefined
  readonly status: number | undefined
  readonly requestId: string | undefined
  attempts: number
  readonly temporary: boolean
  readonly retryAfterMs: number | undefined
  remote: RemoteState | undefined

  constructor (message: string, options: StorageErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = options.code ?? new.target.defaultCode
    this.serviceCode = options.serviceCode
    this.operation = options.operation
    this.status = options.status
    this.requestId = options.requestId
    this.attempts = options.attempts ?? 1
    this.temporary = options.temporary ?? false
    this.retryAfterMs = options.retryAfterMs
    this.remote = options.remote
  }

  /** The code that an error of this class has when nothing more exact is known. */
  static readonly defaultCode: string = 'StorageError'
}

/** An option or an environment variable is missing or malformed; nothing was sent. */
export class ConfigurationError extends StorageError {
  override name = 'ConfigurationError'
  static override readonly defaultCode: string = 'Configuration'
}

/** The service does not accept the credentials, or they do not permit the operation. */
export class AuthenticationError extends StorageError {
  override name = 'AuthenticationError'
  static override readonly defaultCode: string = 'Authentication'
}

export class NotFoundError extends StorageError {
  override name = 'NotFoundError'
  static override readonly defaultCode: string = 'NotFound'
}

export class ConflictError extends StorageError {
  override name = 'ConflictError'
  static override readonly defaultCode: string = 'Conflict'
}

export class PreconditionFailedError extends StorageError {
  override name = 'PreconditionFailedError'
  static override readonly defaultCode: string = 'PreconditionFailed'
}

/** The object is unchanged since the given `ifNoneMatch` or date: the answer to a conditional read, not a fault. */
export class NotModifiedError extends StorageError {
  override name = 'NotModifiedError'
  static override readonly defaultCode: string = 'NotModified'
}

export class ThrottledError extends StorageError {
  override name = 'ThrottledError'
  static override readonly defaultCode: string = 'Throttled'
}

export class ServerError extends StorageError {
  override name = 'ServerError'
  static override readonly defaultCode: string = 'ServerError'
}

/** The connection could not be made or broke. */
export class NetworkError extends StorageError {
  override name = 'NetworkError'
  static override readonly defaultCode: string = 'Network'
}

export class TimeoutError extends StorageError {
  override name = 'TimeoutError'
  static override readonly defaultCode: string = 'Timeout'
}

/** The circuit breaker is open: the request was not sent. `retryAfterMs` says when a probe is let through. */
export class CircuitOpenError extends StorageError {
  override name = 'CircuitOpenError'
  static override readonly defaultCode: string = 'CircuitOpen'
}

/** The object was replaced while it was read; the bytes delivered so far belong to `expected`. */
export class ObjectChangedError extends StorageError {
  override name = 'ObjectChangedError'
  static override readonly defaultCode: string = 'ObjectChanged'
  readonly expected: string
  readonly found: string | undefined

  constructor (message: string, options: StorageErrorOptions & { expected: string, found?: string | undefined }) {
    super(message, options)
    this.expected = options.expected
    this.found = options.found
  }
}

/** The bytes are not the bytes that were meant. Digests are lower-case hex unless the algorithm's service form differs. */
export class DigestMismatchError extends StorageError {
  override name = 'DigestMismatchError'
  static override readonly defaultCode: string = 'DigestMismatch'
  readonly expected: string
  readonly found: string
  readonly algorithm: string
  /** How many bytes were hashed. */
  readonly size: number

  constructor (message: string, options: StorageErrorOptions & { expected: string, found: string, algorithm: string, size: number }) {
    super(message, options)
    this.expected = options.expected
    this.found = options.found
    this.algorithm = options.algorithm
    this.size = options.size
  }
}

/** A stream turned out longer or shorter than it was declared, in bytes. */
export class SizeMismatchError extends StorageError {
  override name = 'SizeMismatchError'
  static override readonly defaultCode: string = 'SizeMismatch'
  readonly expected: number
  readonly found: number

  constructor (message: string, options: StorageErrorOptions & { expected: number, found: number }) {
    super(message, options)
    this.expected = options.expected
    this.found = options.found
  }
}

/** A recording does not hold what was asked for, or does not hold it whole. The same request will not do better. */
export class ReplayError extends StorageError {
  override name = 'ReplayError'
  static override readonly defaultCode: string = 'Replay'
}

/** Node's own shape for an aborted operation, with the reason of the signal as its cause. */
export class AbortError extends Error {
  override name = 'AbortError'
  readonly code = 'ABORT_ERR'
  remote: RemoteState | undefined

  constructor (reason?: unknown, message = 'The operation was aborted') {
    super(message, { cause: reason })
  }
}
