// Tests whether float32 values fit a half-width format bit for bit, and the conversions. Never rounds.
#include "ck_bytes.h"
#include "ck_cpu.h"
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

int32_t ck_is_bfloat16_exact(const float *values, size_t count) {
    for (size_t start = 0; start < count; start += 256) {  // dense vectors fail in the first stretch
        const size_t end = count - start < 256 ? count : start + 256;
        uint32_t seen = 0;
        for (size_t i = start; i < end; i++) {
            uint32_t word;
            memcpy(&word, values + i, 4);
            seen |= word;
        }
        if (seen & 0xFFFF) return 0;
    }
    return 1;
}

// One value to binary16; 0 when it does not fit exactly.
static int half_exact(uint32_t word, uint16_t *half) {
    const uint32_t sign = word >> 16 & 0x8000, mantissa = word & 0x7FFFFF;
    const int exponent = (int)(word >> 23 & 255) - 127;
    if (exponent == 128) {
        *half = (uint16_t)(sign | 0x7C00);
        return mantissa == 0;
    }
    if (exponent > 15) return 0;
    if (exponent >= -14) {
        *half = (uint16_t)(sign | (uint32_t)(exponent + 15) << 10 | mantissa >> 13);
        return (mantissa & 0x1FFF) == 0;
    }
    if (exponent >= -24) {
        const uint32_t whole = mantissa | 0x800000;
        const int shift = -1 - exponent;
        *half = (uint16_t)(sign | whole >> shift);
        return (whole & ((1u << shift) - 1)) == 0;
    }
    *half = (uint16_t)sign;
    return (word & 0x7FFFFFFF) == 0;
}

static uint32_t half_widened(uint16_t half) {
    const uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    uint32_t exponent = half >> 10 & 31, mantissa = half & 0x3FF;
    if (exponent == 31) return sign | 0x7F800000 | mantissa << 13;
    if (exponent == 0) {
        if (mantissa == 0) return sign;
        exponent = 1;
        while (!(mantissa & 0x400)) {
            mantissa <<= 1;
            exponent -= 1;  // may wrap below zero; the bias added next restores it
        }
        mantissa &= 0x3FF;
    }
    return sign | (exponent + 112) << 23 | mantissa << 13;
}

static int32_t exact_scalar(const float *values, size_t count, uint16_t *halves) {
    for (size_t i = 0; i < count; i++) {
        uint32_t word;
        memcpy(&word, values + i, 4);
        if (!half_exact(word, halves + i)) return 0;
    }
    return 1;
}

static void widen_scalar(const uint16_t *halves, size_t count, float *values) {
    for (size_t i = 0; i < count; i++) {
        uint32_t word = half_widened(halves[i]);
        memcpy(values + i, &word, 4);
    }
}

#if defined(__x86_64__)
__attribute__((target("avx2,f16c")))
static int32_t exact_f16c(const float *values, size_t count, uint16_t *halves) {
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        __m256 value = _mm256_loadu_ps(values + i);
        __m128i half = _mm256_cvtps_ph(value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
        __m256i back = _mm256_castps_si256(_mm256_cvtph_ps(half));
        __m256i equal = _mm256_cmpeq_epi32(back, _mm256_castps_si256(value));
        __m256i number = _mm256_castps_si256(_mm256_cmp_ps(value, value, _CMP_ORD_Q));
        if (_mm256_movemask_epi8(_mm256_and_si256(equal, number)) != -1) return 0;
        _mm_storeu_si128((__m128i *)(halves + i), half);
    }
    return exact_scalar(values + i, count - i, halves + i);
}

__attribute__((target("avx2,f16c")))
static void widen_f16c(const uint16_t *halves, size_t count, float *values) {
    size_t i = 0;
    for (; i + 8 <= count; i += 8)
        _mm256_storeu_ps(values + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(halves + i))));
    widen_scalar(halves + i, count - i, values + i);
}
#endif

int32_t ck_float16_exact(const float *values, size_t count, uint16_t *halves) {
#if defined(__x86_64__)
    if (ck_level() >= CK_AVX2) return exact_f16c(values, count, halves);
#endif
    return exact_scalar(values, count, halves);
}

void ck_float16_widen(const uint16_t *halves, size_t count, float *values) {
#if defined(__x86_64__)
    if (ck_level() >= CK_AVX2) {
        widen_f16c(halves, count, values);
        return;
    }
#endif
    widen_scalar(halves, count, values);
}
