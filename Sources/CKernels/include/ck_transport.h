// Steps of the exact transport solver and the cost matrices it works on. The general algorithm itself is Swift; assignments
// are solved here.
// Matrices are row-major float64 with a stride that is a multiple of 8; columns past the last hold +infinity.
#ifndef CAUSEWAY_CK_TRANSPORT_H
#define CAUSEWAY_CK_TRANSPORT_H
#include <stddef.h>
#include <stdint.h>

enum ck_ground { CK_GROUND_COSINE = 0, CK_GROUND_EUCLIDEAN = 1, CK_GROUND_SQUARED_EUCLIDEAN = 2 };

enum { CK_PANEL = 16 };  // tokens per panel of ck_pack_panels

/// Rearranges count x dimension tokens into panels of 16: panel p holds, coordinate by coordinate, the values of tokens
/// 16p ... 16p+15, zeros past the last, and behind them for each token its cross: a sum of products of its own coordinates that
/// ck_ground_costs may need. `panels` has room for ceil(count/16)*16*(dimension + 1) floats.
void ck_pack_panels(const float *tokens, size_t count, size_t dimension, float *panels);

/// norms[i] = |tokens[i]|, off by at most 2^-21 of itself; crosses[i] its cross. Returns the place of the first token that is not
/// finite, or `count`.
size_t ck_token_norms(const float *tokens, size_t count, size_t dimension, double *norms, double *crosses);

/// factors[i] = tokens[i] / norms[i] - centre, without the division where `norms` is NULL; factor_norms[i] = |factors[i]|, and
/// factor_crosses[i] its cross.
void ck_centre_tokens(const float *tokens, const double *norms, size_t count, size_t dimension, const float *centre,
                      float *factors, double *factor_norms, double *factor_crosses);

/// Tokens x against tokens y, and the factors of their products: the tokens themselves or, where `centred`, what
/// ck_centre_tokens makes of both with one centre and, under cosine, with their norms.
struct ck_token_pairs {
    int32_t ground, transposed, centred;
    const float *x, *y;
    const float *x_factors, *y_panels;  // the panels are those of ck_pack_panels
    const double *x_factor_norms, *y_factor_norms, *x_crosses;
    size_t x_count, y_count, dimension;
};

/// out[i*stride + j] = ground cost of x_i and y_j, or of x_j and y_i where transposed; +infinity past the last column.
/// Products in float32, summed over parts of 64 or 96 coordinates, these to runs of 512, runs in float64; pairs so near that
/// their products cancel, or so long or short that they leave float32's range, are computed again in float64.
///
/// A distance stays what it is when one vector is taken from both tokens, and the cosine cost is half the squared distance of
/// unit tokens: where tokens have much in common, centred factors leave nothing to cancel.
void ck_ground_costs(const struct ck_token_pairs *pairs, double *out, size_t stride);

/// minima[i] = min over j of costs[i][j] - column_duals[j] (no duals when NULL), where[i] = such a j.
void ck_reduce_rows(const double *costs, size_t rows, size_t columns, size_t stride, const double *column_duals,
                    double *minima, int64_t *where);

/// minima[j] = min over i of costs[i][j] - row_duals[i] (no duals when NULL), where[j] = the first such i; to `stride`.
void ck_reduce_columns(const double *costs, size_t rows, size_t columns, size_t stride, const double *row_duals,
                       double *minima, int64_t *where);

/// Column duals to begin with, near the optimal ones: from the rows' means, each column's mean of its four least rests, then in
/// each round of the two least by row and by column, in float32. Finite whatever the costs; 0 for padding.
/// `scratch` has room for ck_opening_scratch(rows, columns) floats.
void ck_opening_duals(const double *costs, size_t rows, size_t columns, size_t stride, int32_t rounds, float *scratch,
                      double *duals);

size_t ck_opening_scratch(size_t rows, size_t columns);

/// sums[i] = sum over j of exp(minima[i] - (costs[i][j] - column_duals[j])), minima being those of ck_reduce_rows for the same
/// duals: the logarithm of the sum less the minimum is a stable log-sum-exp. Padding adds nothing.
void ck_exp_sum_rows(const double *costs, size_t rows, size_t stride, const double *column_duals, const double *minima,
                     double *sums);

/// The same down the columns, for the minima of ck_reduce_columns; sums of the padding are undefined.
void ck_exp_sum_columns(const double *costs, size_t rows, size_t stride, const double *row_duals, const double *minima,
                        double *sums);

/// An assignment problem: as many columns as rows, each of mass one. By row or column means `count` numbers, to the stride
/// where vectors pass over them.
struct ck_assignment {
    const double *costs;
    size_t count, stride;
    double *row_duals, *column_duals;     // column duals to the stride
    int32_t *homes;                       // by row, its column; -1 while it has none
    int32_t *owners;                      // by column, its row; -1 while open
    double value;                         // the sum of the duals: at most the optimum at any time; NaN if the costs are
    // Memory of the run; the first four to the stride.
    double *distances, *open_duals;
    int32_t *predecessors;
    int64_t *column_places;
    int64_t *row_places;
    double *settled_distances;
    int32_t *settled;
};

/// Assigns every row a column at the least total cost and leaves duals that prove it, or stops as soon as their value is above
/// `threshold`. `column_duals` are any to begin with. Jonker and Volgenant 1987, without augmenting row reduction.
void ck_assign(struct ck_assignment *a, double threshold);

/// A search for shortest augmenting paths from one row: the problem, the plan so far, and the tree.
struct ck_tree {
    const double *costs;
    size_t stride;
    // The cells with mass, a list for each column: its head, and each cell's row and successor; below 0 ends a list.
    const int32_t *heads, *cell_rows, *nexts;
    const int64_t *demand;      // by column, what it still takes
    const double *row_duals;    // by row
    double *duals;              // by column; -infinity once settled
    double *distances;          // by column; +infinity once settled
    int32_t *predecessors;      // by column, the row it is reached from
    double *heights;            // by row in the tree, its distance
    int32_t *seen;              // by row: `number` once in the tree
    int32_t *entered_by, *entered_through;  // by row in the tree: the cell and the column it was reached through
    int32_t *scanned;           // rows in the tree in order
    double *offsets;            // beside them, height less dual
    int32_t *settled;           // columns settled in order
    double *settled_distances;  // beside them
    size_t scanned_count, relaxed_count, settled_count;
    int32_t number;
};

/// Settles the nearest open columns, several of equal distance at once, entering the rows that have mass in them, until one
/// with demand is settled, alone: returns it (its rows not entered yet) and its distance, or -1 if none can be reached.
/// `column` is the column settled last, whose rows are entered first at `*distance`; -1 for none.
int64_t ck_grow(struct ck_tree *tree, int64_t column, double *distance);

/// Enters the rows that have mass in a settled column.
void ck_enter_rows(struct ck_tree *tree, int64_t column, double height);
#endif
