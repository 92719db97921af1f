// Steps of the exact transport solver and the cost matrices it works on. The algorithm itself is Swift.
// Matrices are row-major float64 with a stride that is a multiple of 8; columns past the last hold +infinity.
#ifndef CAUSEWAY_CK_TRANSPORT_H
#define CAUSEWAY_CK_TRANSPORT_H
#include <stddef.h>
#include <stdint.h>

enum ck_ground { CK_GROUND_COSINE = 0, CK_GROUND_EUCLIDEAN = 1, CK_GROUND_SQUARED_EUCLIDEAN = 2 };

enum { CK_PANEL = 16 };  // tokens per panel of ck_pack_panels

/// Rearranges count x dimension tokens into panels of 16: panel p holds, coordinate by coordinate, the values of tokens
/// 16p ... 16p+15, zeros past the last. `panels` has room for ceil(count/16)*16*dimension floats.
void ck_pack_panels(const float *tokens, size_t count, size_t dimension, float *panels);

/// out[r*row_step + c*column_step] = x_r . y_c, float32 products summed over runs of 256 coordinates, runs in float64.
void ck_products(const float *x, size_t x_count, const float *panels, size_t y_count, size_t dimension, double *out,
                 size_t row_step, size_t column_step);

/// Turns products into ground costs in place, and fills the columns past the last with +infinity.
/// Pairs so near that the float32 products cancel are computed again in float64 from the tokens.
void ck_ground_costs(int32_t ground, double *costs, size_t rows, size_t columns, size_t stride, const float *x,
                     const double *x_norms, const float *y, const double *y_norms, size_t dimension);

/// minima[i] = min over j of costs[i][j] - column_duals[j] (no duals when NULL), where[i] = the first such j.
void ck_reduce_rows(const double *costs, size_t rows, size_t columns, size_t stride, const double *column_duals,
                    double *minima, int64_t *where);

/// minima[j] = min over i of costs[i][j] - row_duals[i] (no duals when NULL), where[j] = the first such i; to `stride`.
void ck_reduce_columns(const double *costs, size_t rows, size_t columns, size_t stride, const double *row_duals,
                       double *minima, int64_t *where);

/// Lowers distances[j] to offsets[r] + costs[rows[r]][j] - duals[j] over the given rows, noting the row in
/// predecessors[j]; then returns the first column of least distance, or -1 if all are infinite.
/// A settled column has distance +infinity and dual -infinity: nothing lowers it again.
int64_t ck_relax(const double *costs, size_t stride, const int64_t *rows, const double *offsets, size_t row_count,
                 const double *duals, double *distances, int64_t *predecessors, double *least);
#endif
