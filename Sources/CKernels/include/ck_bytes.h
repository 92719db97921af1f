// Checksums and lossless byte-plane transforms over stored float32. Layouts are normative in Schemas/FORMAT.md, § Codecs.
#ifndef CAUSEWAY_CK_BYTES_H
#define CAUSEWAY_CK_BYTES_H
#include <stddef.h>
#include <stdint.h>

/// CRC-32C (Castagnoli, RFC 3720 B.4) of `count` bytes, continuing from `crc` (0 at the start).
uint32_t ck_crc32c(uint32_t crc, const void *bytes, size_t count);

/// Bytes of the transposed exponents of `count` values: eight bit planes of (count + 7) / 8 bytes each.
static inline size_t ck_exponent_bits_size(size_t count) { return 8 * ((count + 7) / 8); }

/// Splits float32 words, rotated left by one, into three raw byte planes of `count` bytes each (lowest first) and the
/// exponents: (largest − exponent), as bit planes (bit k of plane p is bit p of value k). Returns the largest exponent.
uint8_t ck_exponent_split(const float *values, size_t count, uint8_t *planes, uint8_t *bits);

/// The inverse, for every bit pattern.
void ck_exponent_merge(const uint8_t *planes, const uint8_t *bits, uint8_t largest, size_t count, float *values);

/// The same for values that bfloat16 holds exactly: one plane, mantissa × 2 + sign.
uint8_t ck_exponent_split_bfloat16(const float *values, size_t count, uint8_t *plane, uint8_t *bits);
void ck_exponent_merge_bfloat16(const uint8_t *plane, const uint8_t *bits, uint8_t largest, size_t count, float *values);

/// 1 when the low 16 bits of every value are zero.
int32_t ck_is_bfloat16_exact(const float *values, size_t count);

/// Converts to binary16 and returns 1 when every value survives bit for bit; 0 (and an unspecified `halves`) when not.
/// Not-a-number never counts as exact.
int32_t ck_float16_exact(const float *values, size_t count, uint16_t *halves);

/// binary16 to float32, exact for every finite value and infinity.
void ck_float16_widen(const uint16_t *halves, size_t count, float *values);
#endif
