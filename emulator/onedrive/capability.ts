import type { RequestHead } from '../service.ts'
import type { Context } from './call.ts'
import { unauthenticated } from './errors.ts'

/** A URL that is a key takes no other. @throws {GraphError} 401 when there is an `Authorization` header */
export function refuseAuthorization ({ quirks }: Context, { headers }: RequestHead): void {
  if (headers['authorization'] === undefined || quirks.capabilityAuthorization === 'ignore') return
  throw unauthenticated('The caller is not authenticated: the URL is pre-authenticated and takes no Authorization header.')
}
