// Dense linear algebra over row-major matrices: products in float32 and float64, and the row operations of
// Householder, QL and Jacobi. Sums run in one fixed order for a given instruction set, whatever calls them.
#ifndef CAUSEWAY_CK_LINEAR_H
#define CAUSEWAY_CK_LINEAR_H
#include <stddef.h>
#include <stdint.h>

/// Bytes of scratch memory one product needs; it has no state between calls.
size_t ck_gemm_scratch_bytes(void);

/// c (m×n) += op(a)·op(b), op being the transpose where the flag is not 0; op(a) is m×k and op(b) k×n.
/// lda, ldb, ldc are row strides in elements. The order of the k additions depends on k alone.
void ck_gemm_f32(int32_t transpose_a, int32_t transpose_b, size_t m, size_t n, size_t k, const float *a, size_t lda,
                 const float *b, size_t ldb, float *c, size_t ldc, void *scratch);
void ck_gemm_f64(int32_t transpose_a, int32_t transpose_b, size_t m, size_t n, size_t k, const double *a, size_t lda,
                 const double *b, size_t ldb, double *c, size_t ldc, void *scratch);

/// x·y.
double ck_dot_f64(size_t count, const double *x, const double *y);
/// y += factor·x.
void ck_axpy_f64(size_t count, double factor, const double *x, double *y);
/// out[i] = a[i,:]·x for each row.
void ck_matvec_f64(size_t rows, size_t columns, const double *a, size_t lda, const double *x, double *out);
/// a[i,j] -= v[i]·w[j] + w[i]·v[j].
void ck_rank2_f64(size_t n, double *a, size_t lda, const double *v, const double *w);
/// Each row r of a becomes r − tau·(r·v)·v.
void ck_reflect_f64(size_t rows, size_t columns, double *a, size_t lda, const double *v, double tau);
/// (x, y) becomes (c·x − s·y, s·x + c·y).
void ck_rotate_f64(size_t count, double *x, double *y, double c, double s);
/// Applies `count` rotations to neighbouring rows, the first to rows (top−1, top), the next to (top−2, top−1) and so on.
void ck_rotations_f64(size_t count, size_t top, size_t columns, double *a, size_t lda, const double *c, const double *s);

/// One step of Adam (Kingma and Ba 2015) with decoupled decay towards `anchor`; first and second moments in m and v,
/// corrections 1/(1−β₁ᵗ) and 1/(1−β₂ᵗ) given by the caller.
struct ck_adam {
    float rate, beta1, beta2, correction1, correction2, epsilon, decay;
};
void ck_adam_f32(size_t count, struct ck_adam step, const float *gradient, const float *anchor, float *m, float *v,
                 float *parameter);
#endif
