// Row operations of the decompositions, and the optimiser's step: which body runs.
#include "ck_linear.h"
#include "ck_cpu.h"
#include <math.h>

#define V double
#define VU double
#define TARGET
#define SUM(v) (v)
#define NAME(x) x##_scalar
#include "ck_linear_rows.h"

#if defined(__x86_64__)
typedef double f64x4 __attribute__((vector_size(32)));
typedef double f64x4u __attribute__((vector_size(32), aligned(8), may_alias));
typedef double f64x8 __attribute__((vector_size(64)));
typedef double f64x8u __attribute__((vector_size(64), aligned(8), may_alias));

#define V f64x4
#define VU f64x4u
#define TARGET __attribute__((target("avx2,fma")))
#define SUM(v) (((v)[0] + (v)[1]) + ((v)[2] + (v)[3]))
#define NAME(x) x##_avx2
#include "ck_linear_rows.h"

#define V f64x8
#define VU f64x8u
#define TARGET __attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,fma")))
#define SUM(v) ((((v)[0] + (v)[1]) + ((v)[2] + (v)[3])) + (((v)[4] + (v)[5]) + ((v)[6] + (v)[7])))
#define NAME(x) x##_avx512
#include "ck_linear_rows.h"

#define DISPATCH(name, ...)                          \
    switch (ck_level()) {                            \
    case CK_VNNI:                                    \
    case CK_AVX512: return name##_avx512(__VA_ARGS__); \
    case CK_AVX2: return name##_avx2(__VA_ARGS__);     \
    default: return name##_scalar(__VA_ARGS__);        \
    }
#elif defined(__aarch64__)
typedef double f64x2 __attribute__((vector_size(16)));
typedef double f64x2u __attribute__((vector_size(16), aligned(8), may_alias));

#define V f64x2
#define VU f64x2u
#define TARGET
#define SUM(v) ((v)[0] + (v)[1])
#define NAME(x) x##_neon
#include "ck_linear_rows.h"

#define DISPATCH(name, ...)                        \
    switch (ck_level()) {                          \
    case CK_NEON: return name##_neon(__VA_ARGS__);   \
    default: return name##_scalar(__VA_ARGS__);      \
    }
#else
#define DISPATCH(name, ...) return name##_scalar(__VA_ARGS__);
#endif

double ck_dot_f64(size_t count, const double *x, const double *y) { DISPATCH(dot, count, x, y) }

void ck_axpy_f64(size_t count, double factor, const double *x, double *y) { DISPATCH(axpy, count, factor, x, y) }

void ck_matvec_f64(size_t rows, size_t columns, const double *a, size_t lda, const double *x, double *out) {
    DISPATCH(matvec, rows, columns, a, lda, x, out)
}

void ck_rank2_f64(size_t n, double *a, size_t lda, const double *v, const double *w) { DISPATCH(rank2, n, a, lda, v, w) }

void ck_reflect_f64(size_t rows, size_t columns, double *a, size_t lda, const double *v, double tau) {
    DISPATCH(reflect, rows, columns, a, lda, v, tau)
}

void ck_rotate_f64(size_t count, double *x, double *y, double c, double s) { DISPATCH(rotate, count, x, y, c, s) }

void ck_rotations_f64(size_t count, size_t top, size_t columns, double *a, size_t lda, const double *c, const double *s) {
    for (size_t i = 0; i < count; i++) {
        double *upper = a + (top - 1 - i) * lda;
        ck_rotate_f64(columns, upper, upper + lda, c[i], s[i]);
    }
}

void ck_adam_f32(size_t count, struct ck_adam step, const float *gradient, const float *anchor, float *m, float *v,
                 float *parameter) {
    for (size_t i = 0; i < count; i++) {
        const float g = gradient[i];
        m[i] = step.beta1 * m[i] + (1 - step.beta1) * g;
        v[i] = step.beta2 * v[i] + (1 - step.beta2) * g * g;
        const float move = m[i] * step.correction1 / (sqrtf(v[i] * step.correction2) + step.epsilon);
        parameter[i] -= step.rate * (move + step.decay * (parameter[i] - anchor[i]));
    }
}
