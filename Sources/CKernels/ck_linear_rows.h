// Row operations in float64 for one instruction set; included by ck_linear_rows.c for each.
// Wanted from the includer: V (a vector of double, or double), VU (V at any alignment), TARGET, NAME(x),
// SUM(v) (its lanes added).

#define LANES (sizeof(V) / sizeof(double))
#define AT(p) (*(VU *)(p))
#define FROM(p) (*(const VU *)(p))

TARGET static double NAME(dot)(size_t n, const double *x, const double *y) {
    V s0 = (V){0}, s1 = (V){0}, s2 = (V){0}, s3 = (V){0};
    size_t i = 0;
    for (; i + 4 * LANES <= n; i += 4 * LANES) {
        s0 += FROM(x + i) * FROM(y + i);
        s1 += FROM(x + i + LANES) * FROM(y + i + LANES);
        s2 += FROM(x + i + 2 * LANES) * FROM(y + i + 2 * LANES);
        s3 += FROM(x + i + 3 * LANES) * FROM(y + i + 3 * LANES);
    }
    for (; i + LANES <= n; i += LANES) s0 += FROM(x + i) * FROM(y + i);
    V all = (s0 + s1) + (s2 + s3);
    double sum = SUM(all);
    for (; i < n; i++) sum += x[i] * y[i];
    return sum;
}

TARGET static void NAME(axpy)(size_t n, double f, const double *x, double *y) {
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) AT(y + i) += f * FROM(x + i);
    for (; i < n; i++) y[i] += f * x[i];
}

TARGET static void NAME(matvec)(size_t rows, size_t n, const double *a, size_t lda, const double *x, double *out) {
    for (size_t r = 0; r < rows; r++) out[r] = NAME(dot)(n, a + r * lda, x);
}

TARGET static void NAME(rank2)(size_t n, double *a, size_t lda, const double *v, const double *w) {
    for (size_t r = 0; r < n; r++) {
        double *row = a + r * lda;
        const double vr = v[r], wr = w[r];
        size_t i = 0;
        for (; i + LANES <= n; i += LANES) AT(row + i) -= vr * FROM(w + i) + wr * FROM(v + i);
        for (; i < n; i++) row[i] -= vr * w[i] + wr * v[i];
    }
}

TARGET static void NAME(reflect)(size_t rows, size_t n, double *a, size_t lda, const double *v, double tau) {
    for (size_t r = 0; r < rows; r++) {
        double *row = a + r * lda;
        NAME(axpy)(n, -tau * NAME(dot)(n, row, v), v, row);
    }
}

TARGET static void NAME(rotate)(size_t n, double *x, double *y, double c, double s) {
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        const V p = FROM(x + i), q = FROM(y + i);
        AT(x + i) = c * p - s * q;
        AT(y + i) = s * p + c * q;
    }
    for (; i < n; i++) {
        const double p = x[i], q = y[i];
        x[i] = c * p - s * q;
        y[i] = s * p + c * q;
    }
}

#undef LANES
#undef AT
#undef FROM
#undef V
#undef VU
#undef TARGET
#undef NAME
#undef SUM
