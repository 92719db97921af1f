// Finds the processor's instruction set once, and lets tests lower it.
#include "ck_cpu.h"
#include <stdlib.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif
#include <stdatomic.h>

static _Atomic int32_t level_found = -1;
static _Thread_local int32_t level_lowered = -1;

int32_t ck_level_best(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
        return __builtin_cpu_supports("avx512vnni") ? CK_VNNI : CK_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return CK_AVX2;
    return CK_SCALAR;
#elif defined(__aarch64__)
    return CK_NEON;
#else
    return CK_SCALAR;
#endif
}

int32_t ck_level(void) {
    if (level_lowered >= 0) return level_lowered;
    int32_t level = atomic_load_explicit(&level_found, memory_order_relaxed);
    if (level < 0) {
        level = ck_level_best();
        atomic_store_explicit(&level_found, level, memory_order_relaxed);
    }
    return level;
}

void ck_set_level(int32_t level) {
    int32_t best = ck_level_best();
    if (level < CK_SCALAR || level > best) return;
    if (level == CK_NEON && best != CK_NEON) return;
    level_lowered = level;
}

int32_t ck_adds_beside_products(void) {
#if defined(__x86_64__)
    return __builtin_cpu_is("amd") != 0;
#else
    return 0;
#endif
}

const char *ck_level_name(int32_t level) {
    switch (level) {
    case CK_NEON: return "neon";
    case CK_AVX2: return "avx2";
    case CK_AVX512: return "avx512";
    case CK_VNNI: return "avx512-vnni";
    default: return "scalar";
    }
}

void ck_return_blocks(int32_t bytes) {
#if defined(__GLIBC__)
    mallopt(M_MMAP_THRESHOLD, bytes);
#else
    (void)bytes;
#endif
}
