/** Azure Files' errors: a status and a message for each code, as the service has them; details become elements of the body. */

const INTERNAL = 'The server encountered an internal error. Please retry the request.'
const AUTHENTICATION = 'Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly including the signature.'
const NOT_AUTHORIZED = 'This request is not authorized to perform this operation'

const CATALOGUE = {
  AuthenticationFailed: [403, AUTHENTICATION],
  AuthorizationFailure: [403, `${NOT_AUTHORIZED}.`],
  AuthorizationPermissionMismatch: [403, `${NOT_AUTHORIZED} using this permission.`],
  AuthorizationProtocolMismatch: [403, `${NOT_AUTHORIZED} using this protocol.`],
  AuthorizationResourceTypeMismatch: [403, `${NOT_AUTHORIZED} using this resource type.`],
  AuthorizationServiceMismatch: [403, `${NOT_AUTHORIZED} using this service.`],
  AuthorizationSourceIPMismatch: [403, `${NOT_AUTHORIZED} using this source IP.`],
  CannotDeleteFileOrDirectory: [409, 'The file or directory could not be deleted because it is in use by an SMB client.'],
  CannotVerifyCopySource: [409, 'Could not verify the copy source within the specified time.'],
  ClientCacheFlushDelay: [500, 'The specified resource state could not be flushed from an SMB client in the specified time.'],
  ConditionHeadersNotSupported: [400, 'Condition headers are not supported.'],
  ConditionNotMet: [412, 'The condition specified using HTTP conditional header(s) is not met.'],
  ContainerQuotaDowngradeNotAllowed: [409, 'The specified quota is below what the share holds.'],
  Crc64Mismatch: [400, 'The CRC64 value specified in the request did not match with the CRC64 value calculated by the server.'],
  DeletePending: [409, 'The specified resource is marked for deletion by an SMB client.'],
  DirectoryNotEmpty: [409, 'The specified directory is not empty.'],
  EmptyMetadataKey: [400, 'The key for one of the metadata key-value pairs is empty.'],
  FeatureVersionMismatch: [409, 'The operation requires a newer version of the service than the request names.'],
  FileInvalidPermission: [400, 'The security descriptor string of the file permission is invalid.'],
  FileLockConflict: [409, 'A portion of the specified file is locked by an SMB client.'],
  InternalError: [500, INTERNAL],
  InvalidAuthenticationInfo: [401, 'Server failed to authenticate the request. Please refer to the information in the www-authenticate header.'],
  InvalidFileOrDirectoryPathName: [400, 'The specified path is invalid because it is too long or too deep.'],
  InvalidHeaderValue: [400, 'The value for one of the HTTP headers is not in the correct format.'],
  InvalidInput: [400, 'One of the request inputs is not valid.'],
  InvalidMd5: [400, 'The MD5 value specified in the request is invalid. MD5 value must be 128 bits and base64 encoded.'],
  InvalidMetadata: [400, 'The metadata specified is invalid. It has characters that are not permitted.'],
  InvalidQueryParameterValue: [400, 'Value for one of the query parameters specified in the request URI is invalid.'],
  InvalidRange: [416, 'The range specified is invalid for the current size of the resource.'],
  InvalidResourceName: [400, 'The specifed resource name contains invalid characters.'],
  InvalidUri: [400, 'The requested URI does not represent any resource on the server.'],
  InvalidXmlDocument: [400, 'XML specified is not syntactically valid.'],
  InvalidXmlNodeValue: [400, 'The value for one of the XML nodes is not in the correct format.'],
  LeaseAlreadyPresent: [409, 'There is already a lease present.'],
  LeaseIdMismatchWithContainerOperation: [412, 'The lease ID specified did not match the lease ID for the share.'],
  LeaseIdMismatchWithFileOperation: [412, 'The lease ID specified did not match the lease ID for the file.'],
  LeaseIdMismatchWithLeaseOperation: [409, 'The lease ID specified did not match the lease ID for the resource with the specified lease operation.'],
  LeaseIdMissing: [412, 'There is currently a lease on the resource and no lease ID was specified in the request.'],
  LeaseIsBreakingAndCannotBeChanged: [409, 'The lease ID matched, but the lease is currently in breaking state and cannot be changed.'],
  LeaseIsBreakingAndCannotBeAcquired: [409, 'The lease ID matched, but the lease is currently in breaking state and cannot be acquired until it is broken.'],
  LeaseIsBrokenAndCannotBeRenewed: [409, 'The lease ID matched, but the lease has been broken explicitly and cannot be renewed.'],
  LeaseLost: [412, 'A lease ID was specified, but the lease for the resource has expired.'],
  LeaseNotPresentWithContainerOperation: [412, 'There is currently no lease on the share.'],
  LeaseNotPresentWithFileOperation: [412, 'There is currently no lease on the file.'],
  LeaseNotPresentWithLeaseOperation: [409, 'There is currently no lease on the resource.'],
  Md5Mismatch: [400, 'The MD5 value specified in the request did not match with the MD5 value calculated by the server.'],
  MetadataTooLarge: [400, 'The size of the specified metadata exceeds the maximum size permitted.'],
  MissingContentLengthHeader: [411, 'Content-Length HTTP header is not specified.'],
  MissingRequiredHeader: [400, 'An HTTP header that\'s mandatory for this request is not specified.'],
  MissingRequiredQueryParameter: [400, 'A query parameter that\'s mandatory for this request is not specified.'],
  NoAuthenticationInformation: [401, 'Server failed to authenticate the request. Please refer to the information in the www-authenticate header.'],
  NoPendingCopyOperation: [409, 'There is currently no pending copy operation.'],
  OperationTimedOut: [500, 'The operation could not be completed within the permitted time.'],
  OutOfRangeInput: [400, 'One of the request inputs is out of range.'],
  OutOfRangeQueryParameterValue: [400, 'One of the query parameters specified in the request URI is outside the permissible range.'],
  ParentNotFound: [404, 'The specified parent path does not exist.'],
  PendingCopyOperation: [409, 'There is currently a pending copy operation.'],
  PreviousSnapshotNotFound: [409, 'The specified previous snapshot was not found.'],
  ReadOnlyAttribute: [409, 'The specified resource is read-only and cannot be modified at this time.'],
  RequestBodyTooLarge: [413, 'The request body is too large and exceeds the maximum permissible limit.'],
  ResourceAlreadyExists: [409, 'The specified resource already exists.'],
  ResourceNotFound: [404, 'The specified resource does not exist.'],
  ResourceTypeMismatch: [409, 'The specified resource type does not match the type of the existing resource.'],
  ServerBusy: [503, 'The server is busy.'],
  ShareAlreadyExists: [409, 'The specified share already exists.'],
  ShareBeingDeleted: [409, 'The specified share is being deleted. Try operation later.'],
  ShareHasSnapshots: [409, 'The share has snapshots and the operation requires no snapshots.'],
  ShareNotFound: [404, 'The specified share does not exist.'],
  ShareSizeLimitReached: [403, 'The specified share is full.'],
  ShareSnapshotCountExceeded: [409, 'The total number of snapshots for the share is over the limit.'],
  ShareSnapshotNotFound: [404, 'The specified share snapshot does not exist.'],
  SharingViolation: [409, 'The specified resource may be in use by an SMB client.'],
  UnsupportedHeader: [400, 'One of the HTTP headers specified in the request is not supported.'],
  UnsupportedHttpVerb: [405, 'The resource doesn\'t support specified Http Verb.']
} as const satisfies Record<string, readonly [status: number, message: string]>

export type ErrorCode = keyof typeof CATALOGUE

export class AzureError extends Error {
  override name = 'AzureError'
  readonly status: number
  readonly code: string
  /** Elements after Message. */
  readonly details: Readonly<Record<string, string>>
  readonly headers: Readonly<Record<string, string>>

  constructor (status: number, code: string, message: string, details: Record<string, string> = {}, headers: Record<string, string> = {}) {
    super(message)
    this.status = status
    this.code = code
    this.details = details
    this.headers = headers
  }
}

/** The error of that code, with the service's status and message. */
export function azureError (code: ErrorCode, details: Record<string, string> = {}, headers: Record<string, string> = {}): AzureError {
  const [status, message] = CATALOGUE[code]
  return new AzureError(status, code, message, details, headers)
}

const USUAL: Readonly<Record<number, ErrorCode>> = {
  400: 'InvalidInput',
  401: 'InvalidAuthenticationInfo',
  403: 'AuthenticationFailed',
  404: 'ResourceNotFound',
  405: 'UnsupportedHttpVerb',
  409: 'SharingViolation',
  411: 'MissingContentLengthHeader',
  412: 'ConditionNotMet',
  413: 'RequestBodyTooLarge',
  416: 'InvalidRange',
  500: 'InternalError',
  503: 'ServerBusy'
}

/** The error that the service would most likely give with this status; a code that is known brings its own message. */
export function errorForStatus (status: number, code?: string, message?: string): AzureError {
  const name = code ?? USUAL[status] ?? (status >= 500 ? 'InternalError' : 'InvalidInput')
  const usual = isErrorCode(name) ? CATALOGUE[name][1] : INTERNAL
  return new AzureError(status, name, message ?? usual)
}

function isErrorCode (name: string): name is ErrorCode {
  return Object.hasOwn(CATALOGUE, name)
}

export function invalidHeader (name: string, value: string): AzureError {
  return azureError('InvalidHeaderValue', { HeaderName: name, HeaderValue: value })
}

export function missingHeader (name: string): AzureError {
  return azureError('MissingRequiredHeader', { HeaderName: name })
}

export function invalidQuery (name: string, value: string, reason: string): AzureError {
  return azureError('InvalidQueryParameterValue', { QueryParameterName: name, QueryParameterValue: value, Reason: reason })
}

export function authenticationFailed (detail: string): AzureError {
  return azureError('AuthenticationFailed', { AuthenticationErrorDetail: detail })
}
