/**
 * MD5 of up to eight buffers at once. Each step of MD5 waits for the one before it, so that one buffer leaves most of a core
 * idle: four in the lanes of 128-bit registers, and two such groups whose steps alternate, take a GiB in 0.33 s, one group
 * in 0.5, OpenSSL one buffer after the other in 1.4. JavaScript has no such registers, WebAssembly has: its code is written
 * here, step by step as in RFC 1321.
 */
const GROUPS = 2
const WIDTH = 4
export const LANES = GROUPS * WIDTH

const BLOCK = 64
/** How much of a lane is taken into the module's memory at a time: all of them stay in a core's cache. */
const STRIDE = 64 * 1024
/** Behind the four words of each group's state, each of them four lanes wide. */
const DATA = GROUPS * 64
const INITIAL = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476]

/** RFC 1321, 3.4: by how much the sum is rotated, and which word of the block is added, round by round. */
const ROTATIONS = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]]
const WORD_OF = [(step: number) => step, (step: number) => (5 * step + 1) % 16, (step: number) => (3 * step + 5) % 16, (step: number) => (7 * step) % 16]

/** Numbers of the WebAssembly specification, 5.4 and its SIMD part. */
const OP = { loop: 0x03, end: 0x0b, branchIf: 0x0d, get: 0x20, set: 0x21, tee: 0x22, const: 0x41, lessThan: 0x49, add: 0x6a, simd: 0xfd }
const SIMD = { load: 0, store: 11, const: 12, shuffle: 13, not: 77, and: 78, andNot: 79, or: 80, xor: 81, shiftLeft: 171, shiftRight: 173, add: 174 }

/** Locals: the length of a lane in bytes, where in it we are; then, each four lanes wide, words on their way, and for each group a sum, the state and the block. */
const LENGTH = 0
const AT = 1
const SCRATCH = 2
const PER_GROUP = 1 + 4 + 16
const sum = (group: number): number => SCRATCH + 8 + group * PER_GROUP
const state = (group: number, index: number): number => sum(group) + 1 + index
const block = (group: number, word: number): number => sum(group) + 5 + word

/** What is used here of what every Node has, and which its types leave to the DOM's. */
interface Assembly {
  Module: new (bytes: Uint8Array) => object
  Instance: new (module: object) => { exports: { memory: { buffer: ArrayBuffer }, one: Run, all: Run } }
}

/** Hashes so many bytes of each lane, a multiple of 64: of the first group, or of both. */
type Run = (length: number) => void

const { WebAssembly: assembly } = globalThis as unknown as { WebAssembly: Assembly }

/** One buffer in its lane. What is hashed is its bytes and the padding behind them. */
interface Lane { bytes: Uint8Array, at: number, padded: number, done: (digest: Buffer) => void }

/** Hashes up to `LANES` buffers of any lengths side by side; each leaves as soon as it is done, and another takes its place. */
export class Md5Lanes {
  readonly #exports: { one: Run, all: Run }
  readonly #memory: Buffer
  readonly #lanes: Array<Lane | undefined> = Array.from({ length: LANES }, () => undefined)

  /** @throws {Error} this machine has no such registers. */
  constructor () {
    const { exports } = new assembly.Instance(new assembly.Module(Uint8Array.from(moduleBytes())))
    this.#exports = exports
    this.#memory = Buffer.from(exports.memory.buffer)
  }

  /** Whether there is a free lane. */
  get hasRoom (): boolean {
    return this.#lanes.includes(undefined)
  }

  get idle (): boolean {
    return this.#lanes.every(lane => lane === undefined)
  }

  /** Takes a buffer into a free lane. @throws {RangeError} there is none. */
  add (bytes: Uint8Array, done: (digest: Buffer) => void): void {
    const index = this.#lanes.indexOf(undefined)
    if (index === -1) throw new RangeError(`Cannot hash more than ${LANES} buffers at once`)
    for (const [word, initial] of INITIAL.entries()) this.#memory.writeUInt32LE(initial, stateAddress(index, word))
    // RFC 1321, 3.1 and 3.2: a one, zeros, and the length in bits, up to a whole block.
    this.#lanes[index] = { bytes, at: 0, padded: Math.ceil((bytes.length + 9) / BLOCK) * BLOCK, done }
  }

  /** Hashes the next bytes of each buffer, at most 64 KiB, and calls `done` of those that have ended. */
  advance (): void {
    const size = Math.min(STRIDE, ...this.#lanes.map(lane => lane === undefined ? STRIDE : lane.padded - lane.at))
    for (const [index, lane] of this.#lanes.entries()) if (lane !== undefined) this.#load(index, lane, size)
    const run = this.#lanes.findLastIndex(lane => lane !== undefined) < WIDTH ? this.#exports.one : this.#exports.all
    run(size)
    for (const [index, lane] of this.#lanes.entries()) if (lane?.at === lane?.padded) this.#finish(index)
  }

  #load (index: number, lane: Lane, size: number): void {
    const { bytes, at, padded } = lane
    const address = DATA + index * STRIDE
    lane.at += size
    this.#memory.set(bytes.subarray(at, at + size), address)
    if (lane.at <= bytes.length) return
    const end = bytes.length - at
    this.#memory.fill(0, address + Math.max(0, end), address + size)
    if (end >= 0) this.#memory[address + end] = 0x80
    if (lane.at === padded) this.#memory.writeBigUInt64LE(BigInt(bytes.length) * 8n, address + size - 8)
  }

  #finish (index: number): void {
    const digest = Buffer.alloc(16)
    for (const word of INITIAL.keys()) this.#memory.copy(digest, word * 4, stateAddress(index, word), stateAddress(index, word) + 4)
    const lane = this.#lanes[index]
    this.#lanes[index] = undefined
    lane?.done(digest)
  }
}

function stateAddress (lane: number, word: number): number {
  return Math.floor(lane / WIDTH) * 64 + word * 16 + lane % WIDTH * 4
}

/** A module with a memory and the functions `one(length)` and `all(length)`, of one group of lanes and of all. */
function moduleBytes (): number[] {
  const groups = Array.from({ length: GROUPS }, (_, group) => group)
  const bodies = [functionBody([0]), functionBody(groups)]
  return [
    0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
    ...section(1, [1, 0x60, 1, 0x7f, 0]),
    ...section(3, [2, 0, 0]),
    ...section(5, [1, 0, Math.ceil((DATA + LANES * STRIDE) / 65_536)]),
    ...section(7, [3, ...name('memory'), 2, 0, ...name('one'), 0, 0, ...name('all'), 0, 1]),
    ...section(10, [2, ...bodies.flatMap(body => [...unsigned(body.length), ...body])])
  ]
}

/** Locals beside the length: one i32, the others v128. */
function functionBody (groups: number[]): number[] {
  return [2, 1, 0x7f, ...unsigned(8 + GROUPS * PER_GROUP), 0x7b, ...code(groups)]
}

function code (groups: number[]): number[] {
  const states = groups.flatMap(group => [0, 1, 2, 3].map(index => ({ local: state(group, index), at: address(group * 64 + index * 16) })))
  return [
    ...states.flatMap(({ local, at }) => [...number(0), ...simd(SIMD.load, ...at), ...set(local)]),
    OP.loop, 0x40,
    ...groups.flatMap(loadBlock),
    ...Array.from({ length: BLOCK }, (_, step) => groups.flatMap(group => stepOf(step, group))).flat(),
    ...states.flatMap(({ local, at }) => [
      ...number(0), ...get(local), ...number(0), ...simd(SIMD.load, ...at), ...simd(SIMD.add), ...tee(local), ...simd(SIMD.store, ...at)
    ]),
    ...get(AT), ...number(BLOCK), OP.add, ...tee(AT), ...get(LENGTH), OP.lessThan, OP.branchIf, 0,
    OP.end, OP.end
  ]
}

/** Four words of each of four lanes, transposed into the same word of four lanes, four times. */
function loadBlock (group: number): number[] {
  return [0, 4, 8, 12].flatMap(first => {
    const rows = [0, 1, 2, 3].map(lane => DATA + (group * WIDTH + lane) * STRIDE + first * 4)
    const word = (index: number): number => block(group, first + index)
    const [a, b, c, d, low, high, lower, higher] = Array.from({ length: 8 }, (_, index) => SCRATCH + index) as [number, number, number, number, number, number, number, number]
    return [
      ...rows.flatMap((row, lane) => [...get(AT), ...simd(SIMD.load, ...address(row)), ...set(SCRATCH + lane)]),
      ...shuffle(a, b, low, [0, 4, 1, 5]), ...shuffle(a, b, high, [2, 6, 3, 7]),
      ...shuffle(c, d, lower, [0, 4, 1, 5]), ...shuffle(c, d, higher, [2, 6, 3, 7]),
      ...shuffle(low, lower, word(0), [0, 1, 4, 5]), ...shuffle(low, lower, word(1), [2, 3, 6, 7]),
      ...shuffle(high, higher, word(2), [0, 1, 4, 5]), ...shuffle(high, higher, word(3), [2, 3, 6, 7])
    ]
  })
}

/** Four words of the eight in `a` and `b`. */
function shuffle (a: number, b: number, into: number, words: number[]): number[] {
  return [...get(a), ...get(b), ...simd(SIMD.shuffle, ...words.flatMap(word => [0, 1, 2, 3].map(byte => word * 4 + byte))), ...set(into)]
}

/** `a = b + ((a + F(b, c, d) + word + constant) <<< rotation)`; the letters move on by one with each step. */
function stepOf (step: number, group: number): number[] {
  const round = step >> 4
  const letter = (index: number): number => state(group, (index + 64 - step) % 4)
  const [a, b, c, d] = [letter(0), letter(1), letter(2), letter(3)]
  const word = block(group, WORD_OF[round]?.(step) ?? 0)
  const rotation = ROTATIONS[round]?.[step % 4] ?? 0
  const constant = Math.floor(Math.abs(Math.sin(step + 1)) * 2 ** 32)
  const bytes = [constant & 255, constant >>> 8 & 255, constant >>> 16 & 255, constant >>> 24]
  return [
    ...get(a), ...get(word), ...simd(SIMD.const, ...bytes, ...bytes, ...bytes, ...bytes), ...simd(SIMD.add), ...simd(SIMD.add),
    ...addMixed(round, b, c, d), ...tee(sum(group)),
    ...number(rotation), ...simd(SIMD.shiftLeft), ...get(sum(group)), ...number(32 - rotation), ...simd(SIMD.shiftRight), ...simd(SIMD.or),
    ...get(b), ...simd(SIMD.add), ...set(a)
  ]
}

/** F, G, H and I of the RFC, added; in forms in which `b`, the word that has only just been computed, comes in as late as it can. */
function addMixed (round: number, b: number, c: number, d: number): number[] {
  const add = simd(SIMD.add)
  if (round === 0) return [...get(c), ...get(d), ...simd(SIMD.xor), ...get(b), ...simd(SIMD.and), ...get(d), ...simd(SIMD.xor), ...add]
  if (round === 1) return [...get(c), ...get(d), ...simd(SIMD.andNot), ...add, ...get(d), ...get(b), ...simd(SIMD.and), ...add]
  if (round === 2) return [...get(c), ...get(d), ...simd(SIMD.xor), ...get(b), ...simd(SIMD.xor), ...add]
  return [...get(d), ...simd(SIMD.not), ...get(b), ...simd(SIMD.or), ...get(c), ...simd(SIMD.xor), ...add]
}

function get (local: number): number[] {
  return [OP.get, local]
}

function set (local: number): number[] {
  return [OP.set, local]
}

function tee (local: number): number[] {
  return [OP.tee, local]
}

function simd (operation: number, ...operands: number[]): number[] {
  return [OP.simd, ...unsigned(operation), ...operands]
}

/** Alignment of four bytes, offset. */
function address (offset: number): number[] {
  return [2, ...unsigned(offset)]
}

/** Signed numbers below 64 are one byte; 64 is two. */
function number (value: number): number[] {
  return [OP.const, ...(value < 64 ? [value] : [value | 0x80, 0])]
}

/** LEB128. */
function unsigned (value: number): number[] {
  return value < 128 ? [value] : [value & 127 | 128, ...unsigned(value >>> 7)]
}

function name (text: string): number[] {
  return [text.length, ...Buffer.from(text)]
}

function section (id: number, bytes: number[]): number[] {
  return [id, ...unsigned(bytes.length), ...bytes]
}
