/** Headers that R2 knows and refuses with 501, by operation. Unknown `x-amz-*` headers are ignored. */
import type { RequestHead } from '../service.ts'
import { headerNotImplemented } from './errors.ts'
import type { Operation } from './operations.ts'

const OWNER = ['x-amz-expected-bucket-owner']
const OWNERS = [...OWNER, 'x-amz-source-expected-bucket-owner']
const MFA_AND_LOCKS = ['x-amz-mfa', 'x-amz-bypass-governance-retention']
const SOURCE_CONDITIONS = [
  'x-amz-copy-source-if-match', 'x-amz-copy-source-if-none-match',
  'x-amz-copy-source-if-modified-since', 'x-amz-copy-source-if-unmodified-since'
]
const WRITE = [
  ...OWNER, 'x-amz-tagging',
  'x-amz-grant-full-control', 'x-amz-grant-read', 'x-amz-grant-read-acp', 'x-amz-grant-write', 'x-amz-grant-write-acp',
  'x-amz-website-redirect-location',
  'x-amz-object-lock-mode', 'x-amz-object-lock-retain-until-date', 'x-amz-object-lock-legal-hold',
  'x-amz-server-side-encryption-aws-kms-key-id', 'x-amz-server-side-encryption-context',
  'x-amz-server-side-encryption-bucket-key-enabled'
]

const REFUSED: Partial<Record<Operation, readonly string[]>> = {
  ListBuckets: [],
  AbortMultipartUpload: [],
  PutObject: WRITE,
  CreateMultipartUpload: WRITE,
  CopyObject: [...WRITE, ...OWNERS, 'x-amz-tagging-directive', 'x-amz-checksum-algorithm'],
  UploadPart: [...OWNER, 'x-amz-server-side-encryption'],
  UploadPartCopy: [...OWNERS, ...SOURCE_CONDITIONS],
  DeleteObject: [...OWNER, ...MFA_AND_LOCKS],
  DeleteObjects: [...OWNER, ...MFA_AND_LOCKS]
}

/** No-ops, since R2 has no ACLs on objects. */
const CANNED_ACLS = new Set([
  'private', 'public-read', 'public-read-write', 'authenticated-read', 'aws-exec-read', 'bucket-owner-read', 'bucket-owner-full-control'
])
const CHECKS_VALUES: ReadonlySet<Operation> = new Set<Operation>(['PutObject', 'CopyObject', 'CreateMultipartUpload'])

/** @throws {R2Error} 501 for the first refused header */
export function refuseHeaders (operation: Operation, { headers }: RequestHead): void {
  for (const name of REFUSED[operation] ?? OWNER) {
    const value = headers[name]
    if (value !== undefined) throw headerNotImplemented(name, value)
  }
  if (!CHECKS_VALUES.has(operation)) return
  const encryption = headers['x-amz-server-side-encryption']
  if (encryption !== undefined && encryption !== 'AES256') throw headerNotImplemented('x-amz-server-side-encryption', encryption)
  const acl = headers['x-amz-acl']
  if (acl !== undefined && !CANNED_ACLS.has(acl)) throw headerNotImplemented('x-amz-acl', acl)
}
