import t from 'tap'
import { NetworkError, ServerError, StorageError, ThrottledError, TimeoutError } from '../../../lib/errors.ts'
import { retryPolicyFor, toStorageError } from '../../../streams/r2/errors.ts'
import { errorXml } from './support/answers.ts'

const NOW = Date.UTC(2025, 0, 2, 3, 4, 5)
const FAILED = { operation: 'PutObject', action: 'put "k"', now: NOW }

/** https://developers.cloudflare.com/r2/api/error-codes/ */
const TABLE: Array<[status: number, serviceCode: string, name: string, code: string, temporary: boolean]> = [
  [400, 'InvalidArgument', 'StorageError', 'InvalidArgument', false],
  [400, 'InvalidRequest', 'StorageError', 'InvalidRequest', false],
  [400, 'InvalidRegionName', 'StorageError', 'InvalidRegionName', false],
  [400, 'InvalidBucketName', 'StorageError', 'InvalidBucketName', false],
  [400, 'InvalidObjectName', 'StorageError', 'InvalidObjectName', false],
  [400, 'MetadataTooLarge', 'StorageError', 'MetadataTooLarge', false],
  [400, 'EntityTooLarge', 'StorageError', 'EntityTooLarge', false],
  [400, 'EntityTooSmall', 'StorageError', 'EntityTooSmall', false],
  [400, 'InvalidPart', 'StorageError', 'InvalidPart', false],
  [400, 'MalformedXML', 'StorageError', 'MalformedXML', false],
  [400, 'BadDigest', 'StorageError', 'BadDigest', true],
  [400, 'XAmzContentSHA256Mismatch', 'StorageError', 'XAmzContentSHA256Mismatch', true],
  [400, 'IncompleteBody', 'StorageError', 'IncompleteBody', true],
  [400, 'ClientDisconnect', 'StorageError', 'ClientDisconnect', true],
  [400, 'RequestTimeout', 'StorageError', 'RequestTimeout', true],
  [401, 'Unauthorized', 'AuthenticationError', 'Unauthorized', false],
  [403, 'AccessDenied', 'AuthenticationError', 'AccessDenied', false],
  [403, 'SignatureDoesNotMatch', 'AuthenticationError', 'SignatureDoesNotMatch', false],
  [403, 'RequestTimeTooSkewed', 'AuthenticationError', 'RequestTimeTooSkewed', false],
  [403, 'ExpiredRequest', 'AuthenticationError', 'ExpiredRequest', false],
  [404, 'NoSuchBucket', 'NotFoundError', 'NoSuchBucket', false],
  [404, 'NoSuchKey', 'NotFoundError', 'NoSuchKey', false],
  [404, 'NoSuchUpload', 'NotFoundError', 'NoSuchUpload', false],
  [409, 'BucketNotEmpty', 'ConflictError', 'BucketNotEmpty', false],
  [409, 'BucketAlreadyOwnedByYou', 'ConflictError', 'BucketAlreadyOwnedByYou', false],
  [411, 'MissingContentLength', 'StorageError', 'MissingContentLength', false],
  [412, 'PreconditionFailed', 'PreconditionFailedError', 'PreconditionFailed', false],
  [416, 'InvalidRange', 'StorageError', 'InvalidRange', false],
  [429, 'ServiceUnavailable', 'ThrottledError', 'Throttled', true],
  [429, 'TooManyRequests', 'ThrottledError', 'Throttled', true],
  [500, 'InternalError', 'ServerError', 'InternalError', true],
  [500, 'TooMuchConcurrency', 'ThrottledError', 'Throttled', true],
  [501, 'NotImplemented', 'StorageError', 'NotImplemented', false],
  [503, 'ServiceUnavailable', 'ServerError', 'ServiceUnavailable', true],
  [503, 'SlowDown', 'ThrottledError', 'Throttled', true],
  [400, 'NeverSeenBefore', 'StorageError', 'NeverSeenBefore', false]
]

for (const [status, serviceCode, name, code, temporary] of TABLE) {
  t.test(`toStorageError() names ${status} ${serviceCode}`, t => {
    const error = toStorageError({ status, headers: { 'cf-ray': 'ray-1' }, body: errorXml(serviceCode, 'It&apos;s so.') }, FAILED)
    t.match(error, {
      name, code, serviceCode, status, temporary, operation: 'PutObject', requestId: 'ray-1', attempts: 1, message: `Cannot put "k": ${status} ${serviceCode} (It's so.)`
    })
    t.ok(error instanceof StorageError)
    t.end()
  })
}

/** What HEAD answers, and what comes from in between. */
const BODYLESS: Array<[status: number, name: string, code: string, temporary: boolean]> = [
  [304, 'NotModifiedError', 'NotModified', false],
  [400, 'StorageError', 'InvalidRequest', false],
  [401, 'AuthenticationError', 'Unauthorized', false],
  [403, 'AuthenticationError', 'AccessDenied', false],
  [404, 'NotFoundError', 'NoSuchKey', false],
  [408, 'StorageError', 'Http408', true],
  [409, 'ConflictError', 'Conflict', false],
  [411, 'StorageError', 'MissingContentLength', false],
  [412, 'PreconditionFailedError', 'PreconditionFailed', false],
  [416, 'StorageError', 'InvalidRange', false],
  [418, 'StorageError', 'Http418', false],
  [429, 'ThrottledError', 'Throttled', true],
  [500, 'ServerError', 'InternalError', true],
  [501, 'StorageError', 'NotImplemented', false],
  [502, 'ServerError', 'Http502', true],
  [503, 'ServerError', 'ServiceUnavailable', true],
  [504, 'ServerError', 'Http504', true],
  ...[520, 521, 522, 523, 524, 525, 526].map(status => [status, 'ServerError', `Http${status}`, true] as [number, string, string, boolean])
]

for (const [status, name, code, temporary] of BODYLESS) {
  t.test(`toStorageError() names a ${status} that says nothing`, t => {
    t.match(toStorageError({ status, headers: {}, body: '' }, FAILED), { name, code, status, temporary, serviceCode: undefined, requestId: undefined })
    t.end()
  })
}

const STRANGE = [
  '<!DOCTYPE html><html><head><title>522</title></head><body>Connection timed out <Error></body></html>',
  'error code: 522',
  '{"error":"x"}',
  '<?xml version="1.0"?><Error><Code>Internal',
  '<Error></Error>',
  '<Errors><Error><Code>NoSuchKey</Code></Error></Errors>',
  '<!DOCTYPE x [<!ENTITY a "NoSuchKey">]><Error><Code>&a;</Code></Error>'
]

t.test('toStorageError() goes by the status when the body is not R2\'s', t => {
  for (const body of STRANGE) {
    t.match(toStorageError({ status: 522, headers: {}, body }, FAILED), { name: 'ServerError', code: 'Http522', temporary: true, serviceCode: undefined, message: 'Cannot put "k": 522' })
  }
  t.end()
})

t.test('toStorageError() reads Retry-After in seconds and as a date', t => {
  const after = (value: string): unknown => toStorageError({ status: 429, headers: { 'retry-after': value }, body: '' }, FAILED).retryAfterMs
  t.same([after('5'), after('Thu, 02 Jan 2025 03:04:12 GMT'), after('never')], [5000, 7000, undefined])
  t.end()
})

t.test('toStorageError() tells what is temporary in the body of a 200', t => {
  const inside = (code: string): StorageError => toStorageError({ status: 200, headers: {}, body: errorXml(code, 'm') }, FAILED)
  t.match(inside('InternalError'), { name: 'ServerError', temporary: true, status: 200, message: 'Cannot put "k": 200 InternalError (m)' })
  t.match(inside('SlowDown'), { name: 'ThrottledError', temporary: true })
  t.match(inside('AccessDenied'), { name: 'StorageError', code: 'AccessDenied', temporary: false })
  t.end()
})

t.test('toStorageError() takes the request id of other servers where there is no ray', t => {
  t.equal(toStorageError({ status: 500, headers: { 'x-amz-request-id': 'id' }, body: '' }, FAILED).requestId, 'id')
  t.end()
})

t.test('retryPolicyFor() is the table of the specification', t => {
  t.same(retryPolicyFor(new ThrottledError('')), { retries: 5, initialMs: 1000, maxMs: 30_000 })
  t.same(retryPolicyFor(new ServerError('')), { retries: 3, initialMs: 1000, maxMs: 30_000 })
  t.same(retryPolicyFor(new TimeoutError('')), { retries: 3, initialMs: 500, maxMs: 10_000 })
  t.same(retryPolicyFor(new NetworkError('')), { retries: 3, initialMs: 500, maxMs: 10_000 })
  t.same(retryPolicyFor(new StorageError('')), { retries: 3, initialMs: 100, maxMs: 30_000 })
  t.end()
})
