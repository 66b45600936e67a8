/** A file of this account that a request names by URL, and whether whoever asks may read it. */
import { type Call, fileAt, keepsDots, snapshotOf } from './call.ts'
import { azureError, AzureError, invalidHeader } from './errors.ts'
import { MAX_SOURCE_URL } from './limits.ts'
import { splitPath } from './names.ts'
import { type Operation, type Route, route } from './operations.ts'
import { verifySas } from './sas.ts'
import type { File, Share } from './state.ts'

export interface Source {
  share: Share
  file: File
}

/** @throws {AzureError} 404 when it is not there, 409 `CannotVerifyCopySource` when it may not be read or is elsewhere */
export function readSource (call: Call, url: string): Source {
  const source = sourceRoute(call, url, 'x-ms-copy-source')
  checkAccess(call, source, 'GetFile')
  const share = call.context.state.shares.get(source.share)
  if (share === undefined) throw azureError('ShareNotFound')
  const root = snapshotOf({ ...call, query: source.query }, share)?.root ?? share.root
  return { share, file: fileAt(root, sourceSegments(call, source)) }
}

export function sourceSegments ({ headers, version }: Call, { path }: Route): string[] {
  return splitPath(path, keepsDots(headers['x-ms-source-allow-trailing-dot'], version))
}

/** @throws {AzureError} 400 for what is no URL, 409 for one of another host or account */
export function sourceRoute ({ context, head }: Call, text: string, header: string): Route {
  if (text.length > MAX_SOURCE_URL || !URL.canParse(text)) throw invalidHeader(header, text)
  const url = new URL(text)
  const placed = route({ method: 'GET', path: url.pathname, query: url.search.slice(1), headers: {} }, context.accountName)
  if (url.host !== head.headers['host'] || placed.share === '' || !url.pathname.startsWith(`/${context.accountName}/`)) throw azureError('CannotVerifyCopySource')
  return placed
}

/** The key and the token open all files of the account; a signature for the destination says nothing about the source. */
export function checkAccess (call: Call, source: Route, operation: Operation): void {
  const { settings } = call.context.authenticator
  if (!source.query.has('sig')) {
    if (call.auth.kind === 'sas') throw azureError('CannotVerifyCopySource')
    return
  }
  try {
    verifySas(settings, source.query, { ...source, level: 'file' }, operation, call.now)
  } catch (error) {
    if (!(error instanceof AzureError)) throw error
    throw azureError('CannotVerifyCopySource', { CopySourceStatusCode: String(error.status), CopySourceErrorCode: error.code, CopySourceErrorMessage: error.message })
  }
}
