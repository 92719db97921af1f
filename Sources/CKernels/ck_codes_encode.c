// Rotation and quantisation of vectors and queries.
// Written once over vectors, compiled per instruction set. Sums run in a fixed number of lanes and products are never fused
// with sums, so that every machine makes the same codes.
#include "ck_codes.h"
#include "ck_vectors.h"
#include <math.h>
#include <string.h>

#pragma STDC FP_CONTRACT OFF

/// One stage within 16 lanes: a + b where the bit of the lane is clear, a - b where it is set (as a + -b, which is the same).
#define STAGE(v, bit, ...)                                                                                            \
    do {                                                                                                              \
        const i32x16 lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};                                   \
        const i32x16 minus = ((lane & (bit)) != 0) & INT32_MIN;                                                       \
        const f32x16 other = __builtin_shufflevector(v, v, __VA_ARGS__);                                              \
        v = other + (f32x16)((i32x16)v ^ minus);                                                                      \
    } while (0)

INLINE void hadamard_16(float *values) {
    f32x16 v;
    memcpy(&v, values, sizeof v);
    STAGE(v, 1, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
    STAGE(v, 2, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
    STAGE(v, 4, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11);
    STAGE(v, 8, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
    memcpy(values, &v, sizeof v);
}

/// n is a power of two, 64 or more.
INLINE void hadamard(float *v, size_t n) {
    for (size_t i = 0; i < n; i += 16) hadamard_16(v + i);
    for (size_t h = 16; h < n; h *= 2) {
        for (size_t i = 0; i < n; i += 2 * h) {
            for (size_t j = i; j < i + h; j += 16) {
                f32x16 a, b, sum, difference;
                memcpy(&a, v + j, sizeof a);
                memcpy(&b, v + j + h, sizeof b);
                sum = a + b;
                difference = a - b;
                memcpy(v + j, &sum, sizeof sum);
                memcpy(v + j + h, &difference, sizeof difference);
            }
        }
    }
    const float scale = (float)(1.0 / sqrt((double)n));
    for (size_t i = 0; i < n; i++) v[i] *= scale;
}

INLINE void rotate(float *vector, size_t n, const float *signs) {
    for (size_t i = 0; i < n; i++) vector[i] *= signs[i];
    size_t start = 0;
    for (size_t block = (size_t)1 << 30; block > 0; block >>= 1) {
        if (!(n & block)) continue;
        hadamard(vector + start, block);
        start += block;
    }
    if ((n & (n - 1)) == 0) return;
    for (size_t i = 0; i < n; i++) vector[i] *= signs[n + i];
    size_t end = n;
    for (size_t block = (size_t)1 << 30; block > 0; block >>= 1) {
        if (!(n & block)) continue;
        hadamard(vector + end - block, block);
        end -= block;
    }
}

/// The reciprocal of the Euclidean norm, or 0 when there is none. float32 squares neither overflow nor vanish in float64.
INLINE double inverse_norm(const float *x, size_t dimension) {
    f64x4 s = {0, 0, 0, 0};
    size_t i = 0;
    for (; i + 4 <= dimension; i += 4) {
        f32x4 narrow;
        memcpy(&narrow, x + i, sizeof narrow);
        const f64x4 wide = __builtin_convertvector(narrow, f64x4);
        s = s + wide * wide;
    }
    for (; i < dimension; i++) s[0] += (double)x[i] * (double)x[i];
    double sum = (s[0] + s[1]) + (s[2] + s[3]);
    return sum > 0 && isfinite(sum) ? 1.0 / sqrt(sum) : 0;
}

/// The largest size of n components; n is a multiple of 16.
INLINE float largest(const float *v, size_t n) {
    f32x16 most = {0};
    for (size_t i = 0; i < n; i += 16) {
        f32x16 value;
        memcpy(&value, v + i, sizeof value);
        value = (f32x16)((i32x16)value & INT32_MAX);
        most = value > most ? value : most;
    }
    float m = 0;
    for (int lane = 0; lane < 16; lane++) m = most[lane] > m ? most[lane] : m;
    return m;
}

/// v / scale rounded to the nearest integer, halves to even, by the sum that leaves no room for a fraction.
INLINE float nearest(float v, float inverse) {
    float shifted = v * inverse + 12582912.0f;
    float rounded = shifted - 12582912.0f;
    return rounded > 127 ? 127 : (rounded < -127 ? -127 : rounded);
}

INLINE float rounded_up(double v) { return (float)(v * (1 + 1e-6)); }

/// Puts the upper halves of n bytes before the lower ones; a byte of either plane holds two that are n / 2 apart.
INLINE void pack(uint8_t *code, size_t n) {
    uint8_t *const hot = code, *const cold = code + n / 2;
    for (size_t j = 0; j < n / 2; j++) {
        const uint8_t a = hot[j], b = cold[j];
        hot[j] = (uint8_t)(a >> 4 | (b & 0xF0));
        cold[j] = (uint8_t)((a & 15) | b << 4);
    }
}

INLINE int32_t encode(const float *x, size_t dimension, size_t n, const float *mean, const float *signs,
                      const float *rotated_mean, float *work, uint8_t *code, struct ck_code_scale *scale) {
    double inverse = inverse_norm(x, dimension);
    if (inverse == 0) return 0;
    for (size_t i = 0; i < dimension; i++) work[i] = (float)((double)x[i] * inverse - (double)mean[i]);
    memset(work + dimension, 0, (n - dimension) * sizeof(float));
    rotate(work, n, signs);
    float s = largest(work, n) / 127;
    float reciprocal = s > 1e-30f ? 1 / s : 0;
    if (reciprocal == 0) s = 0;
    double error[2] = {0, 0}, bias[2] = {0, 0};
    for (size_t i = 0; i < n; i += 2) {
        for (size_t k = 0; k < 2; k++) {
            float c = nearest(work[i + k], reciprocal);
            double approximate = (double)s * (double)c, difference = (double)work[i + k] - approximate;
            code[i + k] = (uint8_t)((int32_t)c + 128);
            error[k] += difference * difference;
            bias[k] += (double)rotated_mean[i + k] * approximate;
        }
    }
    pack(code, n);
    scale->scale = s;
    scale->bias = (float)(bias[0] + bias[1]);
    scale->error = rounded_up(sqrt(error[0] + error[1]));
    return 1;
}

INLINE int32_t as_query(const uint8_t *code, size_t n, int8_t *query) {
    const size_t half = n / 2;
    int32_t sum = 0;
    for (size_t j = 0; j < half; j++) {
        const uint8_t hot = code[j], cold = code[half + j];
        const int32_t a = ((hot & 15) << 4 | (cold & 15)) - 128, b = ((hot & 0xF0) | cold >> 4) - 128;
        query[j] = (int8_t)a;
        query[half + j] = (int8_t)b;
        sum += a + b;
    }
    return 128 * sum;
}

INLINE double fold(const f64x8 *sums) {
    const f64x8 t = *sums;
    return ((t[0] + t[4]) + (t[2] + t[6])) + ((t[1] + t[5]) + (t[3] + t[7]));
}

/// `nearest` of eight components.
INLINE void nearest_8(const f32x8 *v, float inverse, f32x8 *rounded) {
    const f32x8 shifted = *v * inverse + 12582912.0f, most = (f32x8){0} + 127.0f;
    f32x8 r = shifted - 12582912.0f;
    r = r > most ? most : r;
    *rounded = r < -most ? -most : r;
}

/// Quantises v and leaves what is lost in it; returns the scale.
INLINE float split(float *v, size_t n, int8_t *plane, int32_t *offset, float *lost) {
    float s = largest(v, n) / 127;
    float reciprocal = s > 1e-30f ? 1 / s : 0;
    if (reciprocal == 0) s = 0;
    i32x8 sum = {0};
    f64x8 error = {0};
    for (size_t i = 0; i < n; i += 8) {
        f32x8 value, c;
        memcpy(&value, v + i, sizeof value);
        nearest_8(&value, reciprocal, &c);
        const i32x8 whole = __builtin_convertvector(c, i32x8);
        const i8x8 bytes = __builtin_convertvector(whole, i8x8);
        const f64x8 difference = __builtin_convertvector(value, f64x8) - (double)s * __builtin_convertvector(c, f64x8);
        const f32x8 rest = __builtin_convertvector(difference, f32x8);
        memcpy(plane + i, &bytes, sizeof bytes);
        memcpy(v + i, &rest, sizeof rest);
        sum = sum + whole;
        error = error + difference * difference;
    }
    int32_t total = 0;
    for (int lane = 0; lane < 8; lane++) total += sum[lane];
    *offset = 128 * total;
    *lost = rounded_up(sqrt(fold(&error)));
    return s;
}

INLINE int32_t encode_query(const float *x, size_t dimension, size_t n, const float *mean, const float *signs,
                            float *work, int8_t *coarse, int8_t *fine, struct ck_query_scale *scale) {
    double inverse = inverse_norm(x, dimension);
    if (inverse == 0) return 0;
    f64x8 centers = {0};
    size_t i = 0;
    for (; i + 8 <= dimension; i += 8) {
        f32x8 value, center;
        memcpy(&value, x + i, sizeof value);
        memcpy(&center, mean + i, sizeof center);
        const f64x8 component = __builtin_convertvector(value, f64x8) * inverse;
        const f32x8 narrow = __builtin_convertvector(component, f32x8);
        memcpy(work + i, &narrow, sizeof narrow);
        centers = centers + component * __builtin_convertvector(center, f64x8);
    }
    for (; i < dimension; i++) {
        double component = (double)x[i] * inverse;
        centers[0] += component * (double)mean[i];
        work[i] = (float)component;
    }
    memset(work + dimension, 0, (n - dimension) * sizeof(float));
    rotate(work, n, signs);
    scale->center = fold(&centers);
    scale->coarse_scale = split(work, n, coarse, &scale->coarse_offset, &scale->coarse_error);
    scale->fine_scale = split(work, n, fine, &scale->fine_offset, &scale->fine_error);
    return 1;
}

#define VARIANT(NAME, TARGET)                                                                                         \
    TARGET static void rotate_##NAME(float *vector, size_t n, const float *signs) { rotate(vector, n, signs); }       \
    TARGET static int32_t encode_##NAME(const float *x, size_t dimension, size_t n, const float *mean,                \
                                        const float *signs, const float *rotated_mean, float *work, uint8_t *code,    \
                                        struct ck_code_scale *scale) {                                                \
        return encode(x, dimension, n, mean, signs, rotated_mean, work, code, scale);                                 \
    }                                                                                                                 \
    TARGET static int32_t as_query_##NAME(const uint8_t *code, size_t n, int8_t *query) {                             \
        return as_query(code, n, query);                                                                              \
    }                                                                                                                 \
    TARGET static int32_t encode_query_##NAME(const float *x, size_t dimension, size_t n, const float *mean,          \
                                              const float *signs, float *work, int8_t *coarse, int8_t *fine,          \
                                              struct ck_query_scale *scale) {                                         \
        return encode_query(x, dimension, n, mean, signs, work, coarse, fine, scale);                                 \
    }

FOR_EACH_TARGET(VARIANT)

void ck_codes_rotate(float *vector, size_t n, const float *signs) { DISPATCH(rotate, vector, n, signs); }

int32_t ck_codes_as_query(const uint8_t *code, size_t n, int8_t *query) { return DISPATCH(as_query, code, n, query); }

int32_t ck_codes_encode(const float *x, size_t dimension, size_t n, const float *mean, const float *signs,
                        const float *rotated_mean, float *work, uint8_t *code, struct ck_code_scale *scale) {
    return DISPATCH(encode, x, dimension, n, mean, signs, rotated_mean, work, code, scale);
}

int32_t ck_codes_encode_query(const float *x, size_t dimension, size_t n, const float *mean, const float *signs,
                              float *work, int8_t *coarse, int8_t *fine, struct ck_query_scale *scale) {
    return DISPATCH(encode_query, x, dimension, n, mean, signs, work, coarse, fine, scale);
}
