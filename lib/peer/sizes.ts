// The last, least and greatest of sizes, −1 before the first. Must agree with Java's BufferStats.

export class Sizes {
  last = -1;
  min = -1;
  max = -1;

  add(size: number): void {
    this.last = size;
    if (this.min < 0 || size < this.min) this.min = size;
    if (size > this.max) this.max = size;
  }

  reset(): void {
    this.last =
      this.min =
      this.max =
        -1;
  }
}
