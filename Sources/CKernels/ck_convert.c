// Plain loops that compilers vectorise at -O2 with every baseline instruction set: reading is bound by memory, not by these.
// A run of elements is converted without a branch and only reports whether any was refused; the search for it comes after.
#include "ck_convert.h"
#include <string.h>

#define RUN 1024

static inline uint16_t load16(const uint8_t *p, int swapped) {
    uint16_t v;
    memcpy(&v, p, 2);
    return swapped ? __builtin_bswap16(v) : v;
}
static inline uint32_t load32(const uint8_t *p, int swapped) {
    uint32_t v;
    memcpy(&v, p, 4);
    return swapped ? __builtin_bswap32(v) : v;
}
static inline uint64_t load64(const uint8_t *p, int swapped) {
    uint64_t v;
    memcpy(&v, p, 8);
    return swapped ? __builtin_bswap64(v) : v;
}

static inline float float_of(uint32_t bits) {
    float f;
    memcpy(&f, &bits, 4);
    return f;
}
static inline uint32_t bits_of(float f) {
    uint32_t bits;
    memcpy(&bits, &f, 4);
    return bits;
}

/// Nonzero when the exponent is all ones: NaN or infinity.
static inline uint32_t not_finite(uint32_t bits) { return (bits & 0x7F800000u) == 0x7F800000u; }

/// Nonzero when the magnitude has more than 24 significant bits.
static inline uint32_t too_wide(uint64_t magnitude) {
    return magnitude != 0 && (magnitude >> __builtin_ctzll(magnitude)) >> 24 != 0;
}

// Each converts one element at p into *out and returns nonzero when it is refused.
static inline uint32_t one_f16(const uint8_t *p, int swapped, float *out) {
    // The half's bits, moved to float32's places, are the value times 2^-112, subnormals included.
    uint32_t half = load16(p, swapped);
    float scaled = float_of((half & 0x7FFFu) << 13) * float_of(0x77800000u);
    *out = float_of(bits_of(scaled) | (half & 0x8000u) << 16);
    return (half & 0x7C00u) == 0x7C00u;
}
static inline uint32_t one_bf16(const uint8_t *p, int swapped, float *out) {
    uint32_t bits = (uint32_t)load16(p, swapped) << 16;
    *out = float_of(bits);
    return not_finite(bits);
}
static inline uint32_t one_f32(const uint8_t *p, int swapped, float *out) {
    uint32_t bits = load32(p, swapped);
    memcpy(out, &bits, 4);
    return not_finite(bits);
}
static inline uint32_t one_f64(const uint8_t *p, int swapped, float *out) {
    uint64_t bits = load64(p, swapped);
    double d;
    memcpy(&d, &bits, 8);
    *out = (float)d;
    return not_finite(bits_of(*out));
}
static inline uint32_t one_i8(const uint8_t *p, int swapped, float *out) {
    (void)swapped;
    *out = (float)(int8_t)*p;
    return 0;
}
static inline uint32_t one_u8(const uint8_t *p, int swapped, float *out) {
    (void)swapped;
    *out = (float)*p;
    return 0;
}
static inline uint32_t one_i16(const uint8_t *p, int swapped, float *out) {
    *out = (float)(int16_t)load16(p, swapped);
    return 0;
}
static inline uint32_t one_u16(const uint8_t *p, int swapped, float *out) {
    *out = (float)load16(p, swapped);
    return 0;
}
static inline uint32_t one_i32(const uint8_t *p, int swapped, float *out) {
    int32_t v = (int32_t)load32(p, swapped);
    *out = (float)v;
    return (double)*out != (double)v;
}
static inline uint32_t one_u32(const uint8_t *p, int swapped, float *out) {
    uint32_t v = load32(p, swapped);
    *out = (float)v;
    return (double)*out != (double)v;
}
static inline uint32_t one_i64(const uint8_t *p, int swapped, float *out) {
    uint64_t v = load64(p, swapped);
    *out = (float)(int64_t)v;
    return too_wide((int64_t)v < 0 ? 0 - v : v);
}
static inline uint32_t one_u64(const uint8_t *p, int swapped, float *out) {
    uint64_t v = load64(p, swapped);
    *out = (float)v;
    return too_wide(v);
}

/// Converts `count` elements; returns the index of the first refused, or `count`.
typedef size_t (*converter)(const uint8_t *source, int swapped, size_t count, float *out);

#define CONVERTER(TYPE, SIZE)                                                                             \
    static size_t convert_##TYPE(const uint8_t *source, int swapped, size_t count, float *out) {          \
        for (size_t start = 0; start < count; start += RUN) {                                             \
            size_t run = count - start < RUN ? count - start : RUN;                                       \
            const uint8_t *from = source + start * SIZE;                                                  \
            float *to = out + start;                                                                      \
            uint32_t bad = 0;                                                                             \
            if (swapped)                                                                                  \
                for (size_t i = 0; i < run; i++) bad |= one_##TYPE(from + i * SIZE, 1, to + i);           \
            else                                                                                          \
                for (size_t i = 0; i < run; i++) bad |= one_##TYPE(from + i * SIZE, 0, to + i);           \
            if (!bad) continue;                                                                           \
            for (size_t i = 0; i < run; i++)                                                              \
                if (one_##TYPE(from + i * SIZE, swapped, to + i)) return start + i;                       \
        }                                                                                                 \
        return count;                                                                                     \
    }

CONVERTER(f16, 2)
CONVERTER(bf16, 2)
CONVERTER(f32, 4)
CONVERTER(f64, 8)
CONVERTER(i8, 1)
CONVERTER(u8, 1)
CONVERTER(i16, 2)
CONVERTER(u16, 2)
CONVERTER(i32, 4)
CONVERTER(u32, 4)
CONVERTER(i64, 8)
CONVERTER(u64, 8)

static const converter converters[] = {convert_f16, convert_bf16, convert_f32, convert_f64, convert_i8, convert_u8,
                                       convert_i16, convert_u16, convert_i32, convert_u32, convert_i64, convert_u64};
static const size_t element_bytes[] = {2, 2, 4, 8, 1, 1, 2, 2, 4, 4, 8, 8};

size_t ck_to_f32(int32_t element, int32_t swapped, const void *source, size_t row_prefix,
                 size_t rows, size_t dimension, float *out) {
    converter convert = converters[element];
    const uint8_t *bytes = source;
    if (row_prefix == 0) return convert(bytes, swapped, rows * dimension, out);
    size_t stride = row_prefix + dimension * element_bytes[element];
    for (size_t row = 0; row < rows; row++) {
        size_t first = convert(bytes + row * stride + row_prefix, swapped, dimension, out + row * dimension);
        if (first != dimension) return row * dimension + first;
    }
    return rows * dimension;
}

void ck_transpose_f32(const float *in, size_t rows, size_t columns, float *out) {
    enum { TILE = 16 };  // a tile of reads and one of writes fit in the first-level cache
    for (size_t row = 0; row < rows; row += TILE) {
        size_t row_end = row + TILE < rows ? row + TILE : rows;
        for (size_t column = 0; column < columns; column += TILE) {
            size_t column_end = column + TILE < columns ? column + TILE : columns;
            for (size_t r = row; r < row_end; r++)
                for (size_t c = column; c < column_end; c++) out[r * columns + c] = in[c * rows + r];
        }
    }
}
