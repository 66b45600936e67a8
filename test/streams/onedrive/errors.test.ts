import t from 'tap'
import type { StorageError } from '../../../lib/errors.ts'
import { NetworkError, ServerError, ThrottledError, TimeoutError } from '../../../lib/errors.ts'
import { ResyncRequiredError, retryPolicyFor, toStorageError } from '../../../streams/onedrive/errors.ts'
import type { Answerer } from '../../../streams/onedrive/errors.ts'
import { errorBody } from './support/answers.ts'

const NOW = Date.UTC(2025, 0, 2, 3, 4, 5)

function failure (status: number, body = '', answerer: Answerer = 'graph', headers: Record<string, string> = {}, operation = 'GetItem'): StorageError {
  return toStorageError({ status, headers, body }, { operation, action: 'get "/a"', answerer, now: NOW })
}

/** The tables of sections 3.3 and 8 of the facts. */
const TABLE: Array<[answerer: Answerer, status: number, codes: string[], name: string, code: string, temporary: boolean]> = [
  ['graph', 304, [], 'NotModifiedError', 'NotModified', false],
  ['graph', 400, ['invalidRequest'], 'StorageError', 'InvalidRequest', false],
  ['graph', 400, ['invalidRequest', 'pathIsTooLong'], 'StorageError', 'PathTooLong', false],
  ['graph', 400, ['invalidRequest', 'maxFileSizeExceeded'], 'StorageError', 'FileTooLarge', false],
  ['graph', 400, ['notAllowed', 'preconditionFailed'], 'PreconditionFailedError', 'PreconditionFailed', false],
  ['graph', 400, ['notAllowed', 'resourceLocked'], 'ConflictError', 'Locked', false],
  ['graph', 401, ['InvalidAuthenticationToken'], 'AuthenticationError', 'Unauthorized', false],
  ['graph', 403, ['accessDenied'], 'AuthenticationError', 'Forbidden', false],
  ['graph', 403, ['malwareDetected'], 'StorageError', 'MalwareDetected', false],
  ['graph', 404, ['itemNotFound'], 'NotFoundError', 'NotFound', false],
  ['graph', 409, ['nameAlreadyExists'], 'ConflictError', 'Conflict', false],
  ['graph', 409, ['resourceModified'], 'PreconditionFailedError', 'PreconditionFailed', false],
  ['graph', 410, ['resyncRequired', 'resyncApplyDifferences'], 'ResyncRequiredError', 'ResyncRequired', false],
  ['graph', 412, ['resourceModified'], 'PreconditionFailedError', 'PreconditionFailed', false],
  ['graph', 413, [], 'StorageError', 'FileTooLarge', false],
  ['graph', 416, ['invalidRange'], 'StorageError', 'InvalidRange', false],
  ['graph', 423, ['resourceLocked'], 'ConflictError', 'Locked', false],
  ['graph', 423, ['accessDenied'], 'ConflictError', 'Locked', false],
  ['graph', 424, [], 'StorageError', 'FailedDependency', false],
  ['graph', 429, ['activityLimitReached', 'throttledRequest'], 'ThrottledError', 'Throttled', true],
  ['graph', 500, ['generalException'], 'ServerError', 'ServerError', true],
  ['graph', 501, ['notSupported'], 'StorageError', 'NotSupported', false],
  ['graph', 502, [], 'ServerError', 'ServerError', true],
  ['graph', 503, ['serviceNotAvailable'], 'ServerError', 'ServiceUnavailable', true],
  ['graph', 503, ['activityLimitReached'], 'ThrottledError', 'Throttled', true],
  ['graph', 504, ['UnknownError'], 'ServerError', 'ServerError', true],
  ['graph', 507, ['quotaLimitReached'], 'StorageError', 'InsufficientStorage', false],
  ['graph', 509, [], 'ThrottledError', 'Throttled', true],
  ['graph', 302, [], 'StorageError', 'Redirected', true],
  ['session', 401, ['unauthenticated', 'expiredToken'], 'NotFoundError', 'UploadSessionExpired', false],
  ['session', 403, ['accessDenied'], 'NotFoundError', 'UploadSessionExpired', false],
  ['session', 404, ['itemNotFound'], 'NotFoundError', 'UploadSessionExpired', false],
  ['session', 400, ['invalidRequest', 'uploadSessionNotFound'], 'NotFoundError', 'UploadSessionExpired', false],
  ['session', 409, ['nameAlreadyExists'], 'ConflictError', 'Conflict', false],
  ['session', 416, ['invalidRange', 'fragmentOverlap'], 'StorageError', 'InvalidRange', false],
  ['session', 507, ['quotaLimitReached'], 'StorageError', 'InsufficientStorage', false],
  ['download', 401, [], 'StorageError', 'DownloadUrlExpired', true],
  ['download', 403, [], 'StorageError', 'DownloadUrlExpired', true],
  ['download', 404, [], 'StorageError', 'DownloadUrlExpired', true],
  ['download', 403, ['malwareDetected'], 'StorageError', 'MalwareDetected', false]
]

t.test('toStorageError() names every answer of the table', async t => {
  for (const [answerer, status, codes, name, code, temporary] of TABLE) {
    const error = failure(status, codes.length === 0 ? '' : errorBody(codes, answerer === 'graph' ? 'innerError' : 'innererror'), answerer)
    t.match({ name: error.name, code: error.code, temporary: error.temporary, status: error.status, serviceCode: error.serviceCode },
      { name, code, temporary, status, serviceCode: codes.at(-1) }, `${answerer} ${status} ${codes.join('/')}`)
  }
})

t.test('toStorageError() of a refused fragment is ChunkUploadFailed', async t => {
  t.equal(failure(400, errorBody(['invalidRequest']), 'session', {}, 'UploadFragment').code, 'ChunkUploadFailed')
  t.equal(failure(400, errorBody(['invalidRequest', 'uploadSessionNotFound']), 'session', {}, 'UploadFragment').code, 'UploadSessionExpired')
})

t.test('toStorageError() reads HTML, nothing, and codes without a name', async t => {
  t.match(failure(504, '<html>Gateway</html>'), { message: 'Cannot get "/a": 504 ServerError', serviceCode: undefined })
  t.match(failure(403, '<html>', 'download', { 'x-virus-infected': 'yes' }), { code: 'MalwareDetected' })
  t.match(failure(400, '{"error":{"code":"","message":"no"}}'), { message: 'Cannot get "/a": 400 InvalidRequest (no)' })
  t.match(failure(400, '{"error":{"code":"invalidRequest","message":"API not found"}}'), { message: 'Cannot get "/a": 400 invalidRequest (API not found)' })
  t.match(failure(418), { code: 'Http418' })
})

t.test('toStorageError() takes the longer of Retry-After and the reset of the budget', async t => {
  t.equal(failure(429, '', 'graph', { 'retry-after': '30' }).retryAfterMs, 30_000)
  t.equal(failure(429, '', 'graph', { 'retry-after': '30', 'ratelimit-reset': '45' }).retryAfterMs, 45_000)
  t.equal(failure(429, '', 'graph', { 'ratelimit-reset': '45' }).retryAfterMs, 45_000)
  t.equal(failure(503, '', 'graph', { 'retry-after': new Date(NOW + 7000).toUTCString() }).retryAfterMs, 7000)
  t.equal(failure(404, '', 'graph', { 'ratelimit-reset': '45' }).retryAfterMs, undefined)
})

t.test('toStorageError() keeps what finds the request again', async t => {
  t.match(failure(500, '', 'graph', { 'request-id': 'r1' }), { requestId: 'r1', operation: 'GetItem' })
})

t.test('toStorageError() of a forgotten token tells what to do and where', async t => {
  const error = failure(410, errorBody(['resyncChangesUploadDifferences']), 'graph', { location: 'https://graph/delta?token=N' })
  t.ok(error instanceof ResyncRequiredError)
  t.match(error, { kind: 'uploadDifferences', link: 'https://graph/delta?token=N' })
  t.match(failure(410, errorBody(['resyncRequired', 'resyncApplyDifferences'])), { kind: 'applyDifferences', link: undefined })
})

t.test('retryPolicyFor() has a row for each kind of error', async t => {
  t.match(retryPolicyFor(new ThrottledError('')), { retries: 5, maxMs: 300_000 })
  t.match(retryPolicyFor(new ServerError('')), { retries: 3, initialMs: 1000 })
  t.match(retryPolicyFor(new NetworkError('')), { retries: 3, initialMs: 500 })
  t.match(retryPolicyFor(new TimeoutError('')), { retries: 3, initialMs: 500 })
  t.match(retryPolicyFor(new ServerError(''), { retries: 9 }), { retries: 9, initialMs: 1000 })
})

t.test('retryPolicyFor() lets nothing be sent twice that may be done already', async t => {
  for (const operation of ['UploadFragment', 'CopyItem', 'CommitUploadSession']) {
    t.match(retryPolicyFor(new NetworkError('', { operation }), { retries: 9 }), { retries: 0 }, operation)
  }
  t.match(retryPolicyFor(new ThrottledError('', { operation: 'CopyItem' })), { retries: 5 }, 'a throttled copy was not begun')
  t.match(retryPolicyFor(new ThrottledError('', { operation: 'UploadFragment' })), { retries: 0 }, 'the session asks first')
})
