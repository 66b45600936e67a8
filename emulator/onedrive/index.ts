import { randomBytes, randomUUID } from 'node:crypto'
import type { Clock } from '../../lib/clock.ts'
import type { ContentStore } from '../content-store.ts'
import type { FaultPlan } from '../../lib/simulation/faults.ts'
import type { RecordStore } from '../record-store.ts'
import { userIdentity } from './auth.ts'
import { RequestBudget } from './budget.ts'
import { CopyJobs } from './copy-jobs.ts'
import { DownloadTickets } from './download-tickets.ts'
import type { DriveIdentity } from './drive.ts'
import { Drives, type Owner, type Place } from './drives.ts'
import { type OneDriveInspector, StateInspector } from './inspector.ts'
import { defaultQuirks, type Flavour, type OneDriveQuirks } from './quirks.ts'
import { OneDriveService } from './service.ts'
import { Sessions } from './sessions.ts'
import { Tokens } from './tokens.ts'

const PREFIX = 'onedrive'
const OWNER: Owner = { userId: '48d31887-5fad-4d73-a9f5-3c356e68a038', userPrincipalName: 'ana@contoso.onmicrosoft.com', displayName: 'Ana' }
const PLACE: Place = {
  groupId: '02bd9fd6-8f93-4758-87c3-1fb73740a315',
  siteId: 'contoso.sharepoint.com,2c712604-1370-44e7-a1f5-426573fda80a,2d2244c3-251a-49ea-93a8-39e1c3a060fe',
  sitePath: '/sites/team'
}

export interface OneDriveOptions {
  /** `'business'` (OneDrive for Business and SharePoint libraries) unless given, or what the folder holds. */
  flavour?: Flavour
  /** Random unless given. */
  tenantId?: string
  clientId?: string
  clientSecret?: string
  /** `b!…` or 16 hex digits; random unless given. */
  driveId?: string
  /**
   * Where links begin that are given out, for clients that come through a proxy which does TLS: those to Graph, and upload,
   * download and monitor URLs. The emulator's own address unless given.
   */
  origins?: { graph?: string, files?: string }
  strict?: Partial<OneDriveQuirks>
}

export interface OneDriveEmulator {
  /** `http://127.0.0.1:port/onedrive/v1.0` */
  readonly endpoint: string
  /** `http://127.0.0.1:port/onedrive/login`, for `{authorityHost}/{tenantId}/oauth2/v2.0/token`. */
  readonly authorityHost: string
  readonly flavour: Flavour
  readonly tenantId: string
  readonly clientId: string
  readonly clientSecret: string
  /** The drive of the user; `/me/drive` for tokens on the user's behalf. */
  readonly driveId: string
  /** The document library of a site and a group; undefined for personal accounts. */
  readonly libraryId: string | undefined
  readonly userId: string
  readonly userPrincipalName: string
  readonly groupId: string
  readonly siteId: string
  readonly state: OneDriveInspector
  /** The switches, which may be turned at any time. */
  readonly quirks: OneDriveQuirks
  /** A token that Graph takes now, without a request; on the user's behalf unless it says `'app'`. */
  accessToken (kind?: 'app' | 'delegated'): string
  /** A refresh token of the user. */
  refreshToken (): string
  /** The user types the code, of the latest device unless given, and agrees or not. @throws {RangeError} nothing is pending */
  approveDevice (userCode?: string): void
  declineDevice (userCode?: string): void
  /** Ends all access tokens given out so far; refresh tokens too when told. */
  revokeTokens (options?: { refresh?: boolean }): void
  /** From now on Graph refuses tokens that were not asked for with these claims; undefined takes that back. */
  demandClaims (claims: string | undefined): void
  /** To spread into `new OneDrive(…)`. */
  options (): { endpoint: string, authorityHost: string, tenantId: string, clientId: string, clientSecret: string, drive: { driveId: string } }
  env (): Record<string, string>
}

/** The service before it has an address. */
export interface StartedOneDrive {
  readonly prefix: string
  readonly service: OneDriveService
  at (origin: string): OneDriveEmulator
}

export interface OneDriveSurroundings {
  contents: ContentStore
  records: RecordStore
  faults: FaultPlan
  clock: Clock
  random: () => number
}

export async function startOneDrive (options: OneDriveOptions, { contents, records, faults, clock, random }: OneDriveSurroundings): Promise<StartedOneDrive> {
  const kept = await Drives.kept(records)
  const flavour = options.flavour ?? kept?.flavour ?? 'business'
  if (kept !== undefined) checkKept(options, kept)
  const quirks: OneDriveQuirks = { ...defaultQuirks(flavour), ...options.strict }
  const drives = new Drives(flavour, OWNER, PLACE, contents, records)
  await drives.open(options.driveId, { now: clock.now(), by: userIdentity(OWNER) })
  const sessions = new Sessions(flavour, contents, records)
  await sessions.load()
  const service = new OneDriveService({
    tenantId: options.tenantId ?? randomUUID(),
    clientId: options.clientId ?? randomUUID(),
    clientSecret: options.clientSecret ?? randomBytes(30).toString('base64url'),
    graphOrigin: options.origins?.graph ?? '',
    filesOrigin: options.origins?.files ?? '',
    quirks,
    contents,
    drives,
    tokens: new Tokens(),
    sessions,
    tickets: new DownloadTickets(quirks),
    jobs: new CopyJobs(quirks),
    budget: new RequestBudget(quirks),
    lookups: new WeakMap(),
    faults,
    random,
    deltaGeneration: 0,
    resync: 'resyncApplyDifferences'
  }, () => clock.now())
  return {
    prefix: PREFIX,
    service,
    at: origin => {
      service.listenAt(origin)
      return describeOneDrive(service, origin, clock)
    }
  }
}

/** Another drive in the same folder would sweep out the bodies of the first. @throws {RangeError} */
function checkKept ({ flavour, driveId }: OneDriveOptions, kept: DriveIdentity): void {
  if (flavour !== undefined && flavour !== kept.flavour) {
    throw new RangeError(`Cannot open the folder as flavour must be that of the drive in it, "${kept.flavour}": received "${flavour}"`)
  }
  if (driveId !== undefined && driveId !== kept.id) {
    throw new RangeError(`Cannot open the folder as driveId must be that of the drive in it, "${kept.id}": received "${driveId}"`)
  }
}

function describeOneDrive ({ context }: OneDriveService, origin: string, clock: Clock): OneDriveEmulator {
  const { tenantId, clientId, clientSecret, drives, tokens, quirks } = context
  const endpoint = `${origin}/${PREFIX}/v1.0`
  const authorityHost = `${origin}/${PREFIX}/login`
  const driveId = drives.main.id
  return {
    endpoint,
    authorityHost,
    flavour: drives.flavour,
    tenantId,
    clientId,
    clientSecret,
    driveId,
    libraryId: drives.library?.id,
    userId: OWNER.userId,
    userPrincipalName: OWNER.userPrincipalName,
    groupId: PLACE.groupId,
    siteId: PLACE.siteId,
    state: new StateInspector(context, clock),
    quirks,
    accessToken: (kind = 'delegated') => tokens.issue(kind, 'Files.ReadWrite.All', clock.now(), tokens.demandedClaims),
    refreshToken: () => tokens.issueRefresh('Files.ReadWrite.All offline_access', clock.now()),
    approveDevice: userCode => decide(context, userCode, 'approved'),
    declineDevice: userCode => decide(context, userCode, 'declined'),
    revokeTokens: ({ refresh = false } = {}) => {
      tokens.revoke()
      if (refresh) tokens.revokeRefresh()
    },
    demandClaims: claims => { tokens.demandedClaims = claims },
    options: () => ({ endpoint, authorityHost, tenantId, clientId, clientSecret, drive: { driveId } }),
    env: () => ({
      ONEDRIVE_ENDPOINT: endpoint,
      AZURE_AUTHORITY_HOST: authorityHost,
      AZURE_TENANT_ID: tenantId,
      AZURE_CLIENT_ID: clientId,
      AZURE_CLIENT_SECRET: clientSecret,
      ONEDRIVE_DEFAULT_DRIVE_ID: driveId
    })
  }
}

function decide ({ tokens }: OneDriveService['context'], userCode: string | undefined, state: 'approved' | 'declined'): void {
  const device = tokens.pendingDevice(userCode)
  if (device === undefined) throw new RangeError('Cannot answer for a device as none is pending with that code')
  device.state = state
}
