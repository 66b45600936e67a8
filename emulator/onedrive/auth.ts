/** Who asks Graph, by bearer token. */
import type { Call, Context } from './call.ts'
import type { Owner } from './drives.ts'
import { badRequest, GraphError } from './errors.ts'
import type { GraphRoute } from './route.ts'
import type { TokenKind } from './tokens.ts'
import type { Identity } from './tree.ts'

const CHALLENGE = 'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", client_id="00000003-0000-0000-c000-000000000000"'

/** @throws {GraphError} 401, with the claims that are asked for when it is for them */
export function authenticate ({ tokens }: Context, headers: Call['headers'], now: number): TokenKind {
  const [, token] = /^Bearer +(\S+)$/i.exec(headers['authorization'] ?? '') ?? []
  if (token === undefined) throw unauthorized('Access token is empty.')
  const grant = tokens.check(token, now)
  if (grant === undefined) throw unauthorized('Lifetime validation failed, the token is expired.')
  const { demandedClaims } = tokens
  if (demandedClaims !== undefined && grant.claims !== demandedClaims) {
    const claims = Buffer.from(demandedClaims).toString('base64')
    throw unauthorized('Continuous access evaluation resulted in challenge with result: InteractionRequired.', `${CHALLENGE}, error="insufficient_claims", claims="${claims}"`)
  }
  return grant.kind
}

/** An app has no drive that is its own. @throws {GraphError} 400 */
export function refuseMe ({ quirks }: Context, route: GraphRoute, kind: TokenKind): void {
  if (kind === 'app' && route.drive?.kind === 'me' && quirks.appOnlyMe === 'refuse') {
    throw badRequest('/me request is only valid with delegated authentication flow.')
  }
}

export function identityOf ({ drives, clientId }: Context, kind: TokenKind): Identity {
  return kind === 'app' ? { application: { id: clientId, displayName: 'Sluice' } } : userIdentity(drives.owner)
}

export function userIdentity ({ userId, displayName, userPrincipalName }: Owner): Identity {
  return { user: { id: userId, displayName, email: userPrincipalName } }
}

function unauthorized (message: string, challenge = CHALLENGE): GraphError {
  return new GraphError(401, 'InvalidAuthenticationToken', message, { headers: { 'WWW-Authenticate': challenge } })
}
