// Number types of vector files turned into float32, with the first number that float32 cannot keep found on the way.
#ifndef CAUSEWAY_CK_CONVERT_H
#define CAUSEWAY_CK_CONVERT_H
#include <stddef.h>
#include <stdint.h>

enum ck_element {
    CK_F16 = 0, CK_BF16 = 1, CK_F32 = 2, CK_F64 = 3,
    CK_I8 = 4, CK_U8 = 5, CK_I16 = 6, CK_U16 = 7, CK_I32 = 8, CK_U32 = 9, CK_I64 = 10, CK_U64 = 11
};

/// Converts `rows` rows of `dimension` elements, each row preceded by `row_prefix` bytes that are skipped; `source` may be
/// unaligned. `swapped` is nonzero for big-endian elements. Returns the index (row * dimension + column) of the first
/// element that is NaN, infinite, overflows float32, or is an integer float32 cannot hold exactly; rows * dimension when
/// there is none. float64 is rounded to nearest even; every other type is exact.
size_t ck_to_f32(int32_t element, int32_t swapped, const void *source, size_t row_prefix,
                 size_t rows, size_t dimension, float *out);

/// out[row * columns + column] = in[column * rows + row].
void ck_transpose_f32(const float *in, size_t rows, size_t columns, float *out);
#endif
