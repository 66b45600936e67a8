import { inspect } from 'node:util'
import t from 'tap'
import * as errors from '../../lib/errors.ts'
import { AbortError, DigestMismatchError, ObjectChangedError, SizeMismatchError, StorageError } from '../../lib/errors.ts'

const CODES: Array<[name: Exclude<keyof typeof errors, 'AbortError' | 'ObjectChangedError' | 'DigestMismatchError' | 'SizeMismatchError'>, code: string]> = [
  ['StorageError', 'StorageError'],
  ['ConfigurationError', 'Configuration'],
  ['AuthenticationError', 'Authentication'],
  ['NotFoundError', 'NotFound'],
  ['ConflictError', 'Conflict'],
  ['PreconditionFailedError', 'PreconditionFailed'],
  ['NotModifiedError', 'NotModified'],
  ['ThrottledError', 'Throttled'],
  ['ServerError', 'ServerError'],
  ['NetworkError', 'Network'],
  ['TimeoutError', 'Timeout'],
  ['CircuitOpenError', 'CircuitOpen']
]

for (const [name, code] of CODES) {
  t.test(`${name} is a StorageError with its name and its code`, t => {
    const error = new errors[name]('what happened')
    t.ok(error instanceof StorageError)
    t.match(error, { name, code, message: 'what happened', attempts: 1, temporary: false })
    t.match(inspect(error), new RegExp(`^${name}: what happened`))
    t.end()
  })
}

t.test('StorageError takes what is known and leaves the rest undefined', t => {
  const cause = new Error('socket')
  const known = {
    code: 'NoSuchKey', serviceCode: 'NoSuchKey', operation: 'GetObject', status: 404, requestId: 'ray', attempts: 3, temporary: true, retryAfterMs: 5, remote: 'clean', cause
  } as const
  const error = new StorageError('Cannot get "k"', known)
  t.match(error, known)
  const bare = new StorageError('x')
  t.same([bare.serviceCode, bare.operation, bare.status, bare.requestId, bare.retryAfterMs, bare.remote], new Array(6).fill(undefined))
  t.notOk('cause' in bare)
  t.end()
})

t.test('DigestMismatchError, SizeMismatchError and ObjectChangedError carry what was expected and found', t => {
  t.match(new DigestMismatchError('m', { expected: 'aa', found: 'bb', algorithm: 'md5', size: 2 }), { name: 'DigestMismatchError', code: 'DigestMismatch', expected: 'aa', found: 'bb', algorithm: 'md5', size: 2 })
  t.match(new SizeMismatchError('m', { expected: 1, found: 2 }), { name: 'SizeMismatchError', code: 'SizeMismatch', expected: 1, found: 2 })
  t.match(new ObjectChangedError('m', { expected: '"a"' }), { name: 'ObjectChangedError', code: 'ObjectChanged', expected: '"a"', found: undefined })
  t.end()
})

t.test('AbortError has the shape of Node and keeps the reason of the signal', t => {
  const reason = new Error('enough')
  const error = new AbortError(AbortSignal.abort(reason).reason)
  t.match(error, { name: 'AbortError', code: 'ABORT_ERR', message: 'The operation was aborted' })
  t.equal(error.cause, reason)
  t.notOk(error instanceof StorageError)
  t.end()
})
