/** The shape of pino, bunyan and of many loggers beside them. */
export interface Logger {
  error (fields: object, message: string): void
  warn (fields: object, message: string): void
  info (fields: object, message: string): void
  debug (fields: object, message: string): void
  trace (fields: object, message: string): void
}

const nothing = (): void => {}

export const silentLogger: Logger = { error: nothing, warn: nothing, info: nothing, debug: nothing, trace: nothing }
