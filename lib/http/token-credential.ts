/** The shape of `@azure/core-auth`: any credential of `@azure/identity` fits, and so does one of your own. */
export interface TokenCredential {
  getToken (scopes: string | string[], options?: { claims?: string, enableCae?: boolean, abortSignal?: AbortSignal }): Promise<AccessToken | null>
}

export interface AccessToken {
  token: string
  /** Milliseconds since the epoch. */
  expiresOnTimestamp: number
  /** When a new one should be asked for. */
  refreshAfterTimestamp?: number
}
