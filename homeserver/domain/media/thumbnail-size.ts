/** Which sizes thumbnails come in. There are few, so that nobody can fill the disk by asking for every one there is. */
import type { ThumbnailSize } from '../../storage/media.ts'

/** Those of the specification, and a larger one for screens with small pixels. https://spec.matrix.org/v1.19/client-server-api/#thumbnails */
const scaled: readonly ThumbnailSize[] = (
  [
    [96, 72],
    [320, 240],
    [640, 480],
    [800, 600],
    [1600, 1200],
  ] as const
).map(([width, height]) => ({ width, height, method: 'scale' }))

const longSides = [32, 96, 320, 640, 800] as const
const shapes = [1, 4 / 3, 3 / 4, 16 / 9, 9 / 16] as const

/** The image as large as it is. */
const fullSize: ThumbnailSize = { width: 0, height: 0, method: 'scale' }

/** The smallest size that is not below the one asked for in either direction; beyond the largest, the full one. */
export function sizeFor({ width, height, method }: ThumbnailSize): ThumbnailSize {
  const sizes = method === 'scale' ? scaled : croppedTo(nearestShape(width / height))
  return sizes.find((size) => size.width >= width && size.height >= height) ?? fullSize
}

function nearestShape(shape: number): number {
  const distance = (other: number): number => Math.abs(Math.log(other / shape))
  return shapes.reduce((nearest, other) => (distance(other) < distance(nearest) ? other : nearest))
}

function croppedTo(shape: number): readonly ThumbnailSize[] {
  return longSides.map((side) => ({
    width: Math.round(shape >= 1 ? side : side * shape),
    height: Math.round(shape >= 1 ? side / shape : side),
    method: 'crop',
  }))
}
