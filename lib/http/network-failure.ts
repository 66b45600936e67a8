import { AbortError, NetworkError, StorageError, TimeoutError } from '../errors.ts'

const TIMEOUTS: Record<string, string> = {
  UND_ERR_CONNECT_TIMEOUT: 'The connection was not made in time',
  UND_ERR_HEADERS_TIMEOUT: 'The answer did not start in time',
  UND_ERR_BODY_TIMEOUT: 'The answer stalled',
  ETIMEDOUT: 'The connection timed out'
}

/** A certificate that is wrong now is wrong a second later too. */
const LASTING = /^(CERT_|ERR_TLS|ERR_SSL|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE)/

/** There was no connection yet, so that no byte of the request has left. Other errors of TLS may come later. */
const UNCONNECTED = /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|UND_ERR_CONNECT_TIMEOUT|CERT_|ERR_TLS_CERT|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE)/

/** Programming errors of the caller of undici, which are not the network's doing. */
const MISUSE = new Set(['UND_ERR_INVALID_ARG', 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH', 'UND_ERR_NOT_SUPPORTED'])

/** The typed form of an error that undici or a socket raised. */
export function networkFailure (error: Error): Error {
  if (error instanceof StorageError || error instanceof AbortError) return error
  const code = errorCode(error)
  if (MISUSE.has(code)) return error
  const timeout = TIMEOUTS[code]
  if (timeout !== undefined) return new TimeoutError(timeout, { serviceCode: code, temporary: true, cause: error })
  return new NetworkError(describe(error, code), { ...(code === '' ? {} : { serviceCode: code }), temporary: !LASTING.test(code), cause: error })
}

/** Whether the request cannot have reached the service. */
export function wasNeverSent ({ serviceCode = '' }: StorageError): boolean {
  return UNCONNECTED.test(serviceCode)
}

function errorCode (error: Error): string {
  const code: unknown = 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : ''
}

/** An `AggregateError` of several addresses has an empty message. */
function describe (error: Error, code: string): string {
  if (error.message !== '') return `The connection failed: ${error.message}`
  return `The connection failed: ${code === '' ? error.name : code}`
}
