import t from 'tap'
import type { StorageError } from '../../../lib/errors.ts'
import { ConfigurationError, NetworkError, TimeoutError } from '../../../lib/errors.ts'
import { classify, isConflict, retryPolicyFor, toStorageError } from '../../../streams/azure-files/errors.ts'
import type { ResourceKind } from '../../../streams/azure-files/wire.ts'

const NOW = Date.UTC(2024, 2, 1)

function fail (status: number, serviceCode?: string, options: { kind?: ResourceKind, headers?: Record<string, string>, body?: string } = {}): StorageError {
  const { kind = 'file', headers = {}, body = '' } = options
  const code = serviceCode === undefined ? {} : { 'x-ms-error-code': serviceCode }
  const operation = { kind, action: 'read "a"', description: { name: 'GetFile' }, range: { start: 5, end: 9 } }
  return toStorageError({ status, headers: { ...code, ...headers }, body }, operation, NOW)
}

// Status, code of the service; class, code, temporary, and the leaf of specification 5.1.
const TABLE: Array<[status: number, serviceCode: string | undefined, name: string, code: string, temporary: boolean, category: string, kind?: ResourceKind]> = [
  [400, 'InvalidHeaderValue', 'StorageError', 'InvalidHeaderValue', false, 'Configuration'],
  [400, 'InvalidResourceName', 'StorageError', 'InvalidResourceName', false, 'Configuration'],
  [400, 'ConditionHeadersNotSupported', 'StorageError', 'ConditionHeadersNotSupported', false, 'Configuration'],
  [400, 'Md5Mismatch', 'StorageError', 'DigestMismatch', true, 'Configuration'],
  [401, undefined, 'AuthenticationError', 'AuthorizationFailure', false, 'Authentication'],
  [400, 'InvalidAuthenticationInfo', 'AuthenticationError', 'InvalidAuthenticationInfo', false, 'Authentication'],
  [403, 'AuthenticationFailed', 'AuthenticationError', 'AuthenticationFailed', false, 'Authentication'],
  [403, 'AuthorizationFailure', 'AuthenticationError', 'AuthorizationFailure', false, 'Authentication'],
  [403, 'AuthorizationPermissionMismatch', 'AuthenticationError', 'PermissionDenied', false, 'Authentication'],
  [403, 'InsufficientAccountPermissions', 'AuthenticationError', 'PermissionDenied', false, 'Authentication'],
  [403, undefined, 'AuthenticationError', 'PermissionDenied', false, 'Authentication'],
  [404, 'ResourceNotFound', 'NotFoundError', 'FileNotFound', false, 'File'],
  [404, 'ResourceNotFound', 'NotFoundError', 'DirectoryNotFound', false, 'Directory', 'directory'],
  [404, 'ParentNotFound', 'NotFoundError', 'ParentNotFound', false, 'Directory'],
  [404, 'ShareNotFound', 'NotFoundError', 'ShareNotFound', false, 'File'],
  [404, undefined, 'NotFoundError', 'FileNotFound', false, 'File'],
  [404, undefined, 'NotFoundError', 'ShareNotFound', false, 'File', 'share'],
  [409, 'ResourceAlreadyExists', 'ConflictError', 'FileAlreadyExists', false, 'File'],
  [409, 'ResourceAlreadyExists', 'ConflictError', 'DirectoryAlreadyExists', false, 'Directory', 'directory'],
  [409, 'DirectoryNotEmpty', 'ConflictError', 'DirectoryNotEmpty', false, 'Directory', 'directory'],
  [409, 'ResourceTypeMismatch', 'ConflictError', 'ResourceTypeMismatch', false, 'File'],
  [409, 'SharingViolation', 'ConflictError', 'FileLocked', true, 'File'],
  [409, 'FileLockConflict', 'ConflictError', 'FileLocked', true, 'File'],
  [409, 'DeletePending', 'ConflictError', 'FileLocked', true, 'File'],
  [409, 'ReadOnlyAttribute', 'ConflictError', 'ReadOnlyAttribute', false, 'File'],
  [409, 'NoPendingCopyOperation', 'ConflictError', 'NoPendingCopyOperation', false, 'File'],
  [409, 'FeatureVersionMismatch', 'ConflictError', 'FeatureVersionMismatch', false, 'File'],
  [409, undefined, 'ConflictError', 'Conflict', false, 'File'],
  [409, 'LeaseAlreadyPresent', 'LeaseError', 'LeaseAlreadyPresent', false, 'Lease'],
  [409, 'LeaseIdMismatchWithLeaseOperation', 'LeaseError', 'LeaseIdMismatch', false, 'Lease'],
  [409, 'LeaseNotPresentWithLeaseOperation', 'LeaseError', 'LeaseNotPresent', false, 'Lease'],
  [412, 'LeaseIdMismatchWithFileOperation', 'LeaseError', 'LeaseIdMismatch', false, 'Lease'],
  [412, 'LeaseNotPresentWithFileOperation', 'LeaseError', 'LeaseNotPresent', false, 'Lease'],
  [412, 'LeaseIdMissing', 'LeaseError', 'LeaseIdMissing', false, 'Lease'],
  [412, 'LeaseLost', 'LeaseError', 'LeaseLost', false, 'Lease'],
  [412, 'ConditionNotMet', 'PreconditionFailedError', 'ConditionNotMet', false, 'File'],
  [412, undefined, 'PreconditionFailedError', 'PreconditionFailed', false, 'File'],
  [413, 'RequestBodyTooLarge', 'StorageError', 'FileTooLarge', false, 'File'],
  [416, 'InvalidRange', 'InvalidRangeError', 'InvalidRange', false, 'File'],
  [429, undefined, 'ThrottledError', 'ServerBusy', true, 'Server'],
  [503, 'ServerBusy', 'ThrottledError', 'ServerBusy', true, 'Server'],
  [503, undefined, 'ServerError', 'ServiceUnavailable', true, 'Server'],
  [502, undefined, 'ServerError', 'ServiceUnavailable', true, 'Server'],
  [500, 'InternalError', 'ServerError', 'InternalError', true, 'Server'],
  [500, undefined, 'ServerError', 'InternalError', true, 'Server'],
  [500, 'OperationTimedOut', 'ServerError', 'OperationTimedOut', true, 'Server'],
  [500, 'ClientCacheFlushDelay', 'ServerError', 'ClientCacheFlushDelay', true, 'Server'],
  [408, undefined, 'TimeoutError', 'Timeout', true, 'Network']
]

for (const [status, serviceCode, name, code, temporary, category, kind] of TABLE) {
  t.test(`toStorageError() makes of ${status} ${serviceCode ?? 'without a code'}${kind === undefined ? '' : ` of a ${kind}`} a ${name} ${code}`, async t => {
    const error = fail(status, serviceCode, kind === undefined ? {} : { kind })
    t.match(error, { name, code, temporary, status, operation: 'GetFile', serviceCode })
    t.match(classify(error), { category })
  })
}

t.test('toStorageError() reads the code of the body where no header has it, and the first line of the message', async t => {
  const body = '\uFEFF<?xml version="1.0" encoding="utf-8"?><Error><Code>DirectoryNotEmpty</Code><Message>The specified directory is not empty.\nRequestId:7\nTime:now</Message></Error>'
  t.match(fail(409, undefined, { body, headers: { 'x-ms-request-id': '7' } }), {
    code: 'DirectoryNotEmpty', serviceCode: 'DirectoryNotEmpty', requestId: '7', message: 'Cannot read "a": 409 DirectoryNotEmpty (The specified directory is not empty.)'
  })
  t.match(fail(502, undefined, { body: '<html>Bad gateway</html>' }), { message: 'Cannot read "a": 502' })
  t.match(fail(500, 'InternalError', { body: '<Error><Code>' }), { message: 'Cannot read "a": 500 InternalError' })
})

t.test('toStorageError() tells an expired SAS and a wrong key apart', async t => {
  const detail = (text: string): { body: string } => ({ body: `<Error><Code>AuthenticationFailed</Code><Message>no</Message><AuthenticationErrorDetail>${text}</AuthenticationErrorDetail></Error>` })
  t.equal(fail(403, 'AuthenticationFailed', detail('Signature not valid in the specified time frame: Start - Expiry')).code, 'ExpiredSas')
  t.equal(fail(403, 'AuthenticationFailed', detail('Signed expiry time has to be after signed start time')).code, 'ExpiredSas')
  t.equal(fail(403, 'AuthenticationFailed', detail('The MAC signature found in the HTTP request is not the same')).code, 'InvalidKey')
  t.equal(fail(403, 'AuthenticationFailed', detail('Signature did not match')).code, 'InvalidKey')
})

t.test('toStorageError() tells a range what it missed', async t => {
  t.match(fail(416, 'InvalidRange', { headers: { 'content-range': 'bytes */4' } }), { start: 5, end: 9, size: 4, message: 'Cannot read "a": 416 InvalidRange, the file has 4 bytes' })
})

t.test('toStorageError() keeps the wait that the service asks for', async t => {
  t.equal(fail(503, 'ServerBusy', { headers: { 'retry-after': '3' } }).retryAfterMs, 3000)
})

t.test('retryPolicyFor() is the table of specification 6.1, which counts the first attempt', async t => {
  for (const [error, attempts, initialMs] of [
    [fail(503, 'ServerBusy'), 5, 1000],
    [fail(503), 3, 2000],
    [fail(500), 3, 1000],
    [new TimeoutError('late'), 3, 1000],
    [fail(500, 'OperationTimedOut'), 3, 1000],
    [fail(409, 'SharingViolation'), 5, 500],
    [new NetworkError('gone'), 3, 500]
  ] as const) t.match(retryPolicyFor(error), { retries: attempts - 1, initialMs }, error.code)
  t.equal(retryPolicyFor(new TimeoutError('late')).maxMs, 1000)
})

t.test('classify() and isConflict() know the specification\'s words', async t => {
  t.strictSame(classify(new NetworkError('x', { serviceCode: 'ENOTFOUND' })), { category: 'Network', leaf: 'DnsResolutionFailed' })
  t.strictSame(classify(new NetworkError('x', { serviceCode: 'ECONNREFUSED' })), { category: 'Network', leaf: 'ConnectionFailed' })
  t.strictSame(classify(new ConfigurationError('x', { code: 'InvalidPath' })), { category: 'Configuration', leaf: 'InvalidPath' })
  t.ok(isConflict(fail(409, 'LeaseAlreadyPresent')))
  t.ok(isConflict(fail(409, 'SharingViolation')))
  t.notOk(isConflict(fail(409, 'DirectoryNotEmpty')))
})
