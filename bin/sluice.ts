#!/usr/bin/env node
/** The command line: what each command does is in its own file. */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { demo } from './demo.ts'
import { emulate } from './emulate.ts'

const HELP = `Usage: sluice <command> [options]

Commands:
  demo [file]      Send a file through gzip into R2 and back out, on the embedded emulator, and compare SHA-256
      --size <MiB>     Size of the generated file when none is given (default 256)
  emulate          Serve R2, OneDrive and Azure Files on loopback until Ctrl-C, printing endpoints and keys as
                   environment lines
      --port <number>  Default: any free port
      --folder <path>  Keep everything there, over restarts (default: memory and a private temporary folder)
      --bucket <name>  Bucket of R2 to create (default: sluice; may be repeated)
      --share <name>   Share of Azure Files to create (default: sluice; may be repeated)

Options:
  -h, --help       Show this text
  -v, --version    Show the version
`

/** A mistake of the caller: shown without a stack. */
class UsageError extends Error {}

async function main (args: string[]): Promise<void> {
  const { values, positionals } = readArguments(args)
  if (values.version === true) return print(version())
  const [command, ...rest] = positionals
  if (values.help === true || command === undefined) return print(HELP)
  switch (command) {
    case 'demo': return await demo({ file: atMostOne(rest), sizeMiB: wholeNumber('size', values.size, 1, 65_536) ?? 256 })
    case 'emulate':
      if (rest.length > 0) throw new UsageError(`Cannot emulate ${JSON.stringify(rest[0])} as the command takes options only`)
      return await emulate({ port: wholeNumber('port', values.port, 0, 65_535) ?? 0, folder: values.folder, buckets: values.bucket, shares: values.share })
    default: throw new UsageError(`Cannot run ${JSON.stringify(command)} as there is no such command`)
  }
}

function readArguments (args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean', short: 'v' },
        size: { type: 'string' },
        port: { type: 'string' },
        folder: { type: 'string' },
        bucket: { type: 'string', multiple: true },
        share: { type: 'string', multiple: true }
      }
    })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

function atMostOne (files: string[]): string | undefined {
  if (files.length > 1) throw new UsageError(`Cannot take ${files.length} files as the command takes one`)
  return files[0]
}

function wholeNumber (option: string, text: string | undefined, least: number, most: number): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < least || value > most) throw new UsageError(`Cannot use --${option} ${text} as it must be a whole number from ${least} to ${most}`)
  return value
}

function version (): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
  return `${version}\n`
}

function print (text: string): void {
  process.stdout.write(text)
}

main(process.argv.slice(2)).catch((error: unknown) => {
  const isUsage = error instanceof UsageError
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${isUsage ? '\nRun "sluice --help" for the commands.\n' : ''}`)
  process.exitCode = isUsage ? 2 : 1
})
