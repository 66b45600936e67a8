import t from 'tap'
import { AbortError, NetworkError, StorageError, TimeoutError } from '../../../lib/errors.ts'
import { networkFailure, wasNeverSent } from '../../../lib/http/network-failure.ts'

const failure = (code: string, message = 'x'): Error => Object.assign(new Error(message), { code })

const TEMPORARY = ['ECONNRESET', 'ECONNREFUSED', 'EPIPE', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'UND_ERR_SOCKET']
const LASTING = ['DEPTH_ZERO_SELF_SIGNED_CERT', 'SELF_SIGNED_CERT_IN_CHAIN', 'CERT_HAS_EXPIRED', 'ERR_TLS_CERT_ALTNAME_INVALID', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'ERR_SSL_WRONG_VERSION_NUMBER']
const TIMEOUTS = ['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'ETIMEDOUT']

t.test('networkFailure() takes a broken connection for temporary and a wrong certificate for lasting', t => {
  for (const code of TEMPORARY) t.match(networkFailure(failure(code)), { name: 'NetworkError', temporary: true, serviceCode: code, message: 'The connection failed: x' })
  for (const code of LASTING) t.match(networkFailure(failure(code)), { name: 'NetworkError', temporary: false, serviceCode: code })
  for (const code of TIMEOUTS) t.match(networkFailure(failure(code)), { name: 'TimeoutError', temporary: true, serviceCode: code })
  t.end()
})

t.test('networkFailure() finds words for an error without a message', t => {
  const refused = Object.assign(new AggregateError([failure('ECONNREFUSED')]), { code: 'ECONNREFUSED' })
  t.match(networkFailure(refused), { message: 'The connection failed: ECONNREFUSED', cause: refused })
  t.match(networkFailure(new AggregateError([])), { message: 'The connection failed: AggregateError', serviceCode: undefined })
  t.end()
})

t.test('networkFailure() leaves errors that are typed already, and those of the program', t => {
  for (const error of [new NetworkError('a'), new TimeoutError('b'), new StorageError('c'), new AbortError(), failure('UND_ERR_INVALID_ARG')]) t.equal(networkFailure(error), error)
  t.end()
})

t.test('wasNeverSent() is sure only where there was no connection yet', t => {
  const sent = (code: string): boolean => !wasNeverSent(networkFailure(failure(code)) as StorageError)
  t.same(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT', 'CERT_HAS_EXPIRED', 'ERR_TLS_CERT_ALTNAME_INVALID', 'DEPTH_ZERO_SELF_SIGNED_CERT'].filter(sent), [])
  t.same(['ECONNRESET', 'EPIPE', 'EHOSTUNREACH', 'ETIMEDOUT', 'UND_ERR_SOCKET', 'UND_ERR_HEADERS_TIMEOUT', 'ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC'].filter(code => !sent(code)), [])
  t.ok(!wasNeverSent(new TimeoutError('No answer within 5 ms')))
  t.end()
})
