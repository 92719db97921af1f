// Rotation and quantisation of vectors, and the choice of the instruction set for the dot products.
// Floating point here is plain C in a fixed order without fused multiplies, so that every machine makes the same codes.
#include "ck_codes.h"
#include "ck_codes_kernels.h"
#include "ck_cpu.h"
#include <math.h>
#include <string.h>

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

#pragma STDC FP_CONTRACT OFF

#if defined(__x86_64__)
#define DISPATCH(kernel, ...)                                       \
    switch (ck_level()) {                                           \
    case CK_VNNI: kernel##_vnni(__VA_ARGS__); return;               \
    case CK_AVX512: kernel##_avx512(__VA_ARGS__); return;           \
    case CK_AVX2: kernel##_avx2(__VA_ARGS__); return;               \
    default: kernel##_scalar(__VA_ARGS__); return;                  \
    }
#elif defined(__aarch64__)
#define DISPATCH(kernel, ...)                                       \
    switch (ck_level()) {                                           \
    case CK_NEON: kernel##_neon(__VA_ARGS__); return;               \
    default: kernel##_scalar(__VA_ARGS__); return;                  \
    }
#else
#define DISPATCH(kernel, ...) kernel##_scalar(__VA_ARGS__);
#endif

void ck_codes_gather(const uint8_t *codes, size_t n, const int8_t *query, int32_t offset, const uint32_t *ids,
                     size_t count, int32_t *out) {
    DISPATCH(ck_gather, codes, n, query, offset, ids, count, out)
}

void ck_codes_block(const uint8_t *codes, size_t n, const int8_t *query, int32_t offset, size_t count, int32_t *out) {
    DISPATCH(ck_block, codes, n, query, offset, count, out)
}

void ck_codes_many(const uint8_t *codes, size_t n, size_t count, const int8_t *queries, const int32_t *offsets,
                   size_t query_count, int32_t *out) {
    DISPATCH(ck_many, codes, n, count, queries, offsets, query_count, out)
}

int32_t ck_codes_as_query(const uint8_t *code, size_t n, int8_t *query) {
    for (size_t i = 0; i < n; i++) query[i] = (int8_t)(code[i] ^ 0x80);
    int32_t sum = 0;
#if defined(__x86_64__)
    __m128i sums = _mm_setzero_si128();  // SSE2, which every x86-64 processor has
    for (size_t i = 0; i < n; i += 16)
        sums = _mm_add_epi64(sums, _mm_sad_epu8(_mm_loadu_si128((const __m128i *)(code + i)), _mm_setzero_si128()));
    sum = _mm_cvtsi128_si32(sums) + _mm_cvtsi128_si32(_mm_unpackhi_epi64(sums, sums));
#else
    for (size_t i = 0; i < n; i++) sum += code[i];
#endif
    return 128 * (sum - 128 * (int32_t)n);
}

static void hadamard(float *v, size_t n) {
    for (size_t h = 1; h < n; h *= 2) {
        for (size_t i = 0; i < n; i += 2 * h) {
            for (size_t j = i; j < i + h; j++) {
                float a = v[j], b = v[j + h];
                v[j] = a + b;
                v[j + h] = a - b;
            }
        }
    }
    float scale = (float)(1.0 / sqrt((double)n));
    for (size_t i = 0; i < n; i++) v[i] *= scale;
}

void ck_codes_rotate(float *vector, size_t n, const float *signs) {
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
static double inverse_norm(const float *x, size_t dimension) {
    double s[4] = {0, 0, 0, 0};
    size_t i = 0;
    for (; i + 4 <= dimension; i += 4)
        for (size_t k = 0; k < 4; k++) s[k] += (double)x[i + k] * (double)x[i + k];
    for (; i < dimension; i++) s[0] += (double)x[i] * (double)x[i];
    double sum = (s[0] + s[1]) + (s[2] + s[3]);
    return sum > 0 && isfinite(sum) ? 1.0 / sqrt(sum) : 0;
}

static float largest(const float *v, size_t n) {
    float m = 0;
    for (size_t i = 0; i < n; i++) {
        float a = fabsf(v[i]);
        m = a > m ? a : m;
    }
    return m;
}

/// v / scale rounded to the nearest integer, halves to even, by the sum that leaves no room for a fraction.
static inline float nearest(float v, float inverse) {
    float shifted = v * inverse + 12582912.0f;
    float rounded = shifted - 12582912.0f;
    return rounded > 127 ? 127 : (rounded < -127 ? -127 : rounded);
}

static float rounded_up(double v) { return (float)(v * (1 + 1e-6)); }

int32_t ck_codes_encode(const float *x, size_t dimension, size_t n, const float *mean, const float *signs,
                        const float *rotated_mean, float *work, uint8_t *code, struct ck_code_scale *scale) {
    double inverse = inverse_norm(x, dimension);
    if (inverse == 0) return 0;
    for (size_t i = 0; i < dimension; i++) work[i] = (float)((double)x[i] * inverse - (double)mean[i]);
    memset(work + dimension, 0, (n - dimension) * sizeof(float));
    ck_codes_rotate(work, n, signs);
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
    scale->scale = s;
    scale->bias = (float)(bias[0] + bias[1]);
    scale->error = rounded_up(sqrt(error[0] + error[1]));
    return 1;
}

/// Quantises v and leaves what is lost in it; returns the scale.
static float split(float *v, size_t n, int8_t *plane, int32_t *offset, float *lost) {
    float s = largest(v, n) / 127;
    float reciprocal = s > 1e-30f ? 1 / s : 0;
    if (reciprocal == 0) s = 0;
    int32_t sum = 0;
    double error = 0;
    for (size_t i = 0; i < n; i++) {
        float c = nearest(v[i], reciprocal);
        double difference = (double)v[i] - (double)s * (double)c;
        plane[i] = (int8_t)c;
        sum += (int32_t)c;
        error += difference * difference;
        v[i] = (float)difference;
    }
    *offset = 128 * sum;
    *lost = rounded_up(sqrt(error));
    return s;
}

int32_t ck_codes_encode_query(const float *x, size_t dimension, size_t n, const float *mean, const float *signs,
                              float *work, int8_t *coarse, int8_t *fine, struct ck_query_scale *scale) {
    double inverse = inverse_norm(x, dimension);
    if (inverse == 0) return 0;
    double center = 0;
    for (size_t i = 0; i < dimension; i++) {
        double component = (double)x[i] * inverse;
        center += component * (double)mean[i];
        work[i] = (float)component;
    }
    memset(work + dimension, 0, (n - dimension) * sizeof(float));
    ck_codes_rotate(work, n, signs);
    scale->center = center;
    scale->coarse_scale = split(work, n, coarse, &scale->coarse_offset, &scale->coarse_error);
    scale->fine_scale = split(work, n, fine, &scale->fine_offset, &scale->fine_error);
    return 1;
}
