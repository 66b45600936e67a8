/** The import lines of all sources: `bin, bench, fixtures, test → emulator → streams → lib`, and no cloud imports another. */
import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import t from 'tap'

const ROOT = findRoot(import.meta.dirname)
const LAYERS = ['lib', 'streams', 'emulator', 'bin', 'bench', 'fixtures', 'test']
const OUTERMOST = ['bin', 'bench', 'fixtures', 'test']
const CLOUDS = ['r2', 'onedrive', 'azure-files']
const IMPORT = /^(?:import|export)\s+(?:type\s+)?(?:[\w$]+\s*,?\s*)?(?:\{[^}]*\}|\*(?:\s+as\s+\w+)?)?(?:\s*from\s*)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/gm

/** Mocks stand above the emulator: this one file loads it, when the first request of a mock wants it. */
const DOOR = { from: 'streams/mock-backend.ts', to: 'emulator/in-process.ts' }

interface Import { from: string, to: string }

const sources = LAYERS.flatMap(layer => filesBelow(layer))
const imports = sources.flatMap(importsOf)
const packages = imports.filter(({ to }) => !to.startsWith('.') && !to.startsWith('node:'))
const local = imports.filter(({ to }) => to.startsWith('.')).map(({ from, to }) => ({ from, to: relative(ROOT, resolve(ROOT, dirname(from), to)).split(sep).join('/') }))

t.test('the reader of import lines finds them', t => {
  t.ok(sources.length > 80)
  t.ok(local.length > 300)
  t.ok(local.some(({ from, to }) => from === 'streams/r2/connection.ts' && to === 'lib/http/connection.ts'))
  t.same(local.filter(({ to }) => !sources.includes(to)), [])
  t.end()
})

t.test('imports point one way: bin, bench, fixtures, test → emulator → streams → lib', t => {
  t.same(local.filter(({ from, to }) => !mayImport(layerOf(from), layerOf(to)) && !isDoor({ from, to })), [])
  t.end()
})

t.test('the one door from the streams to the emulator opens by import(), and for types: a program without mocks never loads it', t => {
  const lines = readFileSync(join(ROOT, DOOR.from), 'utf8').split('\n').filter(line => line.includes('emulator/'))
  t.equal(lines.filter(line => line.includes('= import(')).length, 1)
  t.same(lines.filter(line => !/^import type \{|= import\(/.test(line)), [])
  t.end()
})

t.test('a cloud never imports another cloud', t => {
  t.same(local.filter(({ from, to }) => {
    const [one, other] = [cloudOf(from), cloudOf(to)]
    return layerOf(from) === 'streams' && one !== undefined && other !== undefined && one !== other
  }), [])
  t.end()
})

t.test('what knows no cloud imports none', t => {
  const tables = ['streams/index.ts', 'emulator/index.ts']
  t.same(local.filter(({ from, to }) => ['lib', 'streams'].includes(layerOf(from)) && cloudOf(from) === undefined && cloudOf(to) !== undefined && !tables.includes(from)), [])
  t.end()
})

t.test('the emulator takes no more than signatures and wire of a cloud', t => {
  const allowed = /^streams\/(?:r2|onedrive|azure-files)\/(?:auth|wire)[\w-]*\.ts$/
  t.same(local.filter(({ from, to }) => layerOf(from) === 'emulator' && layerOf(to) === 'streams' && !allowed.test(to)), [])
  t.end()
})

t.test('no source imports in a circle', t => {
  t.same(circles(local), [])
  t.end()
})

t.test('published code imports Node and its own dependencies, and no vendor SDK is among them', t => {
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Record<string, Record<string, string> | undefined>
  const dependencies = Object.keys(manifest['dependencies'] ?? {})
  t.same(dependencies.filter(name => /^@(?:aws|smithy|azure|microsoft|google-cloud|cloudflare)|^(?:aws-sdk|minio|wrangler|miniflare)/.test(name)), [])
  const published = packages.filter(({ from }) => !['test', 'bench'].includes(layerOf(from)))
  t.same(published.filter(({ to }) => !dependencies.includes(packageOf(to))), [])
  t.end()
})

function isDoor ({ from, to }: Import): boolean {
  return from === DOOR.from && to === DOOR.to
}

function mayImport (from: string, to: string): boolean {
  if (from === to) return true
  if (OUTERMOST.includes(from)) return !OUTERMOST.includes(to) || from !== 'bin'
  return LAYERS.indexOf(to) < LAYERS.indexOf(from) && !OUTERMOST.includes(to)
}

function layerOf (path: string): string {
  return path.split('/')[0] as string
}

function cloudOf (path: string): string | undefined {
  return path.split('/').slice(1, -1).find(folder => CLOUDS.includes(folder))
}

function packageOf (specifier: string): string {
  return specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/')
}

function filesBelow (folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && entry.name.endsWith('.ts'))
    .map(entry => relative(ROOT, join(entry.parentPath, entry.name)).split(sep).join('/'))
}

function importsOf (from: string): Import[] {
  const code = readFileSync(join(ROOT, from), 'utf8').replace(/^\s*\*.*$/gm, '')
  return [...code.matchAll(IMPORT)].map(match => ({ from, to: (match[1] ?? match[2]) as string }))
}

/** Each chain of imports that comes back to where it began; types alone do not count, they are gone when code runs. */
function circles (edges: Import[]): string[][] {
  const next = new Map<string, string[]>()
  for (const { from, to } of edges.filter(isRunTime)) next.set(from, [...next.get(from) ?? [], to])
  const found: string[][] = []
  const done = new Set<string>()
  const walk = (file: string, path: string[]): void => {
    if (path.includes(file)) { found.push([...path.slice(path.indexOf(file)), file]); return }
    if (done.has(file)) return
    for (const to of next.get(file) ?? []) walk(to, [...path, file])
    done.add(file)
  }
  for (const file of next.keys()) walk(file, [])
  return found
}

function isRunTime ({ from, to }: Import): boolean {
  const lines = readFileSync(join(ROOT, from), 'utf8').split('\n')
  const name = `/${to.split('/').at(-1)}'`
  return lines.some(line => line.includes(name) && !/^\s*(?:import|export) type\b/.test(line))
}

/** The folder of package.json, from the sources as from the compiled tests. */
function findRoot (folder: string): string {
  for (let at = folder; ; at = dirname(at)) {
    if (readdirSync(at).includes('package.json')) return at
  }
}
