/** How traffic of Azure Files is recorded and told apart. */
import type { RecordingProfile } from '../../lib/simulation/recording-profile.ts'
import { GetFile, GetUserDelegationKey, PutRange } from './operations.ts'
import { snakeCase } from '../../lib/http/operation-names.ts'

const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'
/** Temporary names (`publish`), markers of locks (`lock-markers`) and lease ids, which clients draw by lot. */
const DRAWN = new RegExp(`(\\.sluice-)${UUID}(?=\\.part)|(\\.sluice-locks/[0-9a-f]{32}\\.)${UUID}|^${UUID}$`, 'gi')

const DELEGATION_KEY = snakeCase(GetUserDelegationKey.name)

export const RECORDING: RecordingProfile = {
  service: 'azure-files',
  contents: { sent: [snakeCase(PutRange.name)], received: [snakeCase(GetFile.name)] },
  // It says from when to when the key is to serve.
  volatileBodies: [DELEGATION_KEY],
  headers: [
    'range', 'x-ms-range', 'if-*', 'x-ms-write', 'x-ms-type', 'x-ms-content-*', 'x-ms-cache-control', 'x-ms-meta-*', 'x-ms-file-attributes',
    'x-ms-lease-*', 'x-ms-proposed-lease-id', 'x-ms-source-lease-id', 'x-ms-destination-lease-id',
    'x-ms-copy-source', 'x-ms-copy-action', 'x-ms-file-rename-source', 'x-ms-file-rename-replace-if-exists', 'x-ms-file-rename-ignore-readonly'
  ],
  normalize: text => text.replace(DRAWN, '$1$2*'),
  redact: (operation, text) => operation === DELEGATION_KEY ? text.replace(/<Value>[^<]*<\/Value>/, `<Value>${Buffer.from('redacted').toString('base64')}</Value>`) : text
}
