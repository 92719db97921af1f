// What the kernels find: the instruction set in use, chosen once from the processor (tests lower it to compare twins), and the
// allocator's one setting.
#ifndef CAUSEWAY_CK_CPU_H
#define CAUSEWAY_CK_CPU_H
#include <stdint.h>

enum ck_level {
    CK_SCALAR = 0,  // plain C, the oracle
    CK_NEON = 1,    // ARM64 baseline
    CK_AVX2 = 2,    // AVX2 + FMA + F16C
    CK_AVX512 = 3,  // AVX-512 F, BW, VL, DQ
    CK_VNNI = 4     // the above and AVX-512 VNNI
};

/// The best level this processor has.
int32_t ck_level_best(void);

/// The level in force for the calling thread.
int32_t ck_level(void);

/// Lowers the level in force (a level this processor lacks is ignored); for tests and benchmarks, on the calling thread alone, so
/// that those beside it are not disturbed. Threads it starts have the best.
void ck_set_level(int32_t level);

/// "scalar", "neon", "avx2", "avx512", "avx512-vnni".
const char *ck_level_name(int32_t level);

/// Whether the processor adds floating-point vectors with other units than it multiplies them with, as AMD's do since Zen.
int32_t ck_adds_beside_products(void);

/// Freed blocks of at least `bytes` go back to the system at once, where the allocator can be told so (glibc); process-wide,
/// for executables only.
void ck_return_blocks(int32_t bytes);
#endif
