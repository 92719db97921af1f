// Would four bits do for the walk? The same best-first search of level 0 of a graph file, once by whole 8-bit codes and once
// by their upper four bits alone, with the pool scored again by all eight at the end. AVX-512 VNNI only; see four_bit_plane.py.
#include "ck_codes.h"
#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { K = 10, WIDTH_MAX = 1024, ROUNDS = 3, EXACT_MAX = 4 * K, AHEAD = 8, LIST_MAX = 256 };

struct candidate {
    float similarity;
    uint32_t node;
    int expanded;
};

static struct {
    size_t nodes, bytes, degree;  // bytes of a whole code
    uint8_t *codes, *upper;
    uint32_t *links;
    float *scales;  // scale and bias of each node
    uint8_t *visited, epoch;
} graph;

static struct {
    const int8_t *code;
    int32_t sum;  // of the code
    float scale, center;
} query;

static uint8_t *contents(const char *path, size_t *length) {
    FILE *file = fopen(path, "rb");
    if (!file) exit((perror(path), 1));
    fseek(file, 0, SEEK_END);
    *length = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = aligned_alloc(1 << 21, (*length + (1 << 21)) >> 21 << 21);
    madvise(bytes, *length, MADV_HUGEPAGE);
    if (fread(bytes, 1, *length, file) != *length) exit((perror(path), 1));
    fclose(file);
    return bytes;
}

/// The numbers of a .npy file of version 1, little-endian, C order.
static void *array(const char *path, size_t *bytes) {
    size_t length;
    uint8_t *file = contents(path, &length);
    size_t header = 10 + file[8] + 256u * file[9];
    *bytes = length - header;
    return file + header;
}

static uint8_t *section(uint8_t *file, const char *name) {
    uint32_t count;
    memcpy(&count, file + 20, 4);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *entry = file + 512 + 40 * i;
        uint64_t offset;
        memcpy(&offset, entry + 8, 8);
        if (!memcmp(entry, name, 4)) return file + offset;
    }
    exit((fprintf(stderr, "no section %s\n", name), 1));
}

static int32_t dot_whole(const uint8_t *code) {
    __m512i sum = _mm512_setzero_si512();
    for (size_t i = 0; i < graph.bytes; i += 64)
        sum = _mm512_dpbusd_epi32(sum, _mm512_loadu_si512(code + i), _mm512_loadu_si512(query.code + i));
    return _mm512_reduce_add_epi32(sum) - 128 * query.sum;
}

/// 64 bytes hold the upper halves of 128 components: the first 64 in their lower bits.
static int32_t dot_upper(const uint8_t *code) {
    __m512i even = _mm512_setzero_si512(), odd = even, mask = _mm512_set1_epi8(15);
    for (size_t i = 0; i < graph.bytes / 2; i += 64) {
        __m512i x = _mm512_loadu_si512(code + i);
        const int8_t *q = query.code + 2 * i;
        even = _mm512_dpbusd_epi32(even, _mm512_and_si512(x, mask), _mm512_loadu_si512(q));
        odd = _mm512_dpbusd_epi32(odd, _mm512_and_si512(_mm512_srli_epi16(x, 4), mask), _mm512_loadu_si512(q + 64));
    }
    return _mm512_reduce_add_epi32(_mm512_add_epi32(even, odd));
}

static float whole(uint32_t node) {
    return query.center + query.scale * graph.scales[2 * node] * (float)dot_whole(graph.codes + node * graph.bytes);
}

static float by_upper(uint32_t node) {
    float dot = 16.0f * (float)dot_upper(graph.upper + node * (graph.bytes / 2)) - 120.5f * (float)query.sum;
    return query.center + query.scale * graph.scales[2 * node] * dot;
}

static void fetch(int is_upper, uint32_t node) {
    size_t bytes = is_upper ? graph.bytes / 2 : graph.bytes;
    const uint8_t *code = (is_upper ? graph.upper : graph.codes) + node * bytes;
    for (size_t i = 0; i < bytes; i += 64) _mm_prefetch((const char *)code + i, _MM_HINT_T0);
}

static int insert(struct candidate *pool, int count, int width, struct candidate new, int *place) {
    *place = width;
    if (count == width) {
        if (new.similarity <= pool[count - 1].similarity) return count;
        count--;
    }
    int low = 0;
    for (int length = count; length > 0;) {
        int half = length / 2, goes_on = pool[low + half].similarity > new.similarity;
        low = goes_on ? low + half + 1 : low;
        length = goes_on ? length - half - 1 : half;
    }
    memmove(pool + low + 1, pool + low, (size_t)(count - low) * sizeof *pool);
    pool[*place = low] = new;
    return count + 1;
}

static inline int walk(int is_upper, int width, struct candidate *pool, long *distances) {
    if (++graph.epoch == 0) memset(graph.visited, 0, graph.nodes), graph.epoch = 1;
    graph.visited[0] = graph.epoch;
    pool[0] = (struct candidate){is_upper ? by_upper(0) : whole(0), 0, 0};
    int count = 1, cursor = 0;
    while (cursor < count) {
        if (pool[cursor].expanded) {
            cursor++;
            continue;
        }
        pool[cursor].expanded = 1;
        const uint32_t *list = graph.links + pool[cursor++].node * graph.degree;
        uint32_t ids[LIST_MAX];
        int found = 0;
        for (size_t slot = 0; slot < graph.degree && list[slot] < graph.nodes; slot++) {
            uint32_t next = list[slot];
            int is_new = graph.visited[next] != graph.epoch;
            graph.visited[next] = graph.epoch;
            _mm_prefetch((const char *)(graph.scales + 2 * next), _MM_HINT_T0);
            ids[found] = next;
            found += is_new;
        }
        if (cursor < count) {
            const char *likely = (const char *)(graph.links + pool[cursor].node * graph.degree);
            for (size_t i = 0; i < 4 * graph.degree; i += 64) _mm_prefetch(likely + i, _MM_HINT_T0);
        }
        for (int i = 0; i < found && i < AHEAD; i++) fetch(is_upper, ids[i]);
        *distances += found;
        for (int i = 0; i < found; i++) {
            if (i + AHEAD < found) fetch(is_upper, ids[i + AHEAD]);
            float similarity = is_upper ? by_upper(ids[i]) : whole(ids[i]);
            int place;
            count = insert(pool, count, width, (struct candidate){similarity, ids[i], 0}, &place);
            if (place < cursor) cursor = place;
        }
    }
    return count;
}

static int better(const void *a, const void *b) {
    float x = ((const struct candidate *)a)->similarity, y = ((const struct candidate *)b)->similarity;
    return x < y ? 1 : x > y ? -1 : 0;
}

/// Of the best `EXACT_MAX` of a pool, how many reach the k-th best cosine.
static int right(const struct candidate *pool, int count, const float *base, const int64_t *labels, size_t dimension,
                 const float *vector, double bar) {
    int hits = 0;
    for (int i = 0; i < count && i < EXACT_MAX; i++) {
        const float *x = base + (size_t)(labels[pool[i].node] - 1) * dimension;
        double xx = 0, xq = 0, qq = 0;
        for (size_t d = 0; d < dimension; d++) {
            xx += (double)x[d] * x[d];
            xq += (double)x[d] * vector[d];
            qq += (double)vector[d] * vector[d];
        }
        hits += xq / sqrt(xx * qq) >= bar - 1e-9;
    }
    return hits < K ? hits : K;
}

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void fill_signs(float *signs, size_t count, uint64_t state) {
    uint64_t word = 0;
    for (size_t i = 0; i < count; i++) {
        if (i % 64 == 0) {
            uint64_t z = state += 0x9E3779B97F4A7C15;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            word = z ^ (z >> 31);
        }
        signs[i] = word >> (i % 64) & 1 ? -1 : 1;
    }
}

/// Arguments: graph file, base.npy, queries.npy, float64 cosines of each query's best ten.npy. A JSON line a width and plane.
int main(int count, char **arguments) {
    if (count != 5) return fprintf(stderr, "graph base.npy queries.npy truth.npy\n"), 1;
    size_t length, base_bytes, query_bytes, truth_bytes;
    uint8_t *file = contents(arguments[1], &length);
    const float *base = array(arguments[2], &base_bytes), *vectors = array(arguments[3], &query_bytes);
    const double *truth = array(arguments[4], &truth_bytes);
    uint32_t dimension, bytes, degree;
    uint64_t seed, nodes;
    memcpy(&dimension, file + 72, 4), memcpy(&bytes, file + 76, 4), memcpy(&degree, file + 84, 4);
    memcpy(&seed, file + 96, 8), memcpy(&nodes, file + 104, 8);
    graph.nodes = nodes, graph.bytes = bytes, graph.degree = degree;
    if (bytes % 128 || degree > LIST_MAX) return fprintf(stderr, "not for codes of %u bytes\n", bytes), 1;
    graph.codes = section(file, "CODE"), graph.links = (uint32_t *)section(file, "LVL0");
    graph.scales = (float *)section(file, "SCAL"), graph.visited = calloc(nodes, 1);
    const int64_t *labels = (const int64_t *)section(file, "LABL");
    const float *mean = (const float *)section(file, "MEAN");
    graph.upper = aligned_alloc(1 << 21, (nodes * bytes / 2 + (1 << 21)) >> 21 << 21);
    madvise(graph.upper, nodes * bytes / 2, MADV_HUGEPAGE);
    for (size_t node = 0; node < nodes; node++)
        for (size_t i = 0; i < bytes; i += 128)
            for (size_t j = 0; j < 64; j++) {
                const uint8_t *code = graph.codes + node * bytes + i + j;
                graph.upper[node * bytes / 2 + i / 2 + j] = (uint8_t)(code[0] >> 4 | (code[64] & 0xF0));
            }
    size_t queries = query_bytes / 4 / dimension;
    float *signs = malloc(8 * bytes), *work = malloc(4 * bytes);
    int8_t *codes = aligned_alloc(64, queries * bytes), *fine = malloc(bytes);
    struct ck_query_scale *scale = malloc(queries * sizeof *scale);
    fill_signs(signs, 2 * bytes, seed);
    for (size_t i = 0; i < queries; i++)
        ck_codes_encode_query(vectors + i * dimension, dimension, bytes, mean, signs, work, codes + i * bytes, fine, scale + i);
    static const int widths[] = {16, 24, 32, 48, 64, 96, 128, 192, 256, 384};
    static struct candidate pool[WIDTH_MAX];
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++)
        for (int is_upper = 0; is_upper < 2; is_upper++) {
            double best = 1e30;
            long distances = 0, hits = 0;
            for (int round = 0; round < ROUNDS; round++) {
                double spent = 0;
                distances = hits = 0;
                for (size_t i = 0; i < queries; i++) {
                    query.code = codes + i * bytes, query.sum = scale[i].coarse_offset / 128;
                    query.scale = scale[i].coarse_scale, query.center = (float)scale[i].center;
                    double start = seconds();
                    int found = is_upper ? walk(1, widths[w], pool, &distances) : walk(0, widths[w], pool, &distances);
                    if (is_upper) {
                        for (int k = 0; k < found; k++) pool[k].similarity = whole(pool[k].node);
                        qsort(pool, (size_t)found, sizeof *pool, better);
                    }
                    spent += seconds() - start;
                    if (round == 0)
                        hits += right(pool, found, base, labels, dimension, vectors + i * dimension, truth[i * K + K - 1]);
                }
                if (round == 0) printf("{\"width\": %d, \"bits\": %d, \"recall\": %.4f, ", widths[w], is_upper ? 4 : 8,
                                       (double)hits / K / (double)queries);
                best = spent < best ? spent : best;
            }
            printf("\"codes\": %.1f, \"microseconds\": %.2f}\n", (double)distances / (double)queries,
                   1e6 * best / (double)queries);
        }
    return 0;
}
