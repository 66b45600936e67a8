/** Errors as undici and Node raise them, so that all above takes them for the real thing. */
import { constants } from 'node:os'
import { errors } from 'undici'
import type { ConnectTrouble, Trouble } from './mutations.ts'

interface Peer { hostname: string, port: number }

export function peerOf (origin: string | URL | undefined): Peer {
  const { hostname, port, protocol } = new URL(origin ?? 'https://unknown.invalid')
  return { hostname, port: port === '' ? protocol === 'http:' ? 80 : 443 : Number(port) }
}

export function connectFailure (trouble: ConnectTrouble, { hostname, port }: Peer): Error {
  switch (trouble) {
    case 'refused': return systemError('connect', 'ECONNREFUSED', `${hostname}:${port}`, { address: hostname, port })
    case 'unreachable': return systemError('connect', 'EHOSTUNREACH', `${hostname}:${port}`, { address: hostname, port })
    case 'unknown-host': return Object.assign(new Error(`getaddrinfo ENOTFOUND ${hostname}`), { errno: -3008, code: 'ENOTFOUND', syscall: 'getaddrinfo', hostname })
    case 'timeout': return new errors.ConnectTimeoutError(`Connect Timeout Error (attempted address: ${hostname}:${port})`)
    case 'tls-handshake': return coded('Client network socket disconnected before secure TLS connection was established', 'ECONNRESET', { host: hostname, port })
    case 'expired-certificate': return coded('certificate has expired', 'CERT_HAS_EXPIRED')
    case 'self-signed-certificate': return coded('self-signed certificate', 'DEPTH_ZERO_SELF_SIGNED_CERT')
    case 'wrong-host-certificate': return coded(`Hostname/IP does not match certificate's altnames: Host: ${hostname}. is not in the cert's altnames`, 'ERR_TLS_CERT_ALTNAME_INVALID', { host: hostname })
  }
}

/** The other side ends the connection unkindly: while we write, or while we read. */
export function resetFailure (syscall: 'read' | 'write'): Error {
  return systemError(syscall, 'ECONNRESET')
}

/** The other side ends the connection in good order, too early. */
export function closedFailure (): Error {
  return new errors.SocketError('other side closed')
}

export function protocolFailure (trouble: NonNullable<Trouble['protocol']>): Error {
  switch (trouble) {
    // undici gives it no code.
    case 'garbage': return new errors.HTTPParserError('Response does not match the HTTP/1.1 protocol (Expected HTTP/, RTSP/ or ICE/)')
    case 'header-overflow': return new errors.HeadersOverflowError()
    case 'length-mismatch': return new errors.ResponseContentLengthMismatchError()
  }
}

export function stalledFailure (place: 'headers' | 'body'): Error {
  return place === 'headers' ? new errors.HeadersTimeoutError() : new errors.BodyTimeoutError()
}

function systemError (syscall: string, code: 'ECONNREFUSED' | 'EHOSTUNREACH' | 'ECONNRESET', subject = '', fields: object = {}): Error {
  return Object.assign(new Error(`${syscall} ${code} ${subject}`.trimEnd()), { errno: -constants.errno[code], code, syscall, ...fields })
}

function coded (message: string, code: string, fields: object = {}): Error {
  return Object.assign(new Error(message), { code, ...fields })
}
