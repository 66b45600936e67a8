import { NotFoundError, ServerError, StorageError, ThrottledError } from '../../../../lib/errors.ts'
import type { HttpRequest, HttpResponse, Operation } from '../../../../lib/http/call.ts'
import type { ClientOptions } from '../../../../lib/http/client-options.ts'
import { Connection } from '../../../../lib/http/connection.ts'
import type { FailedAnswer, Service } from '../../../../lib/http/connection.ts'
import { parseRetryAfter } from '../../../../lib/http/retry.ts'
import type { RetryPolicy } from '../../../../lib/http/retry.ts'
import { silentLogger } from '../../../../lib/http/logger.ts'

type Plain = Operation<unknown>

/** The least that a service can be: no credentials, errors by status, one row for all of them. */
export class PlainService implements Service<Plain> {
  readonly name = 'plain'
  readonly metrics = {
    requests: { name: 'plain_requests', description: 'Requests' },
    duration: { name: 'plain_duration', description: 'Duration', buckets: [1, 2] },
    bytes: { name: 'plain_bytes', description: 'Bytes' },
    errors: { name: 'plain_errors', description: 'Errors' }
  }

  readonly attributes = { 'plain.account': 'me' }
  readonly timeouts = { connectMs: 1000, headersMs: 5000, bodyIdleMs: 5000, operationMs: 10_000 }
  readonly breaker = { failureThreshold: 5, resetMs: 30_000, successThreshold: 3 }
  prepared = 0
  readonly #origin: string

  constructor (origin: string) {
    this.#origin = origin
  }

  policyFor (): RetryPolicy {
    return { retries: 3, initialMs: 1000, maxMs: 30_000 }
  }

  prepare ({ method, body, headers = {} }: Plain): HttpRequest {
    this.prepared++
    return { origin: this.#origin, target: `/${this.prepared}`, method, headers, ...(body === undefined ? {} : { body }) }
  }

  toError ({ status, headers, body }: FailedAnswer, operation: Plain): StorageError {
    const retryAfterMs = parseRetryAfter(headers['retry-after'], 0)
    const options = {
      status, operation: operation.description.name, temporary: status === 429 || status >= 500, ...(retryAfterMs === undefined ? {} : { retryAfterMs })
    }
    const message = `Cannot ${operation.action}: ${status} ${body}`.trimEnd()
    if (status === 429) return new ThrottledError(message, options)
    if (status === 404) return new NotFoundError(message, options)
    return status >= 500 ? new ServerError(message, options) : new StorageError(message, options)
  }
}

export function plainConnection (origin: string, options: ClientOptions = {}, service = new PlainService(origin)): Connection<Plain> {
  return new Connection(service, { logger: silentLogger, ...options })
}

/** An operation whose result is the text of the answer. */
export function readText (overrides: Partial<Operation<string>> = {}): Operation<string> {
  return {
    description: { name: 'ReadText', span: 'plain.read_text', begin: 'Reading', end: 'Text read', missing: 'Text not found', failed: 'Failed to read' },
    action: 'read the text',
    method: 'GET',
    labels: { bucket: 'b' },
    subject: { bucket: 'b', key: 'k' },
    read: async response => (await response.body.collect(1000)).toString(),
    ...overrides
  }
}

/** An operation whose result is the body, unread. */
export function openBody (): Operation<HttpResponse['body']> {
  return {
    description: { name: 'OpenBody', span: 'plain.open_body', begin: 'Opening', end: 'Body read', missing: 'Body not found', failed: 'Failed to open' },
    action: 'open the body',
    method: 'GET',
    labels: { bucket: 'b' },
    subject: { bucket: 'b', key: 'k' },
    streams: true,
    read: response => response.body
  }
}
