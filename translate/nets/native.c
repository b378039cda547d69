/* What a step on a CPU does between its matrix products, a few passes over memory in place of many: an instance norm with all that
   follows it, and the tiles of Winograd's convolution. native.py compiles and calls it.

   Maps are channels-last, [B,H,W,C], C a multiple of 16, float or bfloat16 (`half`); what is computed and kept beside them is float.
   Loops are cut alike for any number of threads, so that sums do not depend on it. */

#include <stdint.h>
#ifdef __AVX512BF16__
#include <immintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))
#define PARALLEL _Pragma("omp parallel for collapse(2) num_threads(threads)")

typedef float vec __attribute__((vector_size(64), aligned(4)));
typedef uint32_t bits __attribute__((vector_size(64), aligned(4)));
typedef uint16_t halves __attribute__((vector_size(32), aligned(2)));
enum { V = 16, CHUNKS = 16 };

INLINE vec load(const void *p, long i, long half) {
    if (!half) return *(const vec *)((const float *)p + i);
    return (vec)(__builtin_convertvector(*(const halves *)((const uint16_t *)p + i), bits) << 16);
}

INLINE void store(void *p, long i, vec x, long half) {
    if (!half) {
        *(vec *)((float *)p + i) = x;
        return;
    }
#ifdef __AVX512BF16__
    *(halves *)((uint16_t *)p + i) = (halves)_mm512_cvtneps_pbh((__m512)x);
#else
    bits b = (bits)x, rounded = b + 0x7fff + ((b >> 16) & 1); /* to nearest, ties to even; NaN stays NaN */
    bits nan = (bits)((b & 0x7fffffff) > 0x7f800000);
    *(halves *)((uint16_t *)p + i) = __builtin_convertvector(((rounded & ~nan) | (0x7fc00000 & nan)) >> 16, halves);
#endif
}

/* x where n is positive, slope * x elsewhere. */
INLINE vec leaky(vec x, vec n, float slope) {
    bits positive = (bits)(n > 0);
    return (vec)(((bits)x & positive) | ((bits)(x * slope) & ~positive));
}

/* ---- y = reflected(leaky((x - mean) / sd)) + skip ---- */

INLINE long reflected(long i, long n) { return i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i; }

/* The places of a padded line that show place i of a line of n. */
INLINE int shown(long i, long n, long pad, long at[3]) {
    int k = 0;
    at[k++] = i + pad;
    if (i >= 1 && i <= pad) at[k++] = pad - i;
    if (i <= n - 2 && n - 1 - i <= pad) at[k++] = 2 * (n - 1) - i + pad;
    return k;
}

INLINE void sums_to_moments(const float *sums, float *mean, float *rstd, const void *x, long b, long n, long C, float eps, long half) {
    for (long c = 0; c < C; c++) {
        double s = 0, q = 0, first = load(x, b * n * C + c / V * V, half)[c % V];
        for (long k = 0; k < CHUNKS; k++) s += sums[(k * 2) * C + c], q += sums[(k * 2 + 1) * C + c];
        double variance = (q - s * s / n) / n;
        mean[c] = first + s / n;
        rstd[c] = 1 / __builtin_sqrt((variance > 0 ? variance : 0 * variance) + eps);
    }
}

INLINE void norm_of(const void *x, const void *skip, void *y, float *mean, float *rstd, float *sums,
                    long B, long H, long W, long C, long pad, float slope, float eps, long threads, long half) {
    PARALLEL
    for (long b = 0; b < B; b++)
        for (long k = 0; k < CHUNKS; k++) { /* sums of distances from the first pixel, which cancel less than those from zero */
            const long first = k * H * W / CHUNKS, last = (k + 1) * H * W / CHUNKS;
            float *mine = sums + (b * CHUNKS + k) * 2 * C;
            for (long c = 0; c < 2 * C; c++) mine[c] = 0;
            for (long i = first; i < last; i++)
                for (long c = 0; c < C; c += V) {
                    vec d = load(x, (b * H * W + i) * C + c, half) - load(x, b * H * W * C + c, half);
                    store(mine, c, load(mine, c, 0) + d, 0);
                    store(mine, C + c, load(mine, C + c, 0) + d * d, 0);
                }
        }
    for (long b = 0; b < B; b++)
        sums_to_moments(sums + b * CHUNKS * 2 * C, mean + b * C, rstd + b * C, x, b, H * W, C, eps, half);
    const long PH = H + 2 * pad, PW = W + 2 * pad;
    PARALLEL
    for (long b = 0; b < B; b++)
        for (long i = 0; i < PH; i++)
            for (long j = 0; j < PW; j++) {
                const long from = ((b * H + reflected(i - pad, H)) * W + reflected(j - pad, W)) * C, to = ((b * PH + i) * PW + j) * C;
                for (long c = 0; c < C; c += V) {
                    vec n = (load(x, from + c, half) - load(mean, b * C + c, 0)) * load(rstd, b * C + c, 0);
                    n = leaky(n, n, slope);
                    store(y, to + c, skip ? n + load(skip, to + c, half) : n, half);
                }
            }
}

void norm(const void *x, const void *skip, void *y, float *mean, float *rstd, float *sums, long B, long H, long W, long C, long pad,
          float slope, float eps, long threads, long half) {
    if (half) norm_of(x, skip, y, mean, rstd, sums, B, H, W, C, pad, slope, eps, threads, 1);
    else norm_of(x, skip, y, mean, rstd, sums, B, H, W, C, pad, slope, eps, threads, 0);
}

/* The same of place j in a line of the map that `rows` show: places of the padded map, counted from its first. */
INLINE int all_shown(const long rows[3], int nr, long j, long W, long pad, long at[9]) {
    long columns[3];
    const int nc = shown(j, W, pad, columns);
    for (int r = 0; r < nr; r++)
        for (int k = 0; k < nc; k++) at[r * nc + k] = rows[r] * (W + 2 * pad) + columns[k];
    return nr * nc;
}

/* The slope of a pixel's normalised value n: of all n_at places that show it, behind the activation. */
INLINE vec slope_at(const void *g, vec n, const long at[9], int n_at, long C, long c, float slope, long half) {
    vec sum = load(g, at[0] * C + c, half);
    for (int k = 1; k < n_at; k++) sum += load(g, at[k] * C + c, half);
    return leaky(sum, n, slope);
}

INLINE void norm_backward_of(const void *g, const void *x, void *to_x, const float *mean, const float *rstd, float *sums,
                             long B, long H, long W, long C, long pad, float slope, long threads, long half) {
    const long plane = (H + 2 * pad) * (W + 2 * pad) * C * (half ? 2 : 4);
    PARALLEL
    for (long b = 0; b < B; b++)
        for (long k = 0; k < CHUNKS; k++) {
            float *mine = sums + (b * CHUNKS + k) * 2 * C;
            for (long c = 0; c < 2 * C; c++) mine[c] = 0;
            for (long i = k * H / CHUNKS; i < (k + 1) * H / CHUNKS; i++) {
                long rows[3], at[9];
                const int nr = shown(i, H, pad, rows);
                for (long j = 0; j < W; j++) {
                    const int n_at = all_shown(rows, nr, j, W, pad, at);
                    for (long c = 0; c < C; c += V) {
                        vec n = (load(x, ((b * H + i) * W + j) * C + c, half) - load(mean, b * C + c, 0)) * load(rstd, b * C + c, 0);
                        vec s = slope_at((const char *)g + b * plane, n, at, n_at, C, c, slope, half);
                        store(mine, c, load(mine, c, 0) + s, 0);
                        store(mine, C + c, load(mine, C + c, 0) + s * n, 0);
                    }
                }
            }
        }
    for (long b = 0; b < B; b++)
        for (long c = 0; c < 2 * C; c++) {
            double s = 0;
            for (long k = 0; k < CHUNKS; k++) s += sums[(b * CHUNKS + k) * 2 * C + c];
            sums[b * CHUNKS * 2 * C + c] = s / (H * W);
        }
    PARALLEL
    for (long b = 0; b < B; b++)
        for (long i = 0; i < H; i++) {
            const float *means = sums + b * CHUNKS * 2 * C;
            long rows[3], at[9];
            const int nr = shown(i, H, pad, rows);
            for (long j = 0; j < W; j++) {
                const int n_at = all_shown(rows, nr, j, W, pad, at);
                const long own = ((b * H + i) * W + j) * C;
                for (long c = 0; c < C; c += V) {
                    vec by = load(rstd, b * C + c, 0), n = (load(x, own + c, half) - load(mean, b * C + c, 0)) * by;
                    vec s = slope_at((const char *)g + b * plane, n, at, n_at, C, c, slope, half);
                    store(to_x, own + c, by * (s - load(means, c, 0) - n * load(means, C + c, 0)), half);
                }
            }
        }
}

void norm_backward(const void *g, const void *x, void *to_x, const float *mean, const float *rstd, float *sums, long B, long H, long W,
                   long C, long pad, float slope, long threads, long half) {
    if (half) norm_backward_of(g, x, to_x, mean, rstd, sums, B, H, W, C, pad, slope, threads, 1);
    else norm_backward_of(g, x, to_x, mean, rstd, sums, B, H, W, C, pad, slope, threads, 0);
}

/* ---- Winograd's F(4x4, 3x3): arXiv:1509.09308, section 4.3. A tile has 36 values, each in a plane of its own, [36][tiles,C], `plane`
   floats apart; tiles are in order of their pictures, rows and columns. ---- */

INLINE void bt(vec o[6], const vec d[6]) {
    vec even = d[4] - 4 * d[2], odd = d[3] - 4 * d[1], less = d[4] - d[2], twice = 2 * (d[3] - d[1]);
    o[0] = 4 * d[0] - 5 * d[2] + d[4], o[1] = even + odd, o[2] = even - odd;
    o[3] = less + twice, o[4] = less - twice, o[5] = 4 * d[1] - 5 * d[3] + d[5];
}

INLINE void b(vec o[6], const vec m[6]) {
    o[0] = 4 * m[0], o[1] = 4 * (m[2] - m[1] + m[5]) + 2 * (m[4] - m[3]), o[2] = -5 * m[0] - 4 * (m[1] + m[2]) - m[3] - m[4];
    o[3] = m[1] - m[2] + 2 * (m[3] - m[4]) - 5 * m[5], o[4] = m[0] + m[1] + m[2] + m[3] + m[4], o[5] = m[5];
}

INLINE void at(vec o[4], const vec m[6]) {
    vec plus = m[1] + m[2], minus = m[1] - m[2], more = m[3] + m[4], less = m[3] - m[4];
    o[0] = m[0] + plus + more, o[1] = minus + 2 * less, o[2] = plus + 4 * more, o[3] = minus + 8 * less + m[5];
}

INLINE void a(vec o[6], const vec g[4]) {
    vec even = g[0] + g[2], odd = g[1] + g[3], more = g[0] + 4 * g[2], less = 2 * g[1] + 8 * g[3];
    o[0] = g[0], o[1] = even + odd, o[2] = even - odd, o[3] = more + less, o[4] = more - less, o[5] = g[3];
}

INLINE void g(vec o[6], const vec w[3]) {
    vec ends = w[0] + w[2], more = w[0] + 4 * w[2];
    o[0] = w[0] / 4, o[1] = (ends + w[1]) / -6, o[2] = (ends - w[1]) / -6;
    o[3] = (more + 2 * w[1]) / 24, o[4] = (more - 2 * w[1]) / 24, o[5] = w[2];
}

INLINE void gt(vec o[3], const vec u[6]) {
    vec plus = (u[1] + u[2]) / 6, more = (u[3] + u[4]) / 24;
    o[0] = u[0] / 4 - plus + more, o[1] = (u[2] - u[1]) / 6 + (u[3] - u[4]) / 12, o[2] = 4 * more - plus + u[5];
}

/* A map's n x n places from each tile's first one on, transformed into its planes: Bt d B of n = 6, A d At of n = 4. */
INLINE void to_planes(const void *x, float *out, long plane, long B, long h, long w, long C, int n, long threads, long half) {
    const long H = 4 * h + n - 4, W = 4 * w + n - 4;
    PARALLEL
    for (long i = 0; i < B * h; i++)
        for (long j = 0; j < w; j++) {
            const long from = ((i / h * H + i % h * 4) * W + j * 4) * C;
            for (long c = 0; c < C; c += V) {
                vec half_way[6][6], line[6], done[6];
                for (int s = 0; s < n; s++) {
                    for (int r = 0; r < n; r++) line[r] = load(x, from + (r * W + s) * C + c, half);
                    n == 6 ? bt(done, line) : a(done, line);
                    for (int r = 0; r < 6; r++) half_way[r][s] = done[r];
                }
                for (int r = 0; r < 6; r++) {
                    n == 6 ? bt(done, half_way[r]) : a(done, half_way[r]);
                    for (int s = 0; s < 6; s++) store(out, (r * 6 + s) * plane + (i * w + j) * C + c, done[s], 0);
                }
            }
        }
}

void to_tiles(const void *x, float *out, long plane, long B, long h, long w, long C, long threads, long half) {
    if (half) to_planes(x, out, plane, B, h, w, C, 6, threads, 1);
    else to_planes(x, out, plane, B, h, w, C, 6, threads, 0);
}

void slope_to_tiles(const void *x, float *out, long plane, long B, long h, long w, long C, long threads, long half) {
    if (half) to_planes(x, out, plane, B, h, w, C, 4, threads, 1);
    else to_planes(x, out, plane, B, h, w, C, 4, threads, 0);
}

/* At m A: [36][tiles,C] -> [B,4h,4w,C] */
INLINE void from_tiles_of(const float *m, void *y, long plane, long B, long h, long w, long C, long threads, long half) {
    PARALLEL
    for (long i = 0; i < B * h; i++)
        for (long j = 0; j < w; j++)
            for (long c = 0; c < C; c += V) {
                vec half_way[4][6], line[6], done[4];
                for (int s = 0; s < 6; s++) {
                    for (int r = 0; r < 6; r++) line[r] = load(m, (r * 6 + s) * plane + (i * w + j) * C + c, 0);
                    at(done, line);
                    for (int r = 0; r < 4; r++) half_way[r][s] = done[r];
                }
                for (int r = 0; r < 4; r++) {
                    at(done, half_way[r]);
                    for (int s = 0; s < 4; s++) store(y, ((i * 4 + r) * w * 4 + j * 4 + s) * C + c, done[s], half);
                }
            }
}

void from_tiles(const float *m, void *y, long plane, long B, long h, long w, long C, long threads, long half) {
    if (half) from_tiles_of(m, y, plane, B, h, w, C, threads, 1);
    else from_tiles_of(m, y, plane, B, h, w, C, threads, 0);
}

/* B m Bt, added up where tiles overlap: [36][tiles,C] -> [B,4h+2,4w+2,C]. carry: [B,C/16,2,4w+2,16], the two rows that a row of tiles
   leaves to the next. */
INLINE void slope_from_tiles_of(const float *m, void *y, float *carry, long plane, long B, long h, long w, long C, long threads, long half) {
    const long H = 4 * h + 2, W = 4 * w + 2;
    PARALLEL
    for (long n = 0; n < B; n++)
        for (long k = 0; k < C / V; k++) {
            float *below = carry + (n * (C / V) + k) * 2 * W * V;
            for (long i = 0; i < 2 * W * V; i++) below[i] = 0;
            for (long i = 0; i < h; i++) {
                vec beside[6][2] = {0};
                for (long j = 0; j < w; j++) {
                    vec half_way[6][6], line[6], done[6];
                    for (int s = 0; s < 6; s++) {
                        for (int r = 0; r < 6; r++) line[r] = load(m, (r * 6 + s) * plane + ((n * h + i) * w + j) * C + k * V, 0);
                        b(done, line);
                        for (int r = 0; r < 6; r++) half_way[r][s] = done[r];
                    }
                    for (int r = 0; r < 6; r++) {
                        b(done, half_way[r]);
                        for (int s = 0; s < 2; s++) done[s] += beside[r][s], beside[r][s] = done[4 + s];
                        for (int s = 0; s < (j == w - 1 ? 6 : 4); s++) {
                            const long column = 4 * j + s, kept = (r % 4 * W + column) * V;
                            if (r < 2) done[s] += load(below, kept, 0);
                            if (r < 4) store(y, ((n * H + 4 * i + r) * W + column) * C + k * V, done[s], half);
                            else store(below, kept, done[s], 0);
                        }
                    }
                }
            }
            for (long r = 0; r < 2; r++)
                for (long column = 0; column < W; column++)
                    store(y, ((n * H + 4 * h + r) * W + column) * C + k * V, load(below, (r * W + column) * V, 0), half);
        }
}

void slope_from_tiles(const float *m, void *y, float *carry, long plane, long B, long h, long w, long C, long threads, long half) {
    if (half) slope_from_tiles_of(m, y, carry, plane, B, h, w, C, threads, 1);
    else slope_from_tiles_of(m, y, carry, plane, B, h, w, C, threads, 0);
}

/* G w Gt: [K,3,3,C] -> [36][K,C] */
void weight_to_tiles(const float *weight, float *out, long plane, long K, long C, long threads, long half) {
    (void)half;
    PARALLEL
    for (long k = 0; k < K; k++)
        for (long c = 0; c < C; c += V) {
            vec half_way[6][3], line[3], done[6];
            for (int s = 0; s < 3; s++) {
                for (int r = 0; r < 3; r++) line[r] = load(weight, ((k * 3 + r) * 3 + s) * C + c, 0);
                g(done, line);
                for (int r = 0; r < 6; r++) half_way[r][s] = done[r];
            }
            for (int r = 0; r < 6; r++) {
                g(done, half_way[r]);
                for (int s = 0; s < 6; s++) store(out, (r * 6 + s) * plane + k * C + c, done[s], 0);
            }
        }
}

/* Gt u G: [36][K,C] -> [K,3,3,C] */
void weight_slope_from_tiles(const float *u, float *out, long plane, long K, long C, long threads, long half) {
    (void)half;
    PARALLEL
    for (long k = 0; k < K; k++)
        for (long c = 0; c < C; c += V) {
            vec half_way[3][6], line[6], done[3];
            for (int s = 0; s < 6; s++) {
                for (int r = 0; r < 6; r++) line[r] = load(u, (r * 6 + s) * plane + k * C + c, 0);
                gt(done, line);
                for (int r = 0; r < 3; r++) half_way[r][s] = done[r];
            }
            for (int r = 0; r < 3; r++) {
                gt(done, half_way[r]);
                for (int s = 0; s < 3; s++) store(out, ((k * 3 + r) * 3 + s) * C + c, done[s], 0);
            }
        }
}
